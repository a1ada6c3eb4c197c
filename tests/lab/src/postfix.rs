//! A private Postfix on loopback: its own configuration, queue, log and mailboxes. The machine's own, if any, is not touched.

use crate::mailboxes::Mailboxes;
use crate::mta::{HOSTNAME, PATIENCE, Running, folder, make_folder, must_be_root, unpacked};
use crate::process::{free_port, has_ipv6, is_listening, run, smtp_on_stdin, wait_until};
use crate::sasl;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

/// Who `smtpd` and `cleanup` run as, and so who must be able to open a milter's socket. Postfix wants an account that is
/// not root's; these two are on every Debian, so that none need be made.
pub const MAIL_OWNER: &str = "daemon";
const SETGID_GROUP: &str = "uucp";

#[derive(Debug, Clone)]
pub struct Options {
    /// The domains we take mail for; Postfix relays to all others for `mynetworks` and authenticated clients only.
    pub domains: Vec<String>,
    /// The addresses that exist in them: `user@domain`, or `@domain` for a catch-all. Sub-addresses (`user+x@`) are taken too.
    pub mailboxes: Vec<String>,
    /// In Postfix's notation: `inet:127.0.0.1:8894`, `unix:/path`.
    pub smtpd_milters: Vec<String>,
    pub non_smtpd_milters: Vec<String>,
    /// Those of `domains` for which mail is taken, and then found to be undeliverable.
    pub undeliverable: Vec<String>,
    /// Where mail for all other domains goes: into mailboxes if not set.
    pub relay: Option<SocketAddr>,
    /// More lines for `main.cf`; they win over ours.
    pub main_cf: Vec<String>,
    /// More lines for `master.cf`.
    pub master_cf: Vec<String>,
}

impl Default for Options {
    /// example.org with all its addresses, no milter, and all mail delivered.
    fn default() -> Self {
        Self {
            domains: vec!["example.org".to_owned()],
            mailboxes: vec!["@example.org".to_owned()],
            smtpd_milters: Vec::new(),
            non_smtpd_milters: Vec::new(),
            undeliverable: Vec::new(),
            relay: None,
            main_cf: Vec::new(),
            master_cf: Vec::new(),
        }
    }
}

#[derive(Debug)]
pub struct Postfix {
    running: Running,
    tree: PathBuf,
}

impl Deref for Postfix {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

impl DerefMut for Postfix {
    fn deref_mut(&mut self) -> &mut Running {
        &mut self.running
    }
}

/// A message in the queue.
#[derive(Debug, Clone, Deserialize)]
pub struct Queued {
    /// `active`, `deferred`, `hold` (quarantined), `incoming` or `maildrop`.
    pub queue_name: String,
    pub queue_id: String,
    pub sender: String,
    pub recipients: Vec<QueuedRecipient>,
}

#[derive(Debug, Clone, Deserialize)]
pub struct QueuedRecipient {
    pub address: String,
    pub delay_reason: Option<String>,
}

impl Postfix {
    /// Starts it, and returns when it listens.
    pub fn start(options: &Options) -> io::Result<Self> {
        must_be_root()?;
        let tree = unpacked("postfix")?;
        let port = free_port()?;
        let folder = folder()?;
        let path = folder.path();
        let mailboxes = Mailboxes::create(path)?;
        make_queue(path)?;
        sasl::serve(&path.join("auth"))?;
        let config = path.join("config");
        fs::create_dir(&config)?;
        fs::write(config.join("mailboxes"), table(&options.mailboxes))?;
        fs::write(config.join("main.cf"), main_cf(options, &tree, path))?;
        let theirs = options.master_cf.join("\n");
        fs::write(
            config.join("master.cf"),
            master_cf(port, &mailboxes) + &theirs + "\n",
        )?;
        age(&config)?;
        // master makes itself a group leader, and refuses to start if it is one already.
        let mut master = command(&tree, "lib/postfix/sbin/master", &config);
        let running = Running::start(
            is_listening,
            "Postfix",
            master.arg("-s"),
            port,
            mailboxes,
            folder,
        )?;
        Ok(Self { running, tree })
    }

    /// `main.cf`, `master.cf` and `mailboxes` are here; [`Postfix::reload`] makes a change take effect.
    pub fn config_dir(&self) -> PathBuf {
        self.folder().join("config")
    }

    pub fn queue(&self) -> io::Result<Vec<Queued>> {
        let output = run(self.tool("sbin/postqueue").arg("-j"))?;
        serde_json::Deserializer::from_slice(&output.stdout)
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(io::Error::from)
    }

    /// Local submission with Postfix's own `sendmail` command: this mail passes `non_smtpd_milters`.
    pub fn sendmail(&self, args: &[&str], message: &[u8]) -> io::Result<Output> {
        let mut sendmail = self.tool("sbin/sendmail");
        let mut child = sendmail
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(message)?;
        }
        child.wait_with_output()
    }

    /// An SMTP session on the standard input of `sendmail -bs`. That of [`MAIL_OWNER`] is with `smtpd` itself, and so passes
    /// `smtpd_milters`; anybody else's goes into the maildrop.
    pub fn session_on_stdin(&self, as_owner: bool, commands: &[&[u8]]) -> io::Result<Vec<String>> {
        let mut tool = self.tool("sbin/sendmail");
        if !as_owner {
            return smtp_on_stdin(tool.arg("-bs"), commands);
        }
        let mut setpriv = Command::new("setpriv");
        let environment = tool
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?)));
        setpriv
            .envs(environment)
            .arg(format!("--reuid={MAIL_OWNER}"))
            .arg(format!("--regid={MAIL_OWNER}"))
            .arg("--clear-groups")
            .arg(tool.get_program())
            .arg("-bs");
        smtp_on_stdin(&mut setpriv, commands)
    }

    /// `postmap -q`: what a lookup table of this Postfix answers.
    pub fn postmap(&self, table: &str, key: &str) -> io::Result<Option<String>> {
        let output = self
            .tool("sbin/postmap")
            .args(["-q", key, table])
            .output()?;
        let answer = String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned();
        match output.status.success() {
            true => Ok(Some(answer)),
            false if output.stderr.is_empty() => Ok(None),
            false => Err(io::Error::other(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )),
        }
    }

    /// Reads the configuration again, and waits until that is logged. Before that it waits for all that is being delivered: the
    /// new queue manager would find it still locked, and put it off for minutes.
    pub fn reload(&self) -> io::Result<()> {
        let moves = |one: &Queued| ["incoming", "active"].contains(&one.queue_name.as_str());
        wait_until(PATIENCE, || Ok(!self.queue()?.iter().any(moves)))?;
        let count = || self.log().matches("reload -- version").count();
        let before = count();
        age(&self.config_dir())?;
        self.hangup()?;
        wait_until(PATIENCE, || Ok(count() > before))
    }

    /// A program of somebody else's that calls the tools of this Postfix.
    pub fn with_tools(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .env("LD_LIBRARY_PATH", self.tree.join("usr/lib/postfix"))
            .env(
                "PATH",
                format!("{}:{path}", self.tree.join("usr/sbin").display()),
            );
        command
    }

    fn tool(&self, program: &str) -> Command {
        command(&self.tree, program, &self.config_dir())
    }
}

fn command(tree: &Path, program: &str, config: &Path) -> Command {
    let mut command = Command::new(tree.join("usr").join(program));
    command
        .env("LD_LIBRARY_PATH", tree.join("usr/lib/postfix"))
        .env("MAIL_CONFIG", config);
    command
}

/// What `post-install create-missing` makes, without the manual pages it insists on.
fn make_queue(path: &Path) -> io::Result<()> {
    let queue = path.join("queue");
    make_folder(&queue, "root", "root", "755")?;
    make_folder(&queue.join("pid"), "root", "root", "755")?;
    make_folder(&queue.join("public"), MAIL_OWNER, SETGID_GROUP, "710")?;
    make_folder(&queue.join("maildrop"), MAIL_OWNER, SETGID_GROUP, "1730")?;
    for name in [
        "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
        "saved", "trace",
    ] {
        make_folder(&queue.join(name), MAIL_OWNER, "root", "700")?;
    }
    make_folder(&path.join("data"), MAIL_OWNER, "root", "700")
}

/// Postfix waits for a file younger than two seconds to come to rest, which would be most of our start.
fn age(config: &Path) -> io::Result<()> {
    for entry in fs::read_dir(config)? {
        let file = File::options().append(true).open(entry?.path())?;
        file.set_modified(SystemTime::now() - Duration::from_secs(60))?;
    }
    Ok(())
}

fn table(keys: &[String]) -> String {
    keys.iter().map(|key| format!("{key} x\n")).collect()
}

fn main_cf(options: &Options, tree: &Path, path: &Path) -> String {
    let tree = tree.display();
    let path = path.display();
    let domains = options.domains.join(" ");
    let smtpd_milters = options.smtpd_milters.join(" ");
    let non_smtpd_milters = options.non_smtpd_milters.join(" ");
    let default_transport = options.relay.map_or_else(
        || "lab".to_owned(),
        |host| format!("smtp:[{}]:{}", host.ip(), host.port()),
    );
    let transports = transports(&options.undeliverable);
    let theirs = options.main_cf.join("\n");
    // Postfix's programs empty their environment, and forget with it where the unpacked libraries are.
    let libraries = format!("LD_LIBRARY_PATH={tree}/usr/lib/postfix");
    let ours = format!(
        "compatibility_level = 3.7
config_directory = {path}/config
queue_directory = {path}/queue
data_directory = {path}/data
daemon_directory = {tree}/usr/lib/postfix/sbin
command_directory = {tree}/usr/sbin
sendmail_path = {tree}/usr/sbin/sendmail
shlib_directory = {tree}/usr/lib/postfix
meta_directory = {tree}/usr/share/postfix
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME {libraries}
export_environment = MAIL_CONFIG TZ LANG {libraries}
mail_owner = {MAIL_OWNER}
setgid_group = {SETGID_GROUP}
maillog_file = {path}/mail.log
maillog_file_prefixes = {path}
myhostname = {HOSTNAME}
mydomain = lab.test
mydestination =
alias_maps =
alias_database =
inet_interfaces = loopback-only
inet_protocols = all
mynetworks = 127.0.0.0/8 [::1]/128
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
smtputf8_enable = yes
recipient_delimiter = +
virtual_mailbox_domains = {domains}
virtual_mailbox_maps = texthash:{path}/config/mailboxes
virtual_transport = lab
transport_maps = {transports}
default_transport = {default_transport}
lab_destination_recipient_limit = 1
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {path}/auth
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_authorized_xclient_hosts = 127.0.0.0/8 [::1]
smtpd_client_connection_count_limit = 0
smtpd_client_event_limit_exceptions = static:all
smtpd_error_sleep_time = 0
smtpd_hard_error_limit = 1000
milter_default_action = tempfail
smtpd_milters = {smtpd_milters}
non_smtpd_milters = {non_smtpd_milters}
"
    );
    without_keys_of(&theirs, &ours) + &theirs + "\n"
}

/// Postfix refuses to start with an empty inline table.
fn transports(undeliverable: &[String]) -> String {
    if undeliverable.is_empty() {
        return String::new();
    }
    let entries: String = undeliverable
        .iter()
        .map(|domain| format!(" {{ {domain} = refuse: }}"))
        .collect();
    format!("inline:{{{entries} }}")
}

/// Of a key that stands twice, every process warns at its start; postlogd too, to its own socket, and waits there for ever
/// if that is full by then.
fn without_keys_of(theirs: &str, ours: &str) -> String {
    let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let taken: Vec<_> = theirs.lines().filter_map(key).collect();
    ours.lines()
        .filter(|line| key(line).is_none_or(|key| !taken.contains(&key)))
        .map(|line| format!("{line}\n"))
        .collect()
}

fn master_cf(port: u16, mailboxes: &Mailboxes) -> String {
    let v6 = if has_ipv6() {
        format!("[::1]:{port} inet n - n - - smtpd\n")
    } else {
        String::new()
    };
    let deliver = mailboxes.deliver.display();
    let refuse = mailboxes.refuse.display();
    let folder = mailboxes.folder().display();
    let owner = Mailboxes::OWNER;
    format!(
        "127.0.0.1:{port} inet n - n - - smtpd
{v6}pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
lab unix - n n - - pipe flags=R null_sender= user={owner} argv={deliver} {folder} ${{recipient}}
refuse unix - n n - - pipe flags=R null_sender= user={owner} argv={refuse}
"
    )
}
