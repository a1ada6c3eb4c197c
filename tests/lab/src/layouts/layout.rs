//! What layouts there are: how a domain is known to the MTA, whether it has a catch-all, and what stands before it.

use std::fmt;

use serde::Deserialize;

/// How the MTA is set up, and Backstop with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Site {
    /// Postfix with `recipient_delimiter = +`, tags in front (the lines of `packaging/postfix/prvs.cf`).
    Postfix,
    /// Postfix with `recipient_delimiter = -`, tags behind, and its own bounces through `non_smtpd_milters`.
    PostfixDash,
    /// Sendmail with a virtusertable and a mailertable, tags in front (the lines of `packaging/sendmail/prvs.mc`).
    Sendmail,
    /// The same with a LUSER_RELAY.
    SendmailLuser,
}

impl Site {
    pub(super) fn delimiter(self) -> char {
        match self {
            Self::PostfixDash => '-',
            Self::Postfix | Self::Sendmail | Self::SendmailLuser => '+',
        }
    }

    /// The word for `proof.batv.layout`.
    pub(super) fn tags(self) -> &'static str {
        match self {
            Self::PostfixDash => "sub_address",
            Self::Postfix | Self::Sendmail | Self::SendmailLuser => "prvs",
        }
    }

    pub(super) fn is_sendmail(self) -> bool {
        matches!(self, Self::Sendmail | Self::SendmailLuser)
    }

    pub(super) fn layouts(self) -> Vec<Layout> {
        let classes: &[(Class, &[Service])] = match self {
            Self::Postfix | Self::PostfixDash => &[
                (Class::Local, &[Service::Listed, Service::Unlisted]),
                (Class::Alias, &[Service::Listed, Service::Unlisted]),
                (Class::Mailbox, &[Service::Listed, Service::Unlisted]),
                (Class::Relay, &[Service::Listed, Service::Unlisted]),
                (Class::Lmtp, &[Service::Listed, Service::Unlisted]),
                (Class::Error, &[Service::Listed, Service::Unlisted]),
                (Class::Verify, &[Service::Verified]),
            ],
            Self::Sendmail => &[
                (Class::Local, &[Service::Listed]),
                (Class::Alias, &[Service::Listed]),
                (Class::Error, &[Service::Listed]),
            ],
            Self::SendmailLuser => &[(Class::Luser, &[Service::Listed])],
        };
        let mut layouts = Vec::new();
        for &(class, services) in classes {
            for &service in services {
                // A LUSER_RELAY takes what nobody else does.
                for catch_all in [false, true] {
                    if class == Class::Luser && !catch_all {
                        continue;
                    }
                    layouts.push(Layout {
                        class,
                        service,
                        catch_all,
                    });
                }
            }
        }
        layouts
    }
}

/// How a domain is known to the MTA.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Class {
    /// `mydestination`, with aliases that `local` expands. Sendmail: class w.
    Local,
    /// `virtual_alias_domains`. Sendmail: a virtusertable.
    Alias,
    /// `virtual_mailbox_domains`.
    Mailbox,
    /// `relay_domains` with `relay_recipient_maps`.
    Relay,
    /// `virtual_mailbox_domains` that are delivered by LMTP.
    Lmtp,
    /// Some of its addresses have `error:` and `retry:` in `transport_maps`. Sendmail: `error:` in the virtusertable.
    Error,
    /// `relay_domains` without lists, whose next hop is asked (`reject_unverified_recipient`).
    Verify,
    /// Sendmail's LUSER_RELAY.
    Luser,
}

/// What the MTA asks before it takes a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// Its lists.
    Listed,
    /// Nothing: `smtpd_reject_unlisted_recipient = no`.
    Unlisted,
    /// The next hop.
    Verified,
}

/// One layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) class: Class,
    pub(super) service: Service,
    pub(super) catch_all: bool,
}

/// Who has a mailbox: besides, `team` is joe and mary.
pub(super) const USERS: &[&str] = &["joe", "mary", "ann-lee", "büro", "noreply", "mute", "later"];

impl Layout {
    pub(super) fn domain(&self) -> String {
        let any = if self.catch_all { "-any" } else { "" };
        format!("{:?}{any}.test", self.class).to_ascii_lowercase()
    }

    /// The mailboxes that mail to this local part, without a tag, arrives in.
    pub(super) fn boxes(&self, local: &str, site: Site) -> Vec<String> {
        let base = match USERS.contains(&local) {
            true => local,
            false => local.split(site.delimiter()).next().unwrap_or(local),
        };
        // There, an alias of the user's is all that there is.
        let local = if site.is_sendmail() { base } else { local };
        let domain = match self.class {
            _ if site.is_sendmail() => "box.test".to_owned(),
            Class::Alias => "box.test".to_owned(),
            Class::Local if base == "team" => "local.test".to_owned(),
            _ => self.domain(),
        };
        let users: &[&str] = match base {
            "team" => &["joe", "mary"],
            _ if USERS.contains(&base) => &[local],
            _ if site.is_sendmail() => &["caught"],
            _ => match self.class {
                Class::Local => return vec!["caught@local.test".to_owned()],
                Class::Alias => &["caught"],
                _ => &[local],
            },
        };
        users
            .iter()
            .map(|user| format!("{user}@{domain}"))
            .collect()
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.domain(), self.service)
    }
}
