//! Postfix and backstop, and one act played on them.

use std::{fs, io, net::SocketAddr, path::PathBuf, process::Command};

use super::{
    Options,
    acts::{Act, Answer, BOTS, Ends},
    settings,
};
use crate::{
    backstop::Backstop,
    mta::{self, PATIENCE},
    postfix::{self, Postfix},
    process::{run, wait_until},
    smtp::{Client, Identity, Reply},
};

pub(super) struct Stage {
    pub(super) backstop: Backstop,
    pub(super) postfix: Postfix,
    program: PathBuf,
}

/// What came of an act.
pub(super) struct Outcome {
    pub(super) act: &'static Act,
    pub(super) recipients: Vec<Answered>,
}

/// What came of one recipient.
pub(super) struct Answered {
    pub(super) recipient: &'static str,
    pub(super) expected: Answer,
    /// What Postfix said.
    pub(super) reply: Reply,
    /// The fields of backstop's decision line.
    pub(super) verdict: String,
    pub(super) reason: String,
    /// What was wrong behind RCPT.
    pub(super) trouble: Option<String>,
}

impl Answered {
    pub(super) fn is_right(&self) -> bool {
        self.code() == self.expected.code
            && self.verdict == self.expected.verdict
            && self.reason == self.expected.reason
            && self.trouble.is_none()
    }

    /// Both codes.
    pub(super) fn code(&self) -> String {
        let enhanced = self.reply.enhanced.as_deref().unwrap_or_default();
        format!("{} {enhanced}", self.reply.code)
            .trim_end()
            .to_owned()
    }
}

impl Outcome {
    pub(super) fn is_right(&self) -> bool {
        self.recipients.iter().all(Answered::is_right)
    }
}

impl Stage {
    /// Starts backstop, then a Postfix that asks it.
    pub(super) fn set(options: &Options, nameserver: SocketAddr) -> io::Result<Self> {
        let shipped = fs::read_to_string(&options.config)?;
        let folder = mta::folder_in_memory()?;
        let keys = folder.path().join("keys");
        let mut keygen = Command::new(&options.backstop);
        run(keygen.arg("keygen").arg("--file").arg(&keys))?;
        let yaml = settings::for_the_play(&shipped, nameserver, &keys)?;
        let backstop = Backstop::start_in(&options.backstop, &yaml, folder)?;
        let milter = format!("inet:{}", backstop.addr());
        let postfix = Postfix::start(&postfix::Options {
            smtpd_milters: vec![milter.clone()],
            non_smtpd_milters: vec![milter],
            ..postfix::Options::default()
        })?;
        Ok(Self {
            backstop,
            postfix,
            program: options.backstop.clone(),
        })
    }

    /// Plays an act in a session of its own.
    pub(super) fn play(&self, act: &'static Act) -> io::Result<Outcome> {
        let logged = self.backstop.log_so_far().len();
        let mut smtp = Client::connect(self.postfix.smtp_addr())?;
        smtp.ehlo(act.helo)?;
        smtp.xclient(&Identity {
            addr: act.client.parse().map_err(io::Error::other)?,
            name: None,
            helo: Some(act.helo),
            login: act.login,
        })?;
        smtp.ehlo(act.helo)?;
        smtp.mail(act.from)?;
        let mut recipients = act
            .recipients
            .iter()
            .map(|&(recipient, expected)| {
                Ok(Answered {
                    recipient,
                    expected,
                    reply: smtp.rcpt(recipient)?,
                    verdict: String::new(),
                    reason: String::new(),
                    trouble: None,
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        if act.ends != Ends::Quit {
            self.deliver(act, &mut smtp, &mut recipients)?;
        }
        smtp.quit()?;
        // Who was let in is logged at the end, when the queue id is known.
        for answered in &mut recipients {
            let line = self.decision(logged, act.client, answered.recipient)?;
            answered.verdict = field(&line, "verdict");
            answered.reason = field(&line, "reason");
        }
        Ok(Outcome { act, recipients })
    }

    /// Sends the message to whom it was let in for, and looks into the mailboxes.
    fn deliver(&self, act: &Act, smtp: &mut Client, recipients: &mut [Answered]) -> io::Result<()> {
        let mut let_in = Vec::new();
        for answered in recipients {
            if answered.reply.is_positive() {
                let before = self.postfix.mailbox(answered.recipient)?.len();
                let_in.push((answered, before));
            }
        }
        if let_in.is_empty() {
            return Ok(());
        }
        let reply = smtp.data(&message(act))?;
        for (answered, before) in let_in {
            if reply.is_positive() {
                answered.trouble = self.arrival(act, answered, before);
            } else {
                answered.reply = reply.clone();
            }
        }
        Ok(())
    }

    /// What is wrong with the message's arrival.
    fn arrival(&self, act: &Act, answered: &Answered, before: usize) -> Option<String> {
        // Others arrive beside it.
        let wanted = subject(act);
        let mut found = None;
        let waited = wait_until(PATIENCE, || {
            let arrived = self.postfix.mailbox(answered.recipient)?;
            let texts = arrived.iter().skip(before);
            let mut texts = texts.map(|message| String::from_utf8_lossy(message).into_owned());
            found = texts.find(|message| message.contains(&wanted));
            Ok(found.is_some())
        });
        let (Ok(()), Some(message)) = (waited, found) else {
            return Some("but not delivered".to_owned());
        };
        let expected = answered.expected;
        let tag = format!("\nX-Backstop: verdict=tag reason={};", expected.reason);
        (message.contains(&tag) != (expected.verdict == "tag"))
            .then(|| "but X-Backstop is not as it should be".to_owned())
    }

    /// Backstop's decision line on a recipient of this client, in what was logged since.
    fn decision(&self, since: usize, client: &str, recipient: &str) -> io::Result<String> {
        let wanted = [
            format!(" client={client} "),
            format!(" rcpt=<{recipient}> "),
        ];
        let mut line = None;
        let waited = wait_until(PATIENCE, || {
            let log = self.backstop.log_so_far();
            let fresh = log.get(since..).unwrap_or_default();
            line = fresh
                .lines()
                .find(|line| wanted.iter().all(|field| line.contains(field)))
                .map(str::to_owned);
            Ok(line.is_some())
        });
        match (waited, line) {
            (Ok(()), Some(line)) => Ok(line),
            // The table marks it: neither field is what it should be.
            (Err(error), _) if error.kind() == io::ErrorKind::TimedOut => Ok(String::new()),
            (waited, _) => waited.map(|()| String::new()),
        }
    }

    /// A command of backstop's, with the file that it runs with.
    pub(super) fn command(&self, arguments: &[&str]) -> io::Result<String> {
        let mut command = Command::new(&self.program);
        command
            .arg("--config")
            .arg(self.backstop.config())
            .args(arguments);
        let output = run(&mut command)?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// How to talk to what is kept running.
    pub(super) fn directions(&self, nameserver: SocketAddr) -> io::Result<String> {
        let metrics = self.backstop.wait_for_log("metrics are at ")?;
        let page = metrics.split("metrics are at ").nth(1).unwrap_or_default();
        let page = page.strip_suffix("metrics").unwrap_or(page);
        let smtp = self.postfix.smtp_addr();
        let (host, port) = (smtp.ip(), smtp.port());
        let (dns_host, dns_port) = (nameserver.ip(), nameserver.port());
        let folder = self.backstop.folder().display();
        let config = self.postfix.config_dir();
        let postfix = config.parent().unwrap_or(&config).display();
        let program = self.program.display();
        Ok(format!(
            "Everything goes on running until you press Ctrl-C; then all of it is removed.
  The status page, in a browser: {page}
  SMTP, as any client (package swaks; or by hand: nc -C {host} {port}, with EHLO before and after XCLIENT):
    swaks --server {host} --port {port} --xclient-addr 203.0.113.66 \\
          --helo pc.example --from alice@bank.example --to joe@example.org
  What backstop would do, and why:
    {program} explain --config {folder}/milter.yaml \\
          --client-ip 203.0.113.66 --helo pc.example --mail-from alice@bank.example --rcpt joe@example.org
  The DNS (package bind9-dnsutils):
    dig @{dns_host} -p {dns_port} TXT bank.example
  Configuration: {folder}/milter.yaml; after a change: kill -HUP {backstop}
  Logs:          {folder}/log
                 {postfix}/mail.log
  Mailboxes:     {postfix}/mail/
",
            backstop = self.backstop.id(),
        ))
    }
}

/// A field of the decision line: values hold no blanks.
fn field(line: &str, name: &str) -> String {
    line.split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or("-")
        .to_owned()
}

/// A line that only this act's message has.
fn subject(act: &Act) -> String {
    format!("Subject: {}", act.title)
}

pub(super) fn message(act: &Act) -> Vec<u8> {
    let to = act
        .recipients
        .first()
        .map_or("", |(recipient, _)| recipient);
    let text = if let Ends::Bounce(sender) = act.ends {
        let bot = BOTS.iter().find(|(name, _)| *name == sender);
        let received = bot.map_or_else(String::new, |(name, address)| {
            format!(
                "Received: from {name} (unknown [{address}])\n\tby {} (Postfix) with ESMTP id 4dYaa;\n\tMon, 30 Nov 2026 \
                 10:00:00 +0000\n",
                act.helo
            )
        });
        format!(
            "From: Mail Delivery System <MAILER-DAEMON@{helo}>
To: {to}
{subject}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

Your message could not be delivered: there is no such user.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; {helo}

Final-Recipient: rfc822; bob@friend.example
Action: failed
Status: 5.1.1

--b
Content-Type: text/rfc822-headers

{received}From: {to}
To: bob@friend.example
Message-ID: <1@{sender}>
Subject: Lunch

--b--
",
            helo = act.helo,
            subject = subject(act),
        )
    } else {
        format!(
            "From: {from}\nTo: {to}\nMessage-ID: <1@{helo}>\n{subject}\n\nHello.\n",
            from = act.from,
            helo = act.helo,
            subject = subject(act),
        )
    };
    text.replace('\n', "\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_decision_line() {
        let line =
            "2026-01-01T00:00:00Z INFO id=1 rcpt=<a@b> verdict=tag reason=spf_softfail would=-";
        assert_eq!(field(line, "verdict"), "tag");
        assert_eq!(field(line, "reason"), "spf_softfail");
        assert_eq!(field("", "reason"), "-");
    }
}
