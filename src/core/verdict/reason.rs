//! Why a verdict is what it is: the typed reason that the reply, the log line, the metrics and the tests share.

use super::super::{
    address::Domain,
    proof::evidence::Outcome,
    recipients::Class,
    spf::{Identity, SpfResult},
};

/// Why mail counts as outgoing, and is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outgoing {
    /// The client logged in (SMTP AUTH).
    Authenticated,
    /// The client is in `local.networks`.
    Network,
    /// The MTA took it in through one of `local.daemons`.
    Daemon,
    /// The MTA's own mail, or a local submission: no SMTP client stands behind it.
    Local,
}

/// Why a recipient or a client is not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exempt {
    /// postmaster: RFC 5321 section 4.5.1 wants it reachable, whatever happens.
    Postmaster,
    /// Listed in `exempt.recipients`.
    Recipient,
    /// The client is in `exempt.clients`: a backup MX, say.
    Client,
}

/// Why the verdict is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing spoke against it.
    NothingFound,
    /// Outgoing mail is never judged.
    Outgoing(Outgoing),
    /// Exempt from judging.
    Exempt(Exempt),
    /// The MTA refused this recipient before we were asked; our answer is ignored.
    RefusedByMta {
        /// The enhanced status code that the MTA gave, where it gave one.
        status: String,
    },
    /// A stranger whose address the MTA doesn't know: it left before it was seen, or a proxy hid it.
    ClientUnknown,
    /// The result of an SPF check.
    Spf {
        /// Whose word was checked.
        identity: Identity,
        /// The domain that was asked.
        domain: String,
        /// What it said.
        result: SpfResult,
        /// The domain's own words, printable ASCII.
        explanation: Option<String>,
        /// What is wrong with the domain's DNS, printable ASCII.
        problem: Option<String>,
    },
    /// A stranger claims to be one of `local.domains`.
    MailFromForged {
        /// The domain claimed.
        domain: Domain,
        /// What the domain's own SPF record said of the client.
        spf: SpfResult,
    },
    /// A null sender, and this is not its first recipient: a notification goes to one (RFC 5321 section 4.5.5).
    NullSenderExtraRecipient,
    /// Recipients that were accepted before get other answers after DATA, where the MTA has one for all.
    OtherRecipients,
    /// Recipients that were accepted before are in a domain whose client has other answers after DATA.
    OtherAnswers,
    /// A null sender to an address that never sends mail.
    NeverSends,
    /// What the recipient's class answers.
    Recipient {
        /// What the recipient is to its domain.
        class: Class,
        /// Whether the mail has the null sender.
        bounce: bool,
    },
    /// What a notification proves, or fails to prove.
    Proof(Outcome),
    /// A bounce to a tagged address, from a client that has guessed too many tags.
    BatvGuessed,
    /// The client is on a DNS list that is asked about such mail.
    Dnsbl {
        /// The list.
        zone: Domain,
    },
    /// A null sender, and the headers show no notification.
    NotANotification,
    /// A null sender, and a report that nothing vouches for.
    UnauthenticatedReport,
    /// From: claims one of `local.domains`.
    HeaderFromForged {
        /// The domain claimed; none where more is claimed than is read.
        domain: Option<Domain>,
    },
    /// From: claims one of `local.domains`, and what vouches for it may be a copy.
    HeaderFromDoubtful {
        /// The domain claimed.
        domain: Option<Domain>,
    },
    /// It answers mail that somebody sent in our name.
    ReplyToForgery,
    /// A rule of `headers` matched.
    HeaderRule {
        /// Which one, from 1.
        number: usize,
        /// The administrator's words for a refusal.
        text: Option<String>,
    },
    /// The recipient's domain is besieged, and this is not accepted meanwhile.
    Siege(UnderSiege),
    /// More headers claim to be written by us than can be taken out: what stayed would be believed.
    ForgedHeaders,
    /// The list that could know the recipient can't be read.
    DirectoryUnavailable,
    /// The daemon stops, and judges nothing any more.
    Stopping,
    /// Our own failure: a panic, or a limit of time that we set ourselves.
    Internal,
}

/// What is answered more strictly while a domain is besieged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnderSiege {
    /// A notification that proves nothing.
    Unproven(Outcome),
    /// Something to an address that only the catch-all takes.
    CatchAll {
        /// Whether it is a bounce.
        bounce: bool,
    },
    /// The null sender, from a client that a DNS list has.
    Listed {
        /// The list.
        zone: Domain,
    },
    /// The second recipient of the null sender, or a later one.
    ExtraRecipient,
}

impl Reason {
    /// Whether it is that we, or what we ask, did not answer: that says nothing of the mail.
    pub(in crate::core) fn is_unanswered(&self) -> bool {
        match self {
            Self::Internal | Self::Stopping | Self::DirectoryUnavailable | Self::ClientUnknown => {
                true
            }
            // RFC 3463 section 3.4: the mail system; Postfix says so where a map can't be read.
            Self::RefusedByMta { status } => status.starts_with("4.3."),
            Self::Spf { result, .. } | Self::MailFromForged { spf: result, .. } => {
                *result == SpfResult::Temperror
            }
            Self::Proof(outcome) | Self::Siege(UnderSiege::Unproven(outcome)) => {
                outcome.is_unanswered()
            }
            _ => false,
        }
    }

    /// The one word for it, in the log, in metrics and in X-Backstop: `[a-z0-9_]+`, stable between versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingFound => "nothing_found",
            Self::Outgoing(Outgoing::Authenticated) => "outgoing_authenticated",
            Self::Outgoing(Outgoing::Network) => "outgoing_network",
            Self::Outgoing(Outgoing::Daemon) => "outgoing_daemon",
            Self::Outgoing(Outgoing::Local) => "outgoing_local",
            Self::Exempt(Exempt::Postmaster) => "exempt_postmaster",
            Self::Exempt(Exempt::Recipient) => "exempt_recipient",
            Self::Exempt(Exempt::Client) => "exempt_client",
            Self::RefusedByMta { .. } => "refused_by_mta",
            Self::ClientUnknown => "client_unknown",
            Self::Spf {
                identity: Identity::Helo,
                result,
                ..
            } => match result {
                SpfResult::None => "spf_helo_none",
                SpfResult::Neutral => "spf_helo_neutral",
                SpfResult::Pass => "spf_helo_pass",
                SpfResult::Fail => "spf_helo_fail",
                SpfResult::Softfail => "spf_helo_softfail",
                SpfResult::Temperror => "spf_helo_temperror",
                SpfResult::Permerror => "spf_helo_permerror",
            },
            Self::Spf {
                identity: Identity::MailFrom,
                result,
                ..
            } => match result {
                SpfResult::None => "spf_none",
                SpfResult::Neutral => "spf_neutral",
                SpfResult::Pass => "spf_pass",
                SpfResult::Fail => "spf_fail",
                SpfResult::Softfail => "spf_softfail",
                SpfResult::Temperror => "spf_temperror",
                SpfResult::Permerror => "spf_permerror",
            },
            Self::MailFromForged { .. } => "mail_from_forged",
            Self::NullSenderExtraRecipient => "null_sender_extra_recipient",
            Self::OtherRecipients => "other_recipients",
            Self::OtherAnswers => "other_answers",
            Self::NeverSends => "never_sends",
            Self::Recipient { class, bounce } => class.code(*bounce),
            Self::Proof(outcome) => outcome.code(),
            Self::BatvGuessed => "batv_guessed",
            Self::Dnsbl { .. } => "dnsbl",
            Self::NotANotification => "not_a_notification",
            Self::UnauthenticatedReport => "unauthenticated_report",
            Self::HeaderFromForged { .. } => "header_from_forged",
            Self::HeaderFromDoubtful { .. } => "header_from_doubtful",
            Self::ReplyToForgery => "reply_to_forgery",
            Self::HeaderRule { .. } => "header_rule",
            Self::Siege(UnderSiege::Unproven(_)) => "siege_unproven",
            Self::Siege(UnderSiege::CatchAll { bounce: true }) => "siege_catch_all_bounce",
            Self::Siege(UnderSiege::CatchAll { bounce: false }) => "siege_catch_all_mail",
            Self::Siege(UnderSiege::Listed { .. }) => "siege_listed",
            Self::Siege(UnderSiege::ExtraRecipient) => "siege_extra_recipient",
            Self::ForgedHeaders => "forged_headers",
            Self::DirectoryUnavailable => "directory_unavailable",
            Self::Stopping => "stopping",
            Self::Internal => "internal",
        }
    }
}
