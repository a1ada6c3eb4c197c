//! One Sendmail in which each layout is a domain. Each user is an alias of a mailbox in box.test.

use std::{
    fmt::Write as _,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    layout::{Class, Layout, Site, USERS},
    mta::Mta,
};
use crate::{
    mta::unpacked,
    sendmail::{Options, Sendmail},
};

/// Starts it with the lines of `packaging`; its tables are written into `folder`.
pub(super) fn start(
    site: Site,
    milter: SocketAddr,
    packaging: &Path,
    folder: &Path,
) -> io::Result<Mta> {
    let read = |name: &str| fs::read_to_string(packaging.join("sendmail").join(name));
    let milter = format!("{}@{}", milter.port(), milter.ip());
    let ours = [
        read("backstop.mc")?.replace("8894@127.0.0.1", &milter),
        read("prvs.mc")?,
    ];
    start_with(site, ours, folder)
}

/// The same as it is before anybody has heard of Backstop.
pub(super) fn start_without(site: Site, folder: &Path) -> io::Result<Mta> {
    start_with(site, [String::new(), String::new()], folder)
}

fn start_with(site: Site, [filter, rules]: [String; 2], folder: &Path) -> io::Result<Mta> {
    let mut domains: Vec<_> = site.layouts().iter().map(Layout::domain).collect();
    domains.push("counted.test".to_owned());
    let tables = folder.display();
    write_tables(site, folder)?;
    let luser = match site {
        Site::SendmailLuser => "define(`LUSER_RELAY', `local:caught')dnl",
        _ => "dnl",
    };
    let sendmail = Sendmail::start(&Options {
        domains,
        mailbox_domains: vec!["box.test".to_owned(), "friend.example".to_owned()],
        undeliverable: vec!["gone.example".to_owned()],
        mc: vec![
            filter,
            format!(
                "define(`ALIAS_FILE', `{tables}/aliases')dnl
define(`confALIAS_WAIT', `0')dnl
FEATURE(`virtusertable', `hash -o {tables}/virtusertable')dnl
FEATURE(`mailertable', `hash -o {tables}/mailertable')dnl
RELAY_DOMAIN(`mailer.test')dnl
{luser}"
            ),
            rules,
        ],
        ..Options::default()
    })?;
    Ok(Mta::Sendmail(Box::new(sendmail)))
}

fn write_tables(site: Site, folder: &Path) -> io::Result<()> {
    // `@` says that the table is whole.
    let mut aliases = "@ @\nteam joe@box.test,mary@box.test\ncaught caught@box.test\n".to_owned();
    for user in USERS.iter().filter(|user| user.is_ascii()) {
        let _ = writeln!(aliases, "{user} {user}@box.test");
    }
    let mut users = "info@counted.test joe\n".to_owned();
    for layout in site.layouts() {
        let domain = layout.domain();
        if layout.class == Class::Error {
            let _ = writeln!(
                users,
                "mute@{domain} error:5.1.1:550 gone\nlater@{domain} error:4.2.1:450 full"
            );
        }
        if layout.class != Class::Local && layout.class != Class::Luser || layout.catch_all {
            for user in USERS.iter().filter(|user| user.is_ascii()) {
                let is_there = layout.class == Class::Error && ["mute", "later"].contains(user);
                if !is_there {
                    let _ = writeln!(users, "{user}@{domain} {user}");
                }
            }
            let _ = writeln!(users, "team@{domain} team");
        }
        if layout.catch_all && layout.class != Class::Luser {
            let _ = writeln!(users, "@{domain} caught");
        }
    }
    let mailers = "mailer.test error:5.7.1:550 closed\n";
    for (name, lines) in [
        ("aliases", &*aliases),
        ("virtusertable", &users),
        ("mailertable", mailers),
    ] {
        make_map(&folder.join(name), lines)?;
    }
    Ok(())
}

/// `makemap hash`, and the text that it is made of.
fn make_map(path: &PathBuf, lines: &str) -> io::Result<()> {
    fs::write(path, lines)?;
    let makemap = unpacked("sendmail")?.join("usr/sbin/makemap");
    let status = Command::new(makemap)
        // It reads a configuration for a key that none of ours has.
        .args(["-C", "/dev/null", "hash"])
        .arg(path)
        .stdin(Stdio::from(fs::File::open(path)?))
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!("makemap: {}", path.display()))),
    }
}
