//! A private Redis on loopback: its own port, socket and folder. Nothing is saved to disk.

mod group;

pub use group::Group;

use crate::certificates::make_certificates;
use crate::mta::PATIENCE;
use crate::process::{Daemon, free_port, is_listening_v4, run, wait_until};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What clients must give.
    pub password: Option<String>,
    /// Whether the port speaks TLS, with a certificate for 127.0.0.1 by a CA of its own.
    pub tls: bool,
    /// More lines for `redis.conf`.
    pub lines: Vec<String>,
    /// The folder with the certificates, where not each has its own.
    pub certificates: Option<PathBuf>,
    /// Whether it is no server, but a sentinel.
    pub is_sentinel: bool,
}

#[derive(Debug)]
pub struct Redis {
    options: Options,
    port: u16,
    daemon: Option<Daemon>,
    folder: TempDir,
}

impl Redis {
    pub fn start(options: Options) -> io::Result<Self> {
        let mut redis = Self::stopped(options)?;
        redis.start_again()?;
        Ok(redis)
    }

    /// One that isn't there yet.
    pub fn stopped(options: Options) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("lab-redis-").tempdir()?;
        if options.tls && options.certificates.is_none() {
            make_certificates(folder.path())?;
        }
        Ok(Self {
            options,
            port: free_port()?,
            daemon: None,
            folder,
        })
    }

    /// Starts it at its port, without what it knew.
    pub fn start_again(&mut self) -> io::Result<()> {
        let folder = self.folder.path();
        let configuration = folder.join("redis.conf");
        fs::write(&configuration, self.configuration())?;
        let log = fs::File::create(folder.join("log"))?;
        let mut command = Command::new("redis-server");
        command
            .arg(configuration)
            .args(self.options.is_sentinel.then_some("--sentinel"))
            .current_dir(folder)
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        self.daemon = Some(Daemon::spawn(&mut command, folder)?);
        let (port, socket) = (self.port, self.socket());
        wait_until(PATIENCE, || Ok(is_listening_v4(port)? && socket.exists()))
    }

    /// Ends it as the kernel does when memory runs out.
    pub fn kill(&mut self) -> io::Result<()> {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill()?;
            daemon.stop()?;
        }
        Ok(())
    }

    /// It keeps its connections, and answers nothing until [`Self::resume`].
    pub fn pause(&self) -> io::Result<()> {
        self.daemon.as_ref().map_or(Ok(()), Daemon::pause)
    }

    pub fn resume(&self) -> io::Result<()> {
        self.daemon.as_ref().map_or(Ok(()), Daemon::resume)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its socket of the file system, which never speaks TLS.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// The certificate of its CA, in PEM.
    pub fn ca(&self) -> PathBuf {
        self.certificates().join("ca.pem")
    }

    fn certificates(&self) -> &Path {
        let folder = self.options.certificates.as_deref();
        folder.unwrap_or(self.folder.path())
    }

    /// What it answers to a command.
    pub fn ask(&self, command: &[&str]) -> io::Result<String> {
        let mut cli = Command::new("redis-cli");
        cli.arg("-s").arg(self.socket()).arg("--no-auth-warning");
        if let Some(password) = &self.options.password {
            cli.env("REDISCLI_AUTH", password);
        }
        let output = run(cli.args(command).stdin(Stdio::null()))?;
        Ok(String::from_utf8_lossy(&output.stdout)
            .trim_end()
            .to_owned())
    }

    fn configuration(&self) -> String {
        let folder = self.folder.path().display();
        let port = self.port;
        let mut lines = vec![
            "bind 127.0.0.1".to_owned(),
            format!("unixsocket {folder}/redis.sock"),
            "daemonize no".to_owned(),
        ];
        if !self.options.is_sentinel {
            lines.extend(["save \"\"".to_owned(), "appendonly no".to_owned()]);
        }
        if self.options.tls {
            let folder = self.certificates().display();
            lines.extend([
                "port 0".to_owned(),
                format!("tls-port {port}"),
                format!("tls-cert-file {folder}/server.pem"),
                format!("tls-key-file {folder}/server.key"),
                format!("tls-ca-cert-file {folder}/ca.pem"),
                "tls-auth-clients no".to_owned(),
                "tls-replication yes".to_owned(),
            ]);
        } else {
            lines.push(format!("port {port}"));
        }
        if let Some(password) = &self.options.password {
            lines.push(format!("requirepass {password}"));
        }
        lines.extend(self.options.lines.iter().cloned());
        lines.join("\n") + "\n"
    }
}
