//! A network of a test's own, in which every IPv4 address is this host: strangers have addresses of their own there, and
//! names that DNS says lead back to them.

use crate::dns::{Server, Zone};
use crate::mta::{PATIENCE, folder, must_be_root};
use crate::process::wait_until;
use crate::smtp::Client;
use std::env;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

/// Set inside.
const INSIDE: &str = "LAB_INTERNET";

/// Where DNS answers inside; the system's resolver asks there.
pub const RESOLVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 53);

/// Takes: folder, then the command.
const ENTER: &str = r#"set -eu
ip link set lo up
ip route add local default dev lo
for file in hosts nsswitch.conf resolv.conf; do mount --bind "$1/$file" "/etc/$file"; done
shift
exec "$@"
"#;

/// Whether this is such a network. Outside, it runs this test of this program, by its full name, inside: a caller that is told
/// `false` has passed.
///
/// # Panics
/// Where the test fails inside, or is none.
pub fn is_inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let output = run_inside(test).unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    let passed = output.status.success() && said.contains("1 passed");
    assert!(passed, "inside, {test} did not pass:\n{said}{failed}");
    false
}

/// In a container this takes CAP_SYS_ADMIN and CAP_NET_ADMIN, for namespaces.
fn run_inside(test: &str) -> io::Result<std::process::Output> {
    must_be_root()?;
    let folder = folder()?;
    for (name, text) in [
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
        (
            "nsswitch.conf",
            "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
        ),
        ("resolv.conf", "nameserver 127.0.0.1\n"),
    ] {
        fs::write(folder.path().join(name), text)?;
    }
    Command::new("unshare")
        .args(["--net", "--mount", "--fork", "--kill-child"])
        .args(["sh", "-c", ENTER, "enter"])
        .arg(folder.path())
        .arg(env::current_exe()?)
        .args([test, "--exact"])
        .env(INSIDE, "1")
        .output()
}

/// Names of hosts, each with its address, which leads back to the name.
pub fn zone(hosts: &[(&str, Ipv4Addr)]) -> Zone {
    let mut zone = Zone::new();
    for (name, address) in hosts {
        zone = zone.a(name, *address).ptr(&reversed(*address), name);
    }
    zone
}

/// The name at which DNS has the names of an address.
pub fn reversed(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}

/// Answers from `zone` as the DNS of this network.
pub async fn serve(zone: Zone) -> io::Result<Server> {
    Server::start_on(RESOLVER, zone).await
}

/// A session with the MTA at port 25 of an address, from another one; waits until the MTA listens.
pub fn connect(server: Ipv4Addr, source: Ipv4Addr) -> io::Result<Client> {
    let mut session = Err(io::ErrorKind::TimedOut.into());
    wait_until(PATIENCE, || {
        session = Client::connect_from((server, 25).into(), source.into());
        let refused = session
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        Ok(!refused)
    })?;
    session
}
