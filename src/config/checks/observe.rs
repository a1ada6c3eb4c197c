//! Checks of `observe`.

use std::net::IpAddr;

use super::Checks;
use crate::{config::path::Path, milter::ListenAddress, observe::HttpAddress};

impl Checks<'_> {
    pub(super) fn observe(&mut self) {
        let place = Path::of(&["observe", "http"]);
        let address = match &self.file.observe.http {
            None => return,
            Some(HttpAddress::Unix(path)) => {
                let is_taken = matches!(&self.file.listen, ListenAddress::Unix(own) if own == path);
                if is_taken {
                    let path = path.display();
                    self.findings.error(
                        &place,
                        format!("`observe.http` uses {path}, which `listen` uses already"),
                        "use another file, such as `http: unix:/run/backstop/http.sock`",
                    );
                }
                return;
            }
            Some(HttpAddress::Tcp(address)) => *address,
        };
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
