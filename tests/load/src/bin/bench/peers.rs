//! Other filters that check SPF, each in the configuration that its package suggests, with its own log.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use load::mta::Target;

use super::filters::Filter;

/// A peer, or why it is not here.
pub type Peer = (&'static str, io::Result<Filter>);

/// What each peer is, for the page.
pub const PEERS: [(&str, &str); 4] = [
    (
        "spf-milter",
        "spf-milter 0.6.0 of crates.io, its own defaults: SPF of HELO and MAIL FROM, one header",
    ),
    (
        "rspamd",
        "rspamd of Debian 12, its proxy worker as milter with two processes that scan themselves (`self_scan`), with SPF and \
         Authentication-Results alone and a cache of 20,000 records",
    ),
    (
        "opendmarc",
        "OpenDMARC of Debian 12 with `SPFSelfValidate`: SPF of MAIL FROM by libspf2, and DMARC",
    ),
    (
        "pyspf-milter",
        "pyspf-milter of Debian 12, its own defaults: SPF of HELO and MAIL FROM",
    ),
];

/// Starts those that are in the folder.
pub fn start(folder: &Path, nameserver: SocketAddr) -> io::Result<Vec<Peer>> {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let resolver = Resolver::new(&folder, nameserver)?;
    Ok(vec![
        ("spf-milter", spf_milter(&folder, &resolver)),
        ("rspamd", rspamd(&folder, nameserver)),
        ("opendmarc", opendmarc(&folder, &resolver)),
        ("pyspf-milter", pyspf_milter(&folder, &resolver)),
    ])
}

/// Programs that ask the resolver of /etc/resolv.conf see another file there, in a mount namespace of their own.
struct Resolver {
    file: PathBuf,
}

impl Resolver {
    fn new(folder: &Path, nameserver: SocketAddr) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = folder.join("resolv.conf");
        fs::write(&file, format!("nameserver {}\n", nameserver.ip()))?;
        Ok(Self { file })
    }

    /// A command that becomes this program.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("unshare");
        command
            .args([
                "-m",
                "sh",
                "-c",
                "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"",
            ])
            .arg(&self.file)
            .arg(program);
        command
    }
}

fn present(program: PathBuf) -> io::Result<PathBuf> {
    if program.is_file() {
        return Ok(program);
    }
    Err(io::Error::other(format!(
        "{} is missing",
        program.display()
    )))
}

/// libmilter's words for a socket.
fn libmilter(target: &Target) -> String {
    match target {
        Target::Unix(path) => format!("local:{}", path.display()),
        Target::Tcp(address) => format!("inet:{}@{}", address.port(), address.ip()),
    }
}

fn spf_milter(folder: &Path, resolver: &Resolver) -> io::Result<Filter> {
    let program = present(folder.join("spf-milter/bin/spf-milter"))?;
    Filter::by_socket("spf-milter", |target, folder| {
        let socket = match target {
            Target::Unix(path) => format!("unix:{}", path.display()),
            Target::Tcp(address) => format!("inet:{address}"),
        };
        let config = folder.join("spf-milter.conf");
        fs::write(
            &config,
            format!("socket = {socket}\nlog_destination = stderr\n"),
        )?;
        let mut command = resolver.command(&program);
        command.arg("-c").arg(config);
        Ok(command)
    })
}

fn opendmarc(folder: &Path, resolver: &Resolver) -> io::Result<Filter> {
    let tree = folder.join("opendmarc");
    let program = present(tree.join("usr/sbin/opendmarc"))?;
    Filter::by_socket("opendmarc", |target, folder| {
        let config = folder.join("opendmarc.conf");
        let socket = libmilter(target);
        fs::write(
            &config,
            format!(
                "AuthservID mx.example.org\nSocket {socket}\nSPFSelfValidate true\nSPFIgnoreResults true\nSyslog true\n"
            ),
        )?;
        let mut command = resolver.command(&program);
        command
            .env("LD_LIBRARY_PATH", libraries(&tree))
            .arg("-f")
            .arg("-c")
            .arg(config);
        Ok(command)
    })
}

fn pyspf_milter(folder: &Path, resolver: &Resolver) -> io::Result<Filter> {
    let tree = folder.join("pyspf-milter");
    present(tree.join("usr/bin/pyspf-milter"))?;
    Filter::by_socket("pyspf-milter", |target, folder| {
        let config = folder.join("pyspf-milter.conf");
        let shipped = fs::read_to_string(tree.join("etc/pyspf-milter/pyspf-milter.conf"))?;
        let kept = shipped.lines().filter(|line| {
            !["Socket", "PidFile", "UserID"]
                .iter()
                .any(|key| line.starts_with(key))
        });
        let kept: Vec<&str> = kept.collect();
        let (pid, socket) = (folder.join("pid"), libmilter(target));
        fs::write(
            &config,
            format!(
                "{}\nSocket = {socket}\nPidFile = {}\nUserID = root\n",
                kept.join("\n"),
                pid.display()
            ),
        )?;
        let mut command = resolver.command(Path::new("/usr/bin/python3"));
        command
            .env("PYTHONPATH", tree.join("usr/lib/python3/dist-packages"))
            .args(["-m", "spf_engine.milter_spf"])
            .arg(config);
        Ok(command)
    })
}

fn rspamd(folder: &Path, nameserver: SocketAddr) -> io::Result<Filter> {
    let tree = folder.join("rspamd");
    let program = present(tree.join("usr/bin/rspamd"))?;
    let share = tree.join("usr/share/rspamd");
    Filter::by_socket("rspamd", |target, folder| {
        let socket = match target {
            Target::Unix(path) => format!("{} mode=0666", path.display()),
            Target::Tcp(address) => address.to_string(),
        };
        let config = folder.join("rspamd.conf");
        fs::write(folder.join("tld"), "com\norg\n")?;
        fs::write(
            &config,
            include_str!("../../../fixtures/rspamd.conf")
                .replace("SOCKET", &socket)
                .replace("NAMESERVER", &nameserver.ip().to_string())
                .replace("PLUGINS", &share.join("plugins").display().to_string())
                .replace("FOLDER", &folder.display().to_string()),
        )?;
        let mut command = Command::new(&program);
        command
            .env("LD_LIBRARY_PATH", libraries(&tree))
            .arg("-i")
            .arg("-f")
            .arg("-c")
            .arg(config);
        for (name, path) in [
            ("SHAREDIR", share.clone()),
            ("LUALIBDIR", share.join("lualib")),
            ("PLUGINSDIR", share.join("plugins")),
            ("RULESDIR", share.join("rules")),
            ("CONFDIR", tree.join("etc/rspamd")),
            ("LOCAL_CONFDIR", folder.to_owned()),
            ("DBDIR", folder.to_owned()),
            ("RUNDIR", folder.to_owned()),
            ("LOGDIR", folder.to_owned()),
        ] {
            command.arg(format!("--var={name}={}", path.display()));
        }
        Ok(command)
    })
}

/// The folders of an unpacked tree that have shared libraries; the one in the middle is named after the kind of machine.
fn libraries(tree: &Path) -> String {
    let usr = tree.join("usr/lib");
    let below = fs::read_dir(&usr)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let folders = below.filter(|path| path.is_dir()).chain([usr]);
    folders
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(":")
}
