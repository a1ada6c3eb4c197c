//! Checks of `observe`.

use std::net::IpAddr;

use super::Checks;
use crate::{config::path::Path, milter::ListenAddress};

impl Checks<'_> {
    pub(super) fn observe(&mut self) {
        let Some(address) = self.file.observe.http else {
            return;
        };
        let place = Path::of(&["observe", "http"]);
        if let ListenAddress::Inet { host, port, .. } = &self.file.listen {
            let host = host.parse::<IpAddr>();
            let is_same = |host: &IpAddr| {
                *host == address.ip() || host.is_unspecified() || address.ip().is_unspecified()
            };
            if *port == address.port() && *port != 0 && host.as_ref().is_ok_and(is_same) {
                self.findings.error(
                    &place,
                    format!("`observe.http` uses port {port}, which `listen` uses already"),
                    "use another port, such as `http: 127.0.0.1:8895`",
                );
                return;
            }
        }
        if !address.ip().to_canonical().is_loopback() {
            self.findings.warning(
                &place,
                format!("every host that reaches {address} can read how much mail you get, and what happens to it"),
                "use 127.0.0.1, or a firewall that admits only your monitoring host",
            );
        }
    }
}
