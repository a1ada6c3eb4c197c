//! A stranger's MTA that takes mail for `far.example`, finds that it can't deliver it, and sends the bounce home.

use crate::mta::Running;
use crate::postfix::{self, Postfix};
use crate::sendmail::{self, Sendmail};
use crate::smtp::Client;
use crate::{exim, opensmtpd};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;

/// All addresses in this domain are taken in the session; nothing reaches them.
pub const DOMAIN: &str = "far.example";

/// What the stranger calls itself.
pub const HOSTNAME: &str = "mx.far.example";

/// Where its bounces come from: not 127.0.0.1, so that it can be told from those who submit mail at home.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Postfix,
    Sendmail,
    Exim,
    OpenSmtpd,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::Postfix, Self::Sendmail, Self::Exim, Self::OpenSmtpd];

    /// In lower case, as its package is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postfix => "postfix",
            Self::Sendmail => "sendmail",
            Self::Exim => "exim",
            Self::OpenSmtpd => "opensmtpd",
        }
    }
}

/// What an administrator set, other than the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Setting {
    /// Nothing: the sender may say by RET (RFC 3461) what is returned.
    #[default]
    Default,
    /// Headers only, whatever the sender said. OpenSMTPD has no such setting.
    HeadersOnly,
    /// No MIME, as in the old days: the returned message stands in the text. Only Sendmail has such a setting.
    NoMime,
}

/// Dropping it ends it.
#[derive(Debug)]
pub struct Bouncer(Mta);

#[derive(Debug)]
enum Mta {
    Postfix(Postfix),
    Sendmail(Sendmail),
    Other(Running),
}

impl Bouncer {
    /// Starts it, and returns when it listens. All its mail for others than [`DOMAIN`], the bounces that is, goes to `home`,
    /// an IPv4 address, and comes from [`ADDRESS`].
    pub fn start(kind: Kind, home: SocketAddr) -> io::Result<Self> {
        Self::start_set(kind, home, Setting::Default)
    }

    /// The same with a setting; `InvalidInput` where this kind has none such.
    pub fn start_set(kind: Kind, home: SocketAddr, setting: Setting) -> io::Result<Self> {
        use Setting::{Default, HeadersOnly, NoMime};
        let mta = match (kind, setting) {
            (Kind::Postfix, Default) => postfix(home, None)?,
            (Kind::Postfix, HeadersOnly) => postfix(home, Some("bounce_size_limit = 1"))?,
            (Kind::Sendmail, Default) => sendmail(home, None)?,
            (Kind::Sendmail, HeadersOnly) => {
                sendmail(home, Some("define(`confPRIVACY_FLAGS', `nobodyreturn')dnl"))?
            }
            (Kind::Sendmail, NoMime) => {
                sendmail(home, Some("define(`confMIME_FORMAT_ERRORS', `False')dnl"))?
            }
            (Kind::Exim, Default) => Mta::Other(exim::start(home, &[])?),
            (Kind::Exim, HeadersOnly) => {
                Mta::Other(exim::start(home, &["bounce_return_body = false"])?)
            }
            (Kind::OpenSmtpd, Default) => Mta::Other(opensmtpd::start(home)?),
            (Kind::Postfix | Kind::Exim | Kind::OpenSmtpd, NoMime)
            | (Kind::OpenSmtpd, HeadersOnly) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{} has no setting for {setting:?}", kind.name()),
                ));
            }
        };
        Ok(Self(mta))
    }

    /// Where it takes mail.
    pub fn addr(&self) -> SocketAddr {
        self.smtp_addr()
    }

    /// Hands it `message` from `sender` to an address that it bounces, with `parameters` for MAIL (`RET=HDRS`, or none). The
    /// bounce comes later.
    pub fn send(&self, sender: &str, parameters: &str, message: &[u8]) -> io::Result<()> {
        let mut client = Client::connect(self.addr())?;
        client.ehlo("mx.home.example")?;
        let mail = format!("MAIL FROM:<{sender}> BODY=8BITMIME {parameters}");
        let replies = [
            client.command(mail.trim_end().as_bytes())?,
            client.rcpt(&format!("nobody@{DOMAIN}"))?,
            client.data(message)?,
        ];
        match replies.iter().find(|reply| !reply.is_positive()) {
            Some(refusal) => Err(io::Error::other(format!("{refusal:?}\n{}", self.log()))),
            None => client.quit().map(drop),
        }
    }
}

impl Deref for Bouncer {
    type Target = Running;

    fn deref(&self) -> &Running {
        match &self.0 {
            Mta::Postfix(postfix) => postfix,
            Mta::Sendmail(sendmail) => sendmail,
            Mta::Other(running) => running,
        }
    }
}

fn postfix(home: SocketAddr, line: Option<&str>) -> io::Result<Mta> {
    let mut main_cf = vec![
        format!("myhostname = {HOSTNAME}"),
        format!("smtp_bind_address = {ADDRESS}"),
    ];
    main_cf.extend(line.map(str::to_owned));
    Postfix::start(&postfix::Options {
        domains: vec![DOMAIN.to_owned()],
        mailboxes: vec![format!("@{DOMAIN}")],
        undeliverable: vec![DOMAIN.to_owned()],
        relay: Some(home),
        main_cf,
        ..postfix::Options::default()
    })
    .map(Mta::Postfix)
}

fn sendmail(home: SocketAddr, line: Option<&str>) -> io::Result<Mta> {
    let mut mc = vec![format!(
        "CLIENT_OPTIONS(`Family=inet, Address={ADDRESS}')dnl"
    )];
    mc.extend(line.map(str::to_owned));
    Sendmail::start(&sendmail::Options {
        domains: vec![DOMAIN.to_owned()],
        hostname: HOSTNAME.to_owned(),
        undeliverable: vec![DOMAIN.to_owned()],
        relay: Some(home),
        mc,
        ..sendmail::Options::default()
    })
    .map(Mta::Sendmail)
}
