//! The services of master.cf.

use super::lines::{assignment, logical_lines, words};

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name, with the type: `smtp/inet`, as `postconf -F` writes it.
    pub name: String,
    /// Whether it runs in a chroot; none for `-`, the default.
    chroot: Option<bool>,
    /// The program: `smtpd`.
    pub program: String,
    /// What else stands behind it, such as `argv=/usr/bin/procmail`; each word by itself.
    pub arguments: Vec<String>,
    /// Its `-o name=value`, in order.
    pub overrides: Vec<(String, String)>,
    /// The lines of the file that it takes, from 0.
    pub lines: Vec<usize>,
}

/// The services of a master.cf; lines that are none are left out.
pub fn services(text: &str) -> Vec<Service> {
    let lines = logical_lines(text);
    lines
        .into_iter()
        .filter_map(|line| service(&line.text, line.lines))
        .collect()
}

fn service(text: &str, lines: Vec<usize>) -> Option<Service> {
    let fields = fields(text);
    let mut fields = fields.iter().map(String::as_str);
    let (name, kind) = (fields.next()?, fields.next()?);
    let (_private, _unprivileged, chroot) = (fields.next()?, fields.next()?, fields.next()?);
    let (_wakeup, _limit, program) = (fields.next()?, fields.next()?, fields.next()?);
    let (mut overrides, mut arguments) = (Vec::new(), Vec::new());
    while let Some(field) = fields.next() {
        let pair = match field.strip_prefix("-o") {
            Some("") => fields.next(),
            Some(pair) => Some(pair),
            None => {
                arguments.push(field.to_owned());
                continue;
            }
        };
        if let Some((name, value)) = pair.and_then(|pair| assignment(unbraced(pair))) {
            overrides.push((name.to_owned(), value));
        }
    }
    Some(Service {
        name: format!("{name}/{kind}"),
        chroot: match chroot {
            "y" => Some(true),
            "n" => Some(false),
            _ => None,
        },
        program: program.to_owned(),
        arguments,
        overrides,
        lines,
    })
}

/// Blanks separate them, except in braces.
fn fields(text: &str) -> Vec<String> {
    let spaced = text.replace(',', "\u{1}");
    let fields = words(&spaced).into_iter();
    fields.map(|field| field.replace('\u{1}', ",")).collect()
}

/// `{ name = value }` of Postfix 3.0 and later.
fn unbraced(pair: &str) -> &str {
    let inner = pair
        .strip_prefix('{')
        .and_then(|pair| pair.strip_suffix('}'));
    inner.map_or(pair, str::trim)
}

impl Service {
    /// The last `-o` of this name.
    pub fn override_of(&self, name: &str) -> Option<&str> {
        let found = self.overrides.iter().rev().find(|(one, _)| one == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it runs in a chroot, where `default` is what `-` means.
    pub fn is_chrooted(&self, default: bool) -> bool {
        self.chroot.unwrap_or(default)
    }

    /// The program that pipe(8) runs.
    pub fn piped(&self) -> Option<&str> {
        let mut arguments = self.arguments.iter();
        arguments.find_map(|argument| argument.strip_prefix("argv="))
    }

    /// Its port or the name of one, and the host that it listens on if it says one: `127.0.0.1:10025/inet`.
    fn place(&self) -> (Option<&str>, &str) {
        let place = self.name.rsplit_once('/').map_or("", |(place, _)| place);
        match place.rsplit_once(':') {
            Some((host, port)) => (Some(host), port),
            None => (None, place),
        }
    }

    /// Whether clients come by TCP, directly or through postscreen.
    pub fn takes_mail(&self) -> bool {
        let kind = self.name.rsplit_once('/').map(|(_, kind)| kind);
        self.program == "smtpd" && matches!(kind, Some("inet" | "pass"))
    }

    /// Whether it is for users who log in: by its port, or because it takes nobody else.
    pub fn is_submission(&self) -> bool {
        let (_, port) = self.place();
        let only_users = [
            "smtpd_client_restrictions",
            "smtpd_relay_restrictions",
            "smtpd_recipient_restrictions",
        ];
        let only_users = only_users.iter().any(|name| {
            let restrictions = words(self.override_of(name).unwrap_or_default());
            let admits = restrictions
                .iter()
                .any(|word| word == "permit_sasl_authenticated");
            admits && restrictions.last().is_some_and(|last| last == "reject")
        });
        self.takes_mail()
            && (only_users
                || matches!(port, "submission" | "submissions" | "smtps" | "465" | "587"))
    }

    /// Whether it listens on this host only, and not on the port of SMTP: for a content filter that hands mail back.
    pub fn is_inner(&self) -> bool {
        let (host, port) = self.place();
        let host = host.unwrap_or_default().trim_matches(['[', ']']);
        let is_loopback = host == "localhost" || host == "::1" || host.starts_with("127.");
        self.takes_mail() && is_loopback && !matches!(port, "smtp" | "25") && !self.is_submission()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = "\
# service type  private unpriv  chroot  wakeup  maxproc command + args
smtp      inet  n       -       y       -       -       smtpd
smtpd     pass  -       -       -       -       -       smtpd
submission inet n       -       n       -       -       smtpd -o syslog_name=postfix/submission
  -o smtpd_milters=inet:127.0.0.1:8891,inet:localhost:1
#  -o commented=yes
  -o { smtpd_relay_restrictions = permit_sasl_authenticated, reject }
  -osmtpd_sasl_auth_enable=yes
588       inet  n - n - - smtpd
  -o smtpd_client_restrictions=permit_mynetworks,permit_sasl_authenticated,reject
127.0.0.1:10025 inet n - y - - smtpd
[::1]:10025 inet n - y - - smtpd
127.0.0.1:25 inet n - y - - smtpd
broken line
maildrop  unix  -       n       n       -       -       pipe
  flags=DRhu user=vmail argv=/usr/bin/maildrop -d ${recipient}
";

    #[test]
    fn services_are_what_they_are_for() {
        let services = services(MASTER);
        let found: Vec<_> = services
            .iter()
            .map(|service| {
                let Service { name, lines, .. } = service;
                let kinds = [
                    service.takes_mail(),
                    service.is_submission(),
                    service.is_inner(),
                    service.is_chrooted(false),
                ];
                (name.as_str(), lines.first().copied(), kinds)
            })
            .collect();
        let (y, n) = (true, false);
        assert_eq!(
            found,
            [
                ("smtp/inet", Some(1), [y, n, n, y]),
                ("smtpd/pass", Some(2), [y, n, n, n]),
                ("submission/inet", Some(3), [y, y, n, n]),
                ("588/inet", Some(8), [y, y, n, n]),
                ("127.0.0.1:10025/inet", Some(10), [y, n, y, y]),
                ("[::1]:10025/inet", Some(11), [y, n, y, y]),
                ("127.0.0.1:25/inet", Some(12), [y, n, n, y]),
                ("maildrop/unix", Some(14), [n, n, n, n]),
            ]
        );
        let submission = services
            .iter()
            .find(|one| one.name == "submission/inet")
            .unwrap();
        assert_eq!(
            submission.override_of("smtpd_milters"),
            Some("inet:127.0.0.1:8891,inet:localhost:1")
        );
        assert_eq!(
            submission.override_of("smtpd_sasl_auth_enable"),
            Some("yes")
        );
        assert_eq!(submission.override_of("commented"), None);
        assert_eq!(submission.overrides.len(), 4);
        let maildrop = services.last().unwrap();
        assert_eq!(maildrop.piped(), Some("/usr/bin/maildrop"));
    }
}
