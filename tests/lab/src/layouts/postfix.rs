//! One Postfix in which each layout is a domain, and each service a port.

use std::{fmt::Write as _, fs, io, net::SocketAddr, path::Path};

use super::{
    layout::{Class, Layout, Service, Site, USERS},
    mta::Mta,
};
use crate::{
    postfix::{Options, Postfix},
    process::free_port,
    sink::Sink,
};

/// Starts it with the lines of `packaging`; its tables are written into `folder`.
pub(super) fn start(
    site: Site,
    milter: SocketAddr,
    packaging: &Path,
    folder: &Path,
) -> io::Result<Mta> {
    let lines = lines_of_packaging(site, milter, packaging, folder)?;
    start_with(site, &lines, "", folder)
}

/// The same as it is before anybody has heard of Backstop, with more services.
pub(super) fn start_without(site: Site, services: &str, folder: &Path) -> io::Result<Mta> {
    let lines = format!("recipient_delimiter = {}", site.delimiter());
    start_with(site, &lines, services, folder)
}

fn start_with(site: Site, lines: &str, services: &str, folder: &Path) -> io::Result<Mta> {
    let sink = Sink::start_refusing(is_unknown)?;
    let domains: Vec<Layout> = site.layouts();
    let domains = domains
        .iter()
        .filter(|layout| layout.service != Service::Unlisted);
    let tables = Tables::of(domains, sink.addr());
    tables.write(folder)?;
    let (unlisted, verified) = (free_port()?, free_port()?);
    let postfix = Postfix::start(&Options {
        main_cf: vec![main_cf(lines, sink.addr(), folder)],
        master_cf: vec![format!(
            "127.0.0.1:{unlisted} inet n - n - - smtpd
  -o smtpd_reject_unlisted_recipient=no
127.0.0.1:{verified} inet n - n - - smtpd
  -o {{ smtpd_recipient_restrictions = permit_sasl_authenticated, reject_unverified_recipient }}
  -o unverified_recipient_reject_code=550
local unix - n n - - local
lmtp unix - - n - - lmtp
{services}"
        )],
        ..Options::default()
    })?;
    Ok(Mta::Postfix {
        postfix: Box::new(postfix),
        unlisted,
        verified,
        sink,
    })
}

/// Whom the next hop doesn't know.
fn is_unknown(address: &str) -> bool {
    if address.ends_with("@gone.example") {
        return true;
    }
    let stranger = ["nosuch", "bücher", "rejected"];
    !address.contains("-any.") && stranger.iter().any(|word| address.contains(word))
}

/// What is shipped for Postfix, and for tags in it.
fn lines_of_packaging(
    site: Site,
    milter: SocketAddr,
    packaging: &Path,
    folder: &Path,
) -> io::Result<String> {
    let read = |name: &str| fs::read_to_string(packaging.join("postfix").join(name));
    let shipped = read("main.cf")?.replace("127.0.0.1:8894", &milter.to_string());
    let delimiter = site.delimiter();
    let pattern = read("prvs.pcre")?
        .replace(r"example\.org", r"[a-z-]+\.test")
        .replace("+prvs=", &format!("{delimiter}prvs="));
    fs::write(folder.join("prvs.pcre"), pattern)?;
    let tags = read("prvs.cf")?
        .replace("/etc/postfix", &folder.display().to_string())
        .replace(
            "recipient_delimiter = +",
            &format!("recipient_delimiter = {delimiter}"),
        );
    // Postfix takes a tag off that stands in front, and knows none behind.
    let own_bounces = match site {
        Site::PostfixDash => "internal_mail_filter_classes = bounce",
        _ => "",
    };
    Ok(format!("{shipped}\n{tags}\n{own_bounces}"))
}

fn main_cf(lines: &str, sink: SocketAddr, folder: &Path) -> String {
    let tables = folder.display();
    format!(
        "{lines}
mydestination = local.test local-any.test
myorigin = local.test
local_recipient_maps = texthash:{tables}/users
alias_maps = texthash:{tables}/aliases
mailbox_transport = lmtp:inet:{sink}
default_transport = lmtp:inet:{sink}
lmtp_destination_recipient_limit = 1
virtual_alias_domains = alias.test alias-any.test counted.test
virtual_alias_maps = texthash:{tables}/virtual
virtual_mailbox_domains = box.test mailbox.test mailbox-any.test lmtp.test lmtp-any.test error.test error-any.test
virtual_mailbox_maps = texthash:{tables}/listed
relay_domains = relay.test relay-any.test verify.test verify-any.test
relay_recipient_maps = texthash:{tables}/listed
relay_transport = lmtp:inet:{sink}
transport_maps = texthash:{tables}/transport
address_verify_poll_delay = 1s
# 26 layouts send at the same time.
smtpd_client_connection_count_limit = 0"
    )
}

/// The lookup tables, one line an entry.
#[derive(Default)]
struct Tables {
    users: String,
    aliases: String,
    virtual_aliases: String,
    /// For `virtual_mailbox_maps` and `relay_recipient_maps` alike: each looks up its own domains.
    listed: String,
    transport: String,
}

impl Tables {
    fn of<'a>(layouts: impl Iterator<Item = &'a Layout>, sink: SocketAddr) -> Self {
        let mut tables = Self::default();
        for user in USERS {
            let _ = writeln!(tables.users, "{user} x");
        }
        let _ = writeln!(tables.users, "team x\ncaught x");
        let _ = writeln!(tables.aliases, "team joe, mary");
        let _ = writeln!(tables.listed, "@box.test x");
        let _ = writeln!(tables.virtual_aliases, "info@counted.test joe@box.test");
        let _ = writeln!(tables.transport, "box.test lmtp:inet:{sink}");
        for layout in layouts {
            tables.add(layout, sink);
        }
        tables
    }

    fn add(&mut self, layout: &Layout, sink: SocketAddr) {
        let domain = layout.domain();
        let any = layout.catch_all;
        let aliases = &mut self.virtual_aliases;
        let mut alias = |from: &str, to: &str| {
            let _ = writeln!(aliases, "{from}@{domain} {to}");
        };
        match layout.class {
            Class::Alias => {
                for user in USERS {
                    alias(user, &format!("{user}@box.test"));
                }
                alias("team", "joe@box.test, mary@box.test");
                if any {
                    alias("", "caught@box.test");
                }
            }
            // The catch-all stands behind the aliases, so all that is no alias must be named.
            Class::Local if any => {
                for user in USERS.iter().chain(&["team"]) {
                    alias(user, &format!("{user}@{domain}"));
                }
                alias("", "caught@local.test");
            }
            Class::Local | Class::Luser => {}
            Class::Mailbox | Class::Relay | Class::Lmtp | Class::Error | Class::Verify => {
                alias("team", &format!("joe@{domain}, mary@{domain}"));
                let list = &mut self.listed;
                if any || layout.class == Class::Verify {
                    let _ = writeln!(list, "@{domain} x");
                }
                for user in USERS {
                    let _ = writeln!(list, "{user}@{domain} x");
                }
            }
        }
        let transport = &mut self.transport;
        let _ = match layout.class {
            Class::Lmtp => writeln!(transport, "{domain} lmtp:inet:{sink}"),
            Class::Verify => writeln!(transport, "{domain} smtp:[{}]:{}", sink.ip(), sink.port()),
            Class::Error => writeln!(
                transport,
                "mute@{domain} error:5.1.1\nlater@{domain} retry:4.2.1 the mailbox is full"
            ),
            _ => Ok(()),
        };
    }

    fn write(&self, folder: &Path) -> io::Result<()> {
        for (name, lines) in [
            ("users", &self.users),
            ("aliases", &self.aliases),
            ("virtual", &self.virtual_aliases),
            ("listed", &self.listed),
            ("transport", &self.transport),
        ] {
            fs::write(folder.join(name), lines)?;
        }
        Ok(())
    }
}
