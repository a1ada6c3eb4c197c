//! A private OpenSMTPD on loopback that bounces: its own queue, log and accounts.

use crate::bouncer::Host;
use crate::mailboxes::Mailboxes;
use crate::mta::{Running, folder, make_folder, must_be_root, unpacked, write_accounts};
use crate::process::{free_port, has_ipv6, is_listening};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// OpenSMTPD was built for two accounts, a queue, a folder to lock itself into and a socket at places of its own, finds its
/// helpers in /usr/libexec, and asks the resolver for names. Takes: folder, unpacked tree, host name, then the command.
const ENTER: &str = r#"set -eu
hostname "$3"
for file in passwd group hosts; do mount --bind "$1/$file" "/etc/$file"; done
for place in spool lib; do mount --bind "$1/$place" "/var/$place"; done
mount --bind "$1/run" /run
mount --bind "$2/usr/libexec" /usr/libexec
exec >"$1/mail.log" 2>&1
shift 3
exec "$@"
"#;

/// Starts a daemon that takes mail for the host's domain and can't deliver it; its bounces go to `home`. In a container this
/// takes CAP_SYS_ADMIN, for namespaces.
pub fn start(host: &Host, home: SocketAddr) -> io::Result<Running> {
    must_be_root()?;
    let tree = unpacked("opensmtpd")?;
    let port = free_port()?;
    let folder = folder()?;
    let path = folder.path();
    let mailboxes = Mailboxes::create(path)?;
    write_accounts(path, &["opensmtpd", "opensmtpq"])?;
    for (place, mode) in [
        ("spool", "755"),
        ("spool/smtpd", "711"),
        ("lib", "755"),
        ("lib/opensmtpd", "755"),
        ("lib/opensmtpd/empty", "755"),
        ("run", "755"),
    ] {
        make_folder(&path.join(place), "root", "root", mode)?;
    }
    fs::write(path.join("hosts"), "127.0.0.1 localhost\n::1 localhost\n")?;
    let config = path.join("smtpd.conf");
    fs::write(&config, configuration(host, home, port, &mailboxes))?;
    let mut command = Command::new("unshare");
    command
        .args(["--uts", "--mount", "sh", "-c", ENTER, "enter"])
        .arg(path)
        .arg(&tree)
        .arg(&host.name)
        .arg(tree.join("usr/sbin/smtpd"))
        .args(["-d", "-f"])
        .arg(&config)
        .process_group(0);
    Running::start(
        is_listening,
        "OpenSMTPD",
        &mut command,
        port,
        mailboxes,
        folder,
    )
}

fn configuration(host: &Host, home: SocketAddr, port: u16, mailboxes: &Mailboxes) -> String {
    let (domain, address) = (&host.domain, host.address);
    let v6 = if has_ipv6() {
        format!("listen on ::1 port {port}\n")
    } else {
        String::new()
    };
    let public = match host.is_public {
        true => format!("listen on {address} port 25\n"),
        false => String::new(),
    };
    let refuse = mailboxes.refuse.display();
    let owner = Mailboxes::OWNER;
    format!(
        "table all {{ \"@{domain}\" = {owner} }}
listen on 127.0.0.1 port {port}
{v6}{public}action refuse mda \"{refuse}\" virtual <all>
action home relay host \"smtp+notls://{home}\" src {address}
match from any for domain {domain} action refuse
match from any for any action home
"
    )
}
