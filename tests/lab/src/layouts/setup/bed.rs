//! What is different between the MTAs: where their files are, how they take them, and who their users are.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    path::Path,
    process::{Command, Output},
};

use super::super::{
    Options,
    layout::{Service, Site},
    mta::{Mta, Who},
    postfix, sendmail,
};
use crate::{
    process::free_port,
    smtp::{Client, Identity},
};

/// A service where users log in, which nothing but its restrictions shows.
const SUBMISSION: &str = "-o syslog_name=postfix/submission
  -o smtpd_client_restrictions=permit_sasl_authenticated,reject";

/// An MTA that has not heard of Backstop yet.
pub(super) struct Bed {
    pub(super) mta: Mta,
    /// Where users log in, with Postfix.
    submission: u16,
}

impl Bed {
    pub(super) fn start(site: Site, tables: &Path) -> io::Result<Self> {
        let submission = free_port()?;
        let mta = if site.is_sendmail() {
            sendmail::start_without(site, tables)?
        } else {
            let service = format!("127.0.0.1:{submission} inet n - n - - smtpd\n  {SUBMISSION}");
            postfix::start_without(site, &service, tables)?
        };
        Ok(Self { mta, submission })
    }

    /// What a set-up changes of the MTA.
    pub(super) fn files(&self) -> io::Result<Vec<Vec<u8>>> {
        let files = match &self.mta {
            Mta::Postfix { postfix, .. } => ["main.cf", "master.cf"]
                .map(|name| postfix.config_dir().join(name))
                .to_vec(),
            Mta::Sendmail(sendmail) => vec![sendmail.folder().join("sendmail.mc")],
        };
        files.iter().map(fs::read).collect()
    }

    /// `backstop setup`.
    pub(super) fn setup(
        &self,
        options: &Options,
        yaml: &Path,
        arguments: &[&str],
    ) -> io::Result<Output> {
        let mut command = self.command(&options.backstop);
        command.arg("--config").arg(yaml).arg("setup");
        if let Mta::Postfix { postfix, .. } = &self.mta {
            command.arg("--postfix").arg(postfix.config_dir());
        }
        let output = command.args(arguments).output()?;
        match output.status.success() {
            true => Ok(output),
            false => Err(io::Error::other(format!(
                "backstop setup {arguments:?}: {output:?}"
            ))),
        }
    }

    fn command(&self, program: &Path) -> Command {
        match &self.mta {
            Mta::Postfix { postfix, .. } => postfix.with_tools(program),
            Mta::Sendmail(sendmail) => sendmail.beside(program),
        }
    }

    /// Has the MTA take its files as they are now.
    pub(super) fn take(&self) -> io::Result<()> {
        match &self.mta {
            Mta::Postfix { postfix, .. } => postfix.reload(),
            Mta::Sendmail(sendmail) => sendmail.rebuild(),
        }
    }

    /// The answer to a letter of a user: one who has logged in, or, with Sendmail, a program of this host.
    pub(super) fn user(&self) -> io::Result<String> {
        let mut client = match &self.mta {
            Mta::Postfix { .. } => {
                let server = SocketAddr::from(([127, 0, 0, 1], self.submission));
                let mut client = Client::connect(server)?;
                client.xclient(&Identity {
                    login: Some("joe"),
                    ..Identity::stranger(IpAddr::from([198, 51, 100, 99]))
                })?;
                client
            }
            Mta::Sendmail(_) => self.mta.connect(Service::Listed, Who::User)?,
        };
        client.ehlo("pc.example")?;
        let text = b"From: joe@mailbox.test\r\nTo: bob@friend.example\r\nMessage-ID: <u@mailbox.test>\r\n\r\nHello.\r\n";
        let reply = client.message("joe@mailbox.test", "bob@friend.example", text)?;
        Ok(reply.code.to_string())
    }

    /// Why such a letter is outgoing.
    pub(super) fn outgoing(&self) -> &'static str {
        match &self.mta {
            Mta::Postfix { .. } => " reason=outgoing_authenticated ",
            Mta::Sendmail(_) => " reason=outgoing_network ",
        }
    }

    /// What such a letter gets while Backstop is down: Sendmail has one default action for all clients.
    pub(super) fn while_down(&self) -> &'static str {
        match &self.mta {
            Mta::Postfix { .. } => "250",
            Mta::Sendmail(_) => "451",
        }
    }
}
