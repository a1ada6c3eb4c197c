//! A private amavis, behind the queue of a private Postfix: it looks into nothing, and hands all mail back.

use crate::mailboxes::Mailboxes;
use crate::mta::{Running, folder, make_folder, must_be_root, unpacked};
use crate::process::{free_port, is_listening_v4};
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// It finds its modules in Perl's own folders alone. Takes: unpacked tree, then the command.
const ENTER: &str = r#"set -eu
cd "$1"
for place in usr/share/perl5 usr/lib/*/perl5; do mount --bind "$1/$place" "/$place"; done
shift
exec "$@"
"#;

/// Who it runs as.
const OWNER: &str = Mailboxes::OWNER;
const GROUP: &str = Mailboxes::GROUP;

/// Starts it as the filter of the MTA that calls itself `hostname`, which takes the mail back at this port of 127.0.0.1. In a
/// container this takes CAP_SYS_ADMIN, for a namespace.
pub fn start(hostname: &str, back: u16) -> io::Result<Running> {
    must_be_root()?;
    let tree = unpacked("amavis")?;
    let port = free_port()?;
    let folder = folder()?;
    let path = folder.path();
    let mailboxes = Mailboxes::create(path)?;
    for place in ["home", "home/tmp", "home/db"] {
        make_folder(&path.join(place), OWNER, GROUP, "750")?;
    }
    let config = path.join("amavisd.conf");
    fs::write(&config, configuration(hostname, port, back, path))?;
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", ENTER, "enter"])
        .arg(&tree)
        .args(["perl", "-T"])
        .arg(tree.join("usr/sbin/amavisd"))
        .arg("-c")
        .arg(&config)
        .arg("foreground")
        .process_group(0);
    symlink("home/log", path.join("mail.log"))?;
    Running::start(
        is_listening_v4,
        "amavis",
        &mut command,
        port,
        mailboxes,
        folder,
    )
}

fn configuration(hostname: &str, port: u16, back: u16, path: &Path) -> String {
    let path = path.display();
    format!(
        "use strict;
$max_servers = 2;
$daemon_user = '{OWNER}';
$daemon_group = '{GROUP}';
$MYHOME = '{path}/home';
$TEMPBASE = '{path}/home/tmp';
$db_home = '{path}/home/db';
$pid_file = '{path}/home/pid';
$lock_file = '{path}/home/lock';
$do_syslog = 0;
$LOGFILE = '{path}/home/log';
$log_level = 1;
$enable_db = 0;
$enable_zmq = 0;
$enable_dkim_verification = 0;
$enable_dkim_signing = 0;
$myhostname = '{hostname}';
$mydomain = '{hostname}';
$inet_socket_bind = '127.0.0.1';
$inet_socket_port = {port};
$forward_method = 'smtp:[127.0.0.1]:{back}';
$notify_method = $forward_method;
@mynetworks = qw(127.0.0.0/8);
@bypass_virus_checks_maps = (1);
@bypass_spam_checks_maps = (1);
@bypass_header_checks_maps = (1);
@bypass_banned_checks_maps = (1);
1;
"
    )
}
