//! The filters that are measured, each on a unix socket and on a TCP port.

use std::{
    any::Any,
    fs::{self, File},
    io::{self, BufRead, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lab::{
    backstop::Backstop,
    mta,
    process::{Daemon, free_port, run, wait_until},
};
use load::{floor::Floor, mta::Target};

/// How long a filter may take until it listens.
const PATIENCE: Duration = Duration::from_secs(60);

/// A filter under one name.
pub struct Filter {
    pub name: String,
    pub unix: Socket,
    pub tcp: Socket,
    /// The configuration of the Backstop on the unix socket.
    pub config: Option<PathBuf>,
    /// Ends with it.
    _running: Vec<Box<dyn Any>>,
}

/// Where it listens, and the process that does.
#[derive(Debug, Clone)]
pub struct Socket {
    pub target: Target,
    pub process: u32,
}

impl Filter {
    /// One of several sockets of a process, or of one process for each.
    pub fn socket(&self, tcp: bool) -> &Socket {
        if tcp { &self.tcp } else { &self.unix }
    }

    /// Backstop with the same file twice: each process has one socket.
    pub fn backstop(name: &str, site: &Site, large: Large) -> io::Result<Self> {
        let (unix, unix_socket) = site.backstop(false, large)?;
        let (tcp, tcp_socket) = site.backstop(true, large)?;
        Ok(Self {
            name: name.to_owned(),
            unix: unix_socket,
            tcp: tcp_socket,
            config: Some(unix.config()),
            _running: vec![Box::new(unix), Box::new(tcp)],
        })
    }

    /// A floor.
    pub fn floor(name: &str, program: &Path, floor: &Floor) -> io::Result<Self> {
        let json = serde_json::to_string(floor)?;
        Self::by_socket(name, |socket, _| {
            let listen = match socket {
                Target::Unix(path) => format!("unix:{}", path.display()),
                Target::Tcp(address) => format!("inet:{}@{}", address.port(), address.ip()),
            };
            let mut command = Command::new(program);
            command.arg(listen).arg(&json);
            Ok(command)
        })
    }

    /// A filter that is started once for each socket, by a command that is made for the socket and a folder.
    pub fn by_socket(
        name: &str,
        command: impl Fn(&Target, &Path) -> io::Result<Command>,
    ) -> io::Result<Self> {
        let mut sockets = Vec::new();
        let mut running: Vec<Box<dyn Any>> = Vec::new();
        for tcp in [false, true] {
            let folder = mta::folder()?;
            let target = target(tcp, folder.path())?;
            let daemon = start(
                name,
                command(&target, folder.path())?,
                folder.path(),
                &target,
            )?;
            sockets.push(Socket {
                target,
                process: daemon.id(),
            });
            running.push(Box::new((daemon, folder)));
        }
        match <[Socket; 2]>::try_from(sockets) {
            Ok([unix, tcp]) => Ok(Self {
                name: name.to_owned(),
                unix,
                tcp,
                config: None,
                _running: running,
            }),
            Err(_) => Err(io::Error::other("two sockets were made")),
        }
    }
}

fn target(tcp: bool, folder: &Path) -> io::Result<Target> {
    Ok(if tcp {
        Target::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)))
    } else {
        Target::Unix(folder.join("socket"))
    })
}

/// Starts a daemon with a log of its own, and waits until it listens.
fn start(name: &str, mut command: Command, folder: &Path, target: &Target) -> io::Result<Daemon> {
    let log = File::create(folder.join("log"))?;
    command
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir(folder)
        .process_group(0);
    let mut daemon = Daemon::spawn(&mut command, folder)?;
    let listens = wait_until(PATIENCE, || {
        if !daemon.is_running()? {
            return Err(io::Error::other("it has ended"));
        }
        Ok(match target {
            Target::Unix(path) => UnixStream::connect(path).is_ok(),
            Target::Tcp(address) => TcpStream::connect(address).is_ok(),
        })
    });
    listens.map_err(|error| {
        let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
        io::Error::other(format!("{name} does not listen: {error}\n{log}"))
    })?;
    Ok(daemon)
}

/// What all instances of Backstop share.
#[derive(Debug)]
pub struct Site {
    pub program: PathBuf,
    pub nameserver: SocketAddr,
}

/// What of a file is large.
#[derive(Debug, Clone, Copy)]
pub struct Large {
    /// Rules for recipients, each a regular expression.
    pub rules: usize,
    /// Lines of the list of recipients.
    pub lines: usize,
}

impl Large {
    pub const NOTHING: Self = Self {
        rules: 1,
        lines: 10,
    };
}

impl Site {
    /// Starts Backstop with the file of production.
    pub fn backstop(&self, tcp: bool, large: Large) -> io::Result<(Backstop, Socket)> {
        let folder = mta::folder()?;
        let path = folder.path().to_owned();
        let yaml = self.prepare(&path, tcp, large)?;
        let backstop = Backstop::start_in(&self.program, &yaml, folder)?;
        let target = if tcp {
            Target::Tcp(backstop.addr())
        } else {
            Target::Unix(path.join("socket"))
        };
        let process = backstop.id();
        Ok((backstop, Socket { target, process }))
    }

    /// Writes keys and lists into a folder, and makes the file.
    fn prepare(&self, folder: &Path, tcp: bool, large: Large) -> io::Result<String> {
        let mut keygen = Command::new(&self.program);
        run(keygen.arg("keygen").arg("--file").arg(folder.join("keys")))?;
        fs::write(folder.join("recipients"), recipients(large.lines))?;
        let listen = if tcp {
            "inet:0@127.0.0.1".to_owned()
        } else {
            format!("unix:{}/socket", folder.display())
        };
        Ok(include_str!("../../../fixtures/milter.yaml")
            .replace("LISTEN", &listen)
            .replace("NAMESERVER", &self.nameserver.to_string())
            .replace("RULES", &rules(large.rules))
            .replace("FOLDER", &folder.display().to_string()))
    }

    /// The time from the start of the program to the line in the log that says that it listens.
    pub fn start_time(&self, large: Large) -> io::Result<Duration> {
        let folder = mta::folder()?;
        let yaml = self.prepare(folder.path(), false, large)?;
        let config = folder.path().join("milter.yaml");
        let store = folder.path().join("state.db");
        fs::write(
            &config,
            format!("{yaml}store: sqlite:{}\n", store.display()),
        )?;
        let start = Instant::now();
        let mut child = Command::new(&self.program)
            .arg("--config")
            .arg(&config)
            .arg("run")
            .stderr(Stdio::piped())
            .spawn()?;
        let lines = child.stderr.take().map(|log| BufReader::new(log).lines());
        let listens = lines
            .into_iter()
            .flatten()
            .any(|line| line.is_ok_and(|line| line.contains(" listens on ")));
        let took = start.elapsed();
        child.kill()?;
        child.wait()?;
        if listens {
            return Ok(took);
        }
        Err(io::Error::other(
            "backstop does not start with the large file",
        ))
    }

    /// Begins or ends the siege of our domain by hand.
    pub fn siege(&self, filter: &Filter, state: &str) -> io::Result<()> {
        let Some(config) = &filter.config else {
            return Ok(());
        };
        let mut siege = Command::new(&self.program);
        siege.arg("--config").arg(config);
        run(siege.args(["siege", state, "example.org"])).map(drop)
    }
}

/// A list of recipients: joe, info, and numbered ones.
fn recipients(count: usize) -> String {
    let named = [
        "joe@example.org\n".to_owned(),
        "info@example.org\n".to_owned(),
    ];
    let numbered = (named.len()..count).map(|number| format!("user{number}@example.org\n"));
    named.iter().cloned().chain(numbered).collect()
}

/// So many rules.
fn rules(count: usize) -> String {
    let rule = |number| {
        format!("{{match: 'shop{number}-[a-z0-9]+(-owner)?', mail: accept, bounces: reject}}")
    };
    (0..count).map(rule).collect::<Vec<_>>().join(",\n      ")
}
