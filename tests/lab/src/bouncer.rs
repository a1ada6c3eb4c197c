//! A stranger's MTA that takes mail for `far.example`, finds that it can't deliver it, and sends the bounce home.

use crate::mta::Running;
use crate::postfix::{self, Postfix};
use crate::process::free_port;
use crate::sendmail::{self, Sendmail};
use crate::smtp::Client;
use crate::{amavis, exim, opensmtpd};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Deref;

/// All addresses in this domain are taken in the session; nothing reaches them.
pub const DOMAIN: &str = "far.example";

/// What the stranger calls itself.
pub const HOSTNAME: &str = "mx.far.example";

/// Where its bounces come from: not 127.0.0.1, so that it can be told from those who submit mail at home.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

/// Who such an MTA is; [`DOMAIN`], [`HOSTNAME`] and [`ADDRESS`], if nobody says.
#[derive(Debug, Clone)]
pub struct Host {
    /// What it calls itself.
    pub name: String,
    /// The domain it takes all mail of.
    pub domain: String,
    /// Where its bounces come from.
    pub address: Ipv4Addr,
    /// Whether it takes mail at port 25 of this address, too, and asks DNS for the names of its clients
    /// ([`crate::internet`]).
    pub is_public: bool,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            name: HOSTNAME.to_owned(),
            domain: DOMAIN.to_owned(),
            address: ADDRESS,
            is_public: false,
        }
    }
}

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
    /// A real amavis behind the queue. Only Postfix is set up so.
    Amavis,
}

/// Dropping it ends it.
#[derive(Debug)]
pub struct Bouncer {
    mta: Mta,
    /// What stands behind its queue; the MTA ends first.
    _filter: Option<Running>,
}

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
        Self::start_as(&Host::default(), kind, home, setting)
    }

    /// The same as another host.
    pub fn start_as(
        host: &Host,
        kind: Kind,
        home: SocketAddr,
        setting: Setting,
    ) -> io::Result<Self> {
        use Setting::{Amavis, Default, HeadersOnly, NoMime};
        let mut filter = None;
        let mta = match (kind, setting) {
            (Kind::Postfix, Default) => Mta::Postfix(postfix(host, home, &[], &[])?),
            (Kind::Postfix, HeadersOnly) => {
                Mta::Postfix(postfix(host, home, &["bounce_size_limit = 1"], &[])?)
            }
            (Kind::Postfix, Amavis) => {
                let (postfix, amavis) = filtered(host, home)?;
                filter = Some(amavis);
                Mta::Postfix(postfix)
            }
            (Kind::Sendmail, Default) => sendmail(host, home, None)?,
            (Kind::Sendmail, HeadersOnly) => sendmail(
                host,
                home,
                Some("define(`confPRIVACY_FLAGS', `nobodyreturn')dnl"),
            )?,
            (Kind::Sendmail, NoMime) => sendmail(
                host,
                home,
                Some("define(`confMIME_FORMAT_ERRORS', `False')dnl"),
            )?,
            (Kind::Exim, Default) => Mta::Other(exim::start(host, home, &[])?),
            (Kind::Exim, HeadersOnly) => {
                Mta::Other(exim::start(host, home, &["bounce_return_body = false"])?)
            }
            (Kind::OpenSmtpd, Default) => Mta::Other(opensmtpd::start(host, home)?),
            (Kind::Postfix | Kind::Exim | Kind::OpenSmtpd, NoMime)
            | (Kind::Exim | Kind::Sendmail | Kind::OpenSmtpd, Amavis)
            | (Kind::OpenSmtpd, HeadersOnly) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    format!("{} has no setting for {setting:?}", kind.name()),
                ));
            }
        };
        Ok(Self {
            mta,
            _filter: filter,
        })
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
        match &self.mta {
            Mta::Postfix(postfix) => postfix,
            Mta::Sendmail(sendmail) => sendmail,
            Mta::Other(running) => running,
        }
    }
}

fn postfix(
    host: &Host,
    home: SocketAddr,
    main_cf: &[&str],
    master_cf: &[&str],
) -> io::Result<Postfix> {
    let (name, address) = (&host.name, host.address);
    let owned = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    };
    let mut main_cf = owned(main_cf);
    main_cf.push(format!("myhostname = {name}"));
    main_cf.push(format!("smtp_bind_address = {address}"));
    let mut master_cf = owned(master_cf);
    if host.is_public {
        main_cf.push("smtpd_peername_lookup = yes".to_owned());
        master_cf.push(format!("{address}:25 inet n - n - - smtpd"));
    }
    Postfix::start(&postfix::Options {
        domains: vec![host.domain.clone()],
        mailboxes: vec![format!("@{}", host.domain)],
        undeliverable: vec![host.domain.clone()],
        relay: Some(home),
        main_cf,
        master_cf,
        ..postfix::Options::default()
    })
}

/// As the documentation of either says: the queue hands all mail to amavis, and takes it back where nothing filters it again.
fn filtered(host: &Host, home: SocketAddr) -> io::Result<(Postfix, Running)> {
    let back = free_port()?;
    let amavis = amavis::start(&host.name, back)?;
    let filter = format!(
        "content_filter = amavis:[127.0.0.1]:{}",
        amavis.smtp_addr().port()
    );
    let master_cf = format!(
        "amavis unix - - n - 2 smtp -o smtp_bind_address= -o smtp_send_xforward_command=yes
127.0.0.1:{back} inet n - n - - smtpd -o content_filter= -o mynetworks=127.0.0.0/8
 -o smtpd_authorized_xforward_hosts=127.0.0.0/8 -o receive_override_options=no_unknown_recipient_checks"
    );
    Ok((postfix(host, home, &[&filter], &[&master_cf])?, amavis))
}

/// An edge MX: it takes all mail for the domain, and hands it to the MTA inside, which bounces.
pub fn edge(host: &Host, inside: SocketAddr) -> io::Result<Postfix> {
    let Host {
        name,
        domain,
        address,
        ..
    } = host;
    let inside = format!("smtp:[{}]:{}", inside.ip(), inside.port());
    Postfix::start(&postfix::Options {
        domains: Vec::new(),
        mailboxes: Vec::new(),
        main_cf: vec![format!(
            "myhostname = {name}
smtp_bind_address = {address}
smtpd_peername_lookup = yes
relay_domains = {domain}
relay_transport = {inside}"
        )],
        master_cf: vec![format!("{address}:25 inet n - n - - smtpd")],
        ..postfix::Options::default()
    })
}

fn sendmail(host: &Host, home: SocketAddr, line: Option<&str>) -> io::Result<Mta> {
    let address = host.address;
    let mut mc = vec![format!(
        "CLIENT_OPTIONS(`Family=inet, Address={address}')dnl"
    )];
    if host.is_public {
        mc.push(format!(
            "DAEMON_OPTIONS(`Family=inet, Addr={address}, Port=25, Name=MTA-public')dnl"
        ));
    }
    mc.extend(line.map(str::to_owned));
    Sendmail::start(&sendmail::Options {
        domains: vec![host.domain.clone()],
        hostname: host.name.clone(),
        undeliverable: vec![host.domain.clone()],
        relay: Some(home),
        asks_dns: host.is_public,
        mc,
        ..sendmail::Options::default()
    })
    .map(Mta::Sendmail)
}
