//! Whom each panel knows. All of them have the same domains and people, as far as they can say it.

use super::Panel::{self, Iredmail, IredmailLdap, Mailcow, Mailinabox, Postfixadmin};

const ALL: &[Panel] = &[Postfixadmin, Mailinabox, Iredmail, IredmailLdap, Mailcow];
const NONE: &[Panel] = &[];

/// An address, and the panels that know it.
pub const KNOWN: &[(&str, &[Panel])] = &[
    // Mailboxes, in any spelling, and nobody else.
    ("joe@example.org", ALL),
    ("JOE@Example.ORG", ALL),
    ("\"joe\"@example.org", ALL),
    ("joe+news@example.org", ALL),
    ("o'brien@example.org", ALL),
    ("a_b@example.org", ALL),
    ("axb@example.org", NONE),
    ("ann@example.net", ALL),
    ("nobody@example.org", NONE),
    ("nobody+joe@example.org", NONE),
    ("joe@example.net", NONE),
    ("room@example.org", &[Mailcow]),
    // What would mean more than itself, were it part of the question.
    ("%@example.org", NONE),
    ("joe%@example.org", NONE),
    ("_oe@example.org", NONE),
    ("*@example.org", NONE),
    ("j*@example.org", NONE),
    ("' OR '1'='1@example.org", NONE),
    ("\"joe)(mail=*\"@example.org", NONE),
    ("\"@example.net\"@example.net", NONE),
    ("\"joe@example.org\"@example.net", NONE),
    // What a table in an older character set can't even compare.
    ("dörst@example.org", NONE),
    ("漢字@example.org", NONE),
    ("😀@example.org", NONE),
    // Disabled, or not for mail from outside.
    ("off@example.org", NONE),
    ("off+news@example.org", NONE),
    ("nothing-comes@example.org", NONE),
    ("no-login@example.org", &[Mailcow]),
    // Aliases: disabled, and of a disabled mailbox. A filter can't look at what an alias leads to.
    ("info@example.org", ALL),
    ("Info+x@example.org", ALL),
    ("far@example.org", ALL),
    ("someone@far.test", NONE),
    ("two@example.org", ALL),
    ("dead@example.org", &[IredmailLdap]),
    ("alias-off@example.org", NONE),
    ("alias-half@example.org", &[Mailcow]),
    ("joseph@example.org", &[Iredmail, IredmailLdap]),
    ("list@example.org", &[Iredmail, IredmailLdap]),
    ("for-a-year@example.org", &[Mailcow]),
    ("over@example.org", NONE),
    ("send-only@example.org", NONE),
    ("abuse@example.org", &[Mailinabox]),
    ("postmaster@box.example.org", &[Mailinabox]),
    // Only the catch-all takes it.
    ("whatever@example.net", NONE),
    ("whatever@alias-net.example", NONE),
    // Alias domains. mailcow's reach mailboxes alone, and have aliases of their own.
    ("joe@alias.example", ALL),
    ("JOE+x@alias.example", ALL),
    ("ann@alias-net.example", ALL),
    (
        "info@alias.example",
        &[Postfixadmin, Mailinabox, Iredmail, IredmailLdap],
    ),
    ("own@alias.example", &[Mailcow]),
    ("off@alias.example", NONE),
    ("dead@alias.example", NONE),
    ("nobody@alias.example", NONE),
    ("ann@alias.example", NONE),
    // Domains that are disabled, or not ours.
    ("joe@alias-off.example", NONE),
    ("joe@alias-old.example", NONE),
    ("joe@old.example", NONE),
    ("joe@backup.example", NONE),
    ("joe@far.test", NONE),
    ("joe@example.org.far.test", NONE),
];

impl Panel {
    /// The domains that are ours, in their order.
    pub fn domains(self) -> &'static [&'static str] {
        match self {
            // An alias domain is a domain of its own there, whatever its alias does.
            Postfixadmin => &[
                "alias-net.example",
                "alias-off.example",
                "alias-old.example",
                "alias.example",
                "example.net",
                "example.org",
            ],
            Mailinabox => &[
                "alias-net.example",
                "alias.example",
                "box.example.org",
                "example.net",
                "example.org",
            ],
            Iredmail | IredmailLdap | Mailcow => &[
                "alias-net.example",
                "alias.example",
                "example.net",
                "example.org",
            ],
        }
    }
}
