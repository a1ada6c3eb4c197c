//! The change of sendmail.mc.

use super::{
    super::sendmail::Sendmail,
    postfix::{Change, Changes, What},
};
use crate::milter::ListenAddress;

/// The line that makes Sendmail ask the daemon at this address.
pub fn changes(sendmail: &Sendmail, listen: &ListenAddress) -> Changes {
    let mut found = Changes::default();
    let socket = match listen {
        ListenAddress::Inet { host, port, ipv6 } => {
            let kind = if *ipv6 { "inet6" } else { "inet" };
            format!("{kind}:{port}@{host}")
        }
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    };
    let is_ours =
        |(name, equates): &&(String, String)| name == "backstop" || equates.contains(&socket);
    if sendmail.filters.iter().any(|filter| is_ours(&filter)) {
        found
            .notes
            .push("Sendmail asks Backstop already, so its files stay as they are".to_owned());
        return found;
    }
    if sendmail.mc.is_none() {
        found.blocked = Some(format!(
            "there is no /etc/mail/sendmail.mc; sendmail.cf needs `Xbackstop, S={socket}, F=T, T=C:30s;S:10s;R:30s;E:5m` and \
             backstop first in InputMailFilters"
        ));
        return found;
    }
    if sendmail.mc_text.contains("define(`confINPUT_MAIL_FILTERS'") {
        found.notes.push(
            "sendmail.mc names its filters in confINPUT_MAIL_FILTERS: put backstop first there, by hand".to_owned(),
        );
    }
    let others: Vec<&str> = sendmail
        .filters
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    let reason = match others.as_slice() {
        [] => "mail is shown to Backstop; F=T refuses it for now while Backstop is down (451)"
            .to_owned(),
        others => format!(
            "Backstop is first: it refuses at RCPT, and what comes behind it ({}) sees its headers; F=T refuses mail for now while \
             it is down (451)",
            others.join(", ")
        ),
    };
    found.changes.push(Change {
        what: What::Mc {
            line: format!(
                "INPUT_MAIL_FILTER(`backstop', `S={socket}, F=T, T=C:30s;S:10s;R:30s;E:5m')dnl"
            ),
        },
        reason,
    });
    found
}
