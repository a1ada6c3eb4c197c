//! A private Sendmail on loopback: its own configuration, queue, log and mailboxes.
//!
//! Sendmail has no XCLIENT: a client is who it is. Vary the source address within 127.0.0.0/8 instead
//! ([`crate::smtp::Client::connect_from`]), and give the addresses names with [`Options::hosts`].

use crate::mailboxes::Mailboxes;
use crate::mta::{HOSTNAME, PATIENCE, Running, folder, make_folder, must_be_root, unpacked};
use crate::process::{free_port, has_ipv6, is_listening, run, smtp_on_stdin, wait_until};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

#[derive(Debug, Clone)]
pub struct Options {
    /// The domains we take mail for, all their addresses included unless [`Options::mailboxes`] names some.
    pub domains: Vec<String>,
    /// The addresses that exist, `user@domain`; sub-addresses (`user+x@`) are taken too. Empty: all do.
    pub mailboxes: Vec<String>,
    /// In Sendmail's notation, with flags and timeouts where wanted: `S=inet:8894@127.0.0.1, F=T`.
    pub milters: Vec<String>,
    /// Names of client addresses. The addresses not named here have none.
    pub hosts: Vec<(IpAddr, String)>,
    /// Whether the system's DNS is asked for the names of the others.
    pub asks_dns: bool,
    /// What it calls itself. It does not deliver to a host that says the same.
    pub hostname: String,
    /// Those of `domains` for which mail is taken, and then found to be undeliverable.
    pub undeliverable: Vec<String>,
    /// The domains that are delivered into mailboxes; what becomes of all others, Sendmail's own tables say. Empty: all are.
    pub mailbox_domains: Vec<String>,
    /// Where mail for all other domains goes: into mailboxes if not set.
    pub relay: Option<SocketAddr>,
    /// More lines for the `.mc` file, before `MAILER`.
    pub mc: Vec<String>,
}

impl Default for Options {
    /// example.org with all its addresses, no milter, no names, and all mail delivered.
    fn default() -> Self {
        Self {
            domains: vec!["example.org".to_owned()],
            mailboxes: Vec::new(),
            milters: Vec::new(),
            hosts: Vec::new(),
            asks_dns: false,
            hostname: HOSTNAME.to_owned(),
            undeliverable: Vec::new(),
            mailbox_domains: Vec::new(),
            relay: None,
            mc: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub struct Sendmail {
    running: Running,
    tree: PathBuf,
    hostname: String,
}

impl Deref for Sendmail {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for Sendmail {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

/// Sendmail asks for its own name before it reads its configuration, sleeps a minute if that has no dot, looks clients
/// up in DNS, asks hosts.deny, and logs to the machine's syslog. So it gets a host name, an /etc and a /dev/log of
/// its own. Takes: folder, host name, then the command.
const ENTER: &str = r#"set -eu
hostname "$2"
for file in hosts nsswitch.conf hosts.allow hosts.deny; do
    [ ! -e "/etc/$file" ] || mount --bind "$1/etc/$file" "/etc/$file"
done
for node in null zero random urandom; do
    : >"$1/dev/$node"
    mount --bind "/dev/$node" "$1/dev/$node"
done
mount --rbind "$1/dev" /dev
shift 2
exec "$@"
"#;

/// Gives a program an /etc with little more than this Sendmail in it. Takes: folder, host name, then the command.
const BESIDE: &str = r#"set -eu
etc="$1/beside"
mkdir -p "$etc/mail"
cp /etc/passwd /etc/group /etc/resolv.conf "$1/etc/nsswitch.conf" "$etc"
echo "$2" >"$etc/hostname"
mount --bind "$etc" /etc
mount --bind "$1" /etc/mail
mount --bind "$1" /var/log
shift 2
exec "$@"
"#;

impl Sendmail {
    /// Starts it, and returns when it listens. In a container this takes CAP_SYS_ADMIN, for namespaces.
    pub fn start(options: &Options) -> io::Result<Self> {
        must_be_root()?;
        let tree = unpacked("sendmail")?;
        let port = free_port()?;
        let folder = folder()?;
        let path = folder.path();
        let mailboxes = Mailboxes::create(path)?;
        make_folder(&path.join("queue"), "root", "root", "700")?;
        make_etc(options, path)?;
        make_log(path)?;
        fs::write(path.join("mailboxes"), options.mailboxes.join("\n"))?;
        fs::write(path.join("statistics"), "")?;
        fs::write(
            path.join("sendmail.mc"),
            source(options, port, path, &mailboxes),
        )?;
        make_cf(&tree, path)?;
        let mut daemon = command(&tree, path, &options.hostname);
        daemon.arg("-bD").process_group(0);
        let hostname = options.hostname.clone();
        Ok(Self {
            running: Running::start(
                is_listening,
                "Sendmail",
                &mut daemon,
                port,
                mailboxes,
                folder,
            )?,
            tree,
            hostname,
        })
    }

    /// Makes `sendmail.cf` of `sendmail.mc` again, and has the daemon start anew with it.
    pub fn rebuild(&self) -> io::Result<()> {
        make_cf(&self.tree, self.folder())?;
        let starts = || self.log().matches("starting daemon").count();
        let before = starts();
        self.hangup()?;
        let port = self.smtp_addr().port();
        wait_until(PATIENCE, || Ok(starts() > before && is_listening(port)?))
    }

    /// A program that finds this Sendmail where one is installed: its folder is `/etc/mail`, its log `/var/log/mail.log`.
    pub fn beside(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", BESIDE, "beside"])
            .arg(self.folder())
            .arg(&self.hostname)
            .arg(program);
        command
    }

    /// An SMTP session on the standard input of `sendmail -bs`.
    pub fn session_on_stdin(&self, commands: &[&[u8]]) -> io::Result<Vec<String>> {
        let mut sendmail = command(&self.tree, self.folder(), &self.hostname);
        smtp_on_stdin(sendmail.arg("-bs"), commands)
    }
}

/// Sendmail with its configuration, in the folder's namespaces.
fn command(tree: &Path, path: &Path, hostname: &str) -> Command {
    let mut command = Command::new("unshare");
    command
        .args(["--uts", "--mount", "sh", "-c", ENTER, "enter"])
        .arg(path)
        .arg(hostname)
        .arg(tree.join("usr/libexec/sendmail/sendmail"))
        .arg("-C")
        .arg(path.join("sendmail.cf"));
    command
}

/// m4 with Sendmail's own macros.
fn make_cf(tree: &Path, path: &Path) -> io::Result<()> {
    let macros = tree.join("usr/share/sendmail/cf");
    let mut m4 = Command::new("m4");
    m4.arg(format!("-D_CF_DIR_={}/", macros.display()))
        .arg(macros.join("m4/cf.m4"))
        .arg(path.join("sendmail.mc"));
    fs::write(path.join("sendmail.cf"), run(&mut m4)?.stdout)
}

fn make_etc(options: &Options, path: &Path) -> io::Result<()> {
    let etc = path.join("etc");
    fs::create_dir(&etc)?;
    let hosts: String = options
        .hosts
        .iter()
        .map(|(addr, name)| format!("{addr} {name}\n"))
        .collect();
    fs::write(etc.join("hosts"), hosts)?;
    let dns = if options.asks_dns { " dns" } else { "" };
    fs::write(
        etc.join("nsswitch.conf"),
        format!(
            "passwd: files\ngroup: files\nhosts: files{dns}\nservices: files\nprotocols: files\n"
        ),
    )?;
    fs::write(etc.join("hosts.allow"), "")?;
    fs::write(etc.join("hosts.deny"), "")?;
    fs::write(
        path.join("switch"),
        format!("hosts files{dns}\naliases files\npasswd files\n"),
    )
}

/// A syslog that writes to `mail.log`.
fn make_log(path: &Path) -> io::Result<()> {
    let dev = path.join("dev");
    fs::create_dir(&dev)?;
    let socket = UnixDatagram::bind(dev.join("log"))?;
    fs::set_permissions(dev.join("log"), Permissions::from_mode(0o666))?;
    let mut log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path.join("mail.log"))?;
    thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(length) = socket.recv(&mut buffer) {
            let line = buffer[..length].trim_ascii_end();
            if log.write_all(&[line, b"\n"].concat()).is_err() {
                return;
            }
        }
    });
    Ok(())
}

/// m4 takes `...' as quotes.
fn source(options: &Options, port: u16, path: &Path, mailboxes: &Mailboxes) -> String {
    let v6 = if has_ipv6() {
        format!(
            "DAEMON_OPTIONS(`Family=inet6, Addr=::1, Port={port}, Listen=100, Name=MTA-v6')dnl\n"
        )
    } else {
        String::new()
    };
    let milters: String = options
        .milters
        .iter()
        .enumerate()
        .map(|(n, milter)| format!("INPUT_MAIL_FILTER(`milter{n}', `{milter}')dnl\n"))
        .collect();
    let domains: String = options.domains.iter().map(|d| format!("Cw{d}\n")).collect();
    // Sendmail's own rules, if any are to be left, stand behind these.
    let known = match (options.mailbox_domains.is_empty(), &*options.mailboxes) {
        (false, _) => "",
        (true, []) => "SLocal_localaddr\nR$*\t$#ok\n",
        (true, _) => UNKNOWN_USERS,
    };
    // With it a mailer asks ruleset 5, which would send all of ours to a LUSER_RELAY.
    let five = if options.mailbox_domains.is_empty() {
        "5"
    } else {
        ""
    };
    let routes = routes(options);
    let relay = options.relay.map_or_else(String::new, |host| {
        format!("define(`ESMTP_MAILER_ARGS', `TCP $h {}')dnl\n", host.port())
    });
    let hostname = &options.hostname;
    let extra = options.mc.join("\n");
    let deliver = mailboxes.deliver.display();
    let refuse = mailboxes.refuse.display();
    let boxes = mailboxes.folder().display();
    let (owner, group) = (Mailboxes::OWNER, Mailboxes::GROUP);
    let path = path.display();
    format!(
        "divert(-1)
divert(0)dnl
define(`MAIL_SETTINGS_DIR', `{path}/')dnl
define(`QUEUE_DIR', `{path}/queue')dnl
define(`STATUS_FILE', `{path}/statistics')dnl
define(`HELP_FILE', `{path}/helpfile')dnl
define(`ALIAS_FILE', `')dnl
OSTYPE(`linux')dnl
define(`confDOMAIN_NAME', `{hostname}')dnl
define(`confPID_FILE', `{path}/sendmail.pid')dnl
define(`confSERVICE_SWITCH_FILE', `{path}/switch')dnl
define(`confDEF_USER_ID', `{owner}:{group}')dnl
define(`confTO_IDENT', `0')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
define(`confREFUSE_LA', `0')dnl
define(`confQUEUE_LA', `100000')dnl
define(`confDELAY_LA', `0')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confMILTER_LOG_LEVEL', `14')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`no_default_msa')dnl
DAEMON_OPTIONS(`Family=inet, Addr=127.0.0.1, Port={port}, Listen=100, Name=MTA-v4')dnl
{v6}{milters}{relay}{extra}
MAILER(`local')dnl
MAILER(`smtp')dnl
LOCAL_CONFIG
{domains}Kmailbox text -m -k0 -v0 {path}/mailboxes
LOCAL_RULE_0
{routes}LOCAL_RULESETS
{known}MAILER_DEFINITIONS
Mlab, P={deliver}, F=lsnDFMPu8{five}, T=DNS/RFC822/X-Unix, A=deliver {boxes} $u
Mrefuse, P={refuse}, F=lsnDFMPu8{five}, T=DNS/RFC822/X-Unix, A=refuse $u
"
    )
}

/// The rules that choose the mailer: the first that matches does. Tabs stand between their sides.
fn routes(options: &Options) -> String {
    let undeliverable: String = options
        .undeliverable
        .iter()
        .map(|domain| format!("R$+ <@ {domain} $* > $*\t$#refuse $@ {domain} $: $1@{domain}\n"))
        .collect();
    if !options.mailbox_domains.is_empty() {
        let domains = options.mailbox_domains.iter();
        let mailboxes: String = domains
            .map(|domain| format!("R$+ <@ {domain} $* > $*\t$#lab $@ {domain} $: $1@{domain}\n"))
            .collect();
        return undeliverable + &mailboxes;
    }
    let others = match options.relay {
        None => "lab $@ $2 $: $1@$2".to_owned(),
        Some(host) => format!("esmtp $@ [{}] $: $1<@$2>", host.ip()),
    };
    format!(
        "{undeliverable}R$+ <@ $=w . > $*\t$#lab $@ $2 $: $1@$2
R$+ <@ $+ . > $*\t$#{others}
R$+ <@ $+ > $*\t$#{others}
"
    )
}

/// Asked of ruleset 5 and not of ruleset 0: only what fails behind `check_rcpt`, as an unknown account does in a plain
/// Sendmail, is told to a milter that negotiated RCPT_REJ. Tabs stand between the sides of a rule.
const UNKNOWN_USERS: &str = "SLocal_localaddr
R$- $* @ $=w\t$: < $( mailbox $1@$3 $: NO $) >
R< NO >\t$#error $@ 5.1.1 $: \"550 User unknown\"
R$*\t$#ok
";
