//! A private Exim on loopback that bounces, and Exim's string expansion without its daemon.

use crate::bouncer::Host;
use crate::mailboxes::Mailboxes;
use crate::mta::{Running, folder, make_folder, must_be_root, unpacked, write_accounts};
use crate::process::{free_port, has_ipv6, is_listening, run};
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Exim wants the account it was built for, which is none of this machine's. Takes: folder, then the command.
const ENTER: &str = r#"set -eu
for file in passwd group; do mount --bind "$1/$file" "/etc/$file"; done
shift
exec "$@"
"#;

/// That account, as Debian builds it.
const ACCOUNT: &str = "Debian-exim";

/// What each of `strings` expands to (`exim -be`). In a container this takes CAP_SYS_ADMIN, for a namespace.
pub fn expand(strings: &[&str]) -> io::Result<Vec<String>> {
    let folder = folder()?;
    let mut exim = command(folder.path(), "")?;
    let output = run(exim.arg("-be").args(strings))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::to_owned).collect())
}

/// Starts a daemon that takes mail for the host's domain and can't deliver it; its bounces go to `home`. `main` are more lines
/// for the main part of the configuration. In a container this takes CAP_SYS_ADMIN, for a namespace.
pub fn start(host: &Host, home: SocketAddr, main: &[&str]) -> io::Result<Running> {
    let port = free_port()?;
    let folder = folder()?;
    let path = folder.path();
    let mailboxes = Mailboxes::create(path)?;
    let mut exim = command(path, &configuration(host, home, port, path, main)?)?;
    // It makes its own folders below these, as itself.
    for name in ["spool", "log"] {
        make_folder(&path.join(name), "root", "root", "777")?;
    }
    symlink("log/mainlog", path.join("mail.log"))?;
    exim.arg("-bdf").process_group(0);
    Running::start(is_listening, "Exim", &mut exim, port, mailboxes, folder)
}

fn program() -> io::Result<PathBuf> {
    Ok(unpacked("exim")?.join("usr/sbin/exim4"))
}

/// Exim with this configuration, in a namespace that has its account.
fn command(path: &Path, configuration: &str) -> io::Result<Command> {
    must_be_root()?;
    let exim = program()?;
    write_accounts(path, &[ACCOUNT])?;
    let file = path.join("exim.conf");
    fs::write(&file, configuration)?;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", ENTER, "enter"])
        .arg(path)
        .arg(exim)
        .arg("-C")
        .arg(file);
    Ok(command)
}

/// Exim looks nobody up, and gives its rights up for good once it listens: with a configuration that isn't the installed one,
/// what it starts later would have none.
fn configuration(
    host: &Host,
    home: SocketAddr,
    port: u16,
    path: &Path,
    main: &[&str],
) -> io::Result<String> {
    let Host {
        name,
        domain,
        address,
        is_public,
    } = host;
    let exim = program()?;
    let exim = exim.display();
    let path = path.display();
    let main = main.join("\n");
    let v6 = if has_ipv6() { " ; ::1" } else { "" };
    let (public, lookup) = match is_public {
        true => (format!(" ; [{address}]:25"), "*"),
        false => (String::new(), ""),
    };
    let (home, home_port) = (home.ip(), home.port());
    Ok(format!(
        "primary_hostname = {name}
exim_path = {exim}
spool_directory = {path}/spool
log_file_path = {path}/log/%slog
pid_file_path = {path}/exim.pid
local_interfaces = <; 127.0.0.1{v6}{public}
daemon_smtp_ports = {port}
deliver_drop_privilege = true
keep_environment =
host_lookup = {lookup}
rfc1413_query_timeout = 0s
tls_advertise_hosts =
dsn_advertise_hosts = *
acl_smtp_rcpt = take
{main}

begin acl
take:
  accept

begin routers
refuse:
  driver = redirect
  domains = {domain}
  allow_fail
  data = :fail: there is no such user
home:
  driver = manualroute
  route_list = * {home} byname
  self = send
  transport = home

begin transports
home:
  driver = smtp
  port = {home_port}
  interface = {address}
  allow_localhost
  hosts_try_dane =
"
    ))
}
