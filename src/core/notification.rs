//! Which mail is a notification: written by a program about, or in answer to, another message.
//!
//! RFC 5321 section 4.5.5 has notifications use the null sender, and nothing else; both halves are broken every day. So
//! the kind is read from the headers, and the sender only decides how much they must show: with `<>` one clear sign is
//! enough, with a real sender a subject alone never is. What every newsletter has is no clear sign, however much of it
//! there is.

mod content_type;
mod evidence;
mod signs;
mod subject;

use std::fmt;

pub use content_type::ContentType;
pub use evidence::{Daemon, NotificationEvidence, Precedence};
pub use subject::Subject;

use super::{address::ReversePath, from_header::Claims, header::Headers};
use signs::Signs;

/// What a notification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// A delivery status notification by RFC 3464.
    Dsn,
    /// A disposition notification (read receipt) by RFC 8098, or by its older forms.
    Mdn,
    /// A bounce, delay or delivery notice in a form of the sender's own.
    Bounce,
    /// An answer that no human wrote (RFC 3834): out of office, ticket received, message held, challenge.
    AutoReply,
    /// A report of one mail system to another that answers no single message (DMARC, TLS-RPT, ARF), and shows no sign
    /// of a bounce. With the null sender only; from a real sender it is mail.
    Report,
    /// Mail to an Exchange distribution group, which takes the sender away from it. By its content it is mail. With the
    /// null sender only.
    Distribution,
    /// Another host asked whether an address exists, and went away: the null sender, RCPT, and no DATA.
    Callout,
}

impl NotificationKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Dsn,
        Self::Mdn,
        Self::Bounce,
        Self::AutoReply,
        Self::Report,
        Self::Distribution,
        Self::Callout,
    ];

    /// The word in the log, in metrics and in X-Backstop: `[a-z_]+`, stable between versions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dsn => "dsn",
            Self::Mdn => "mdn",
            Self::Bounce => "bounce",
            Self::AutoReply => "auto_reply",
            Self::Report => "report",
            Self::Distribution => "distribution",
            Self::Callout => "callout",
        }
    }
}

impl fmt::Display for NotificationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A notification, and how it was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// What it is.
    pub kind: NotificationKind,
    /// Every sign that was seen, the deciding ones among them, in the order of [`NotificationEvidence`]'s variants.
    pub evidence: Vec<NotificationEvidence>,
}

impl Notification {
    /// Recognises a notification by its sender and its headers. `None`: ordinary mail, whatever its sender.
    pub fn recognise(sender: &ReversePath, headers: &Headers) -> Option<Self> {
        Self::recognise_by(sender, headers, &Claims::of(headers))
    }

    /// The same, where it is known already whom these headers claim to be from.
    pub(in crate::core) fn recognise_by(
        sender: &ReversePath,
        headers: &Headers,
        claims: &Claims,
    ) -> Option<Self> {
        let signs = Signs::of(sender, headers, claims);
        // The first that holds: a DSN is also an automatic reply, by RFC 3464 section 2 and RFC 3834 section 5. What a bounce
        // says of itself comes before what else it claims to be.
        let kind = if is_dsn(&signs) {
            NotificationKind::Dsn
        } else if signs.content(&ContentType::DispositionNotification) && !signs.handed_on {
            NotificationKind::Mdn
        } else if is_bounce(&signs) {
            NotificationKind::Bounce
        } else if is_report(&signs) {
            NotificationKind::Report
        } else if signs.null && signs.subject(Subject::Receipt) {
            NotificationKind::Mdn
        } else if is_auto_reply(&signs) {
            NotificationKind::AutoReply
        } else if signs.has(|sign| *sign == NotificationEvidence::ExchangeGroup) {
            NotificationKind::Distribution
        } else {
            return None;
        };
        Some(Self {
            kind,
            evidence: signs.evidence,
        })
    }

    /// The signs that speak for an automatic reply with the null sender, but stand in every newsletter, too: Precedence,
    /// In-Reply-To and References, X-Auto-Response-Suppress, the headers of lists. They make no kind.
    pub fn weak_signs(sender: &ReversePath, headers: &Headers) -> Vec<NotificationEvidence> {
        if !sender.is_null() {
            return Vec::new();
        }
        let signs = Signs::of(sender, headers, &Claims::of(headers));
        let list = signs.list.then_some(NotificationEvidence::ListHeaders);
        let weak = signs.evidence.into_iter().filter(|sign| {
            matches!(
                sign,
                NotificationEvidence::AutoSubmitted(_)
                    | NotificationEvidence::Precedence(_)
                    | NotificationEvidence::AutoResponseSuppress
                    | NotificationEvidence::ListAdministrivia
                    | NotificationEvidence::OwnLoop
                    | NotificationEvidence::InReplyTo
            )
        });
        weak.chain(list).collect()
    }

    /// What a transaction was that ended after RCPT.
    pub fn of_no_data(sender: &ReversePath) -> Option<Self> {
        sender.is_null().then(|| Self {
            kind: NotificationKind::Callout,
            evidence: vec![NotificationEvidence::NoData],
        })
    }

    /// Whether it reports that a message came back, or will: such mail is answered as a bounce, with any sender.
    pub fn is_bounce(&self) -> bool {
        matches!(self.kind, NotificationKind::Dsn | NotificationKind::Bounce)
    }

    /// Whether it answers one message: it can then hold proof that this was ours.
    pub fn answers_a_message(&self) -> bool {
        self.is_bounce() || self.is_reply()
    }

    /// Whether it answers a message without a human: it names that by its Message-ID, and returns nothing of it.
    pub fn is_reply(&self) -> bool {
        matches!(
            self.kind,
            NotificationKind::Mdn | NotificationKind::AutoReply
        )
    }

    /// Whether it has a sign of a bounce, whatever it is by its content type.
    pub fn shows_bounce(&self) -> bool {
        self.is_bounce()
            || self.evidence.iter().any(|sign| {
                matches!(
                    sign,
                    NotificationEvidence::FromDaemon(_)
                        | NotificationEvidence::XFailedRecipients
                        | NotificationEvidence::BounceHeader(_)
                        | NotificationEvidence::StatusPart
                        | NotificationEvidence::Subject(Subject::Bounce)
                )
            })
    }

    /// Whether it answers no message, by what it says it is.
    pub fn is_report(&self) -> bool {
        matches!(
            self.kind,
            NotificationKind::Report | NotificationKind::Distribution
        )
    }

    /// What was recognised with the null sender, now that its content is known to report a delivery or a disposition
    /// (RFC 3464, RFC 8098): then it answers a message, where its headers did not say so or said that it is a report.
    /// `delivery`: it says what became of the message, which is a sign of a bounce in whatever else it is.
    #[must_use]
    pub fn with_status_part(recognised: Option<Self>, delivery: bool) -> Option<Self> {
        let recognised = match recognised {
            Some(mut seen) if !seen.is_report() => {
                if delivery && !seen.is_bounce() {
                    seen.evidence.push(NotificationEvidence::StatusPart);
                }
                return Some(seen);
            }
            other => other,
        };
        let mut evidence = recognised.map_or_else(Vec::new, |seen| seen.evidence);
        evidence.push(NotificationEvidence::StatusPart);
        Some(Self {
            kind: NotificationKind::Bounce,
            evidence,
        })
    }

    /// The codes of the evidence, each one word, for the log and X-Backstop.
    pub fn evidence_codes(&self) -> Vec<&'static str> {
        self.evidence
            .iter()
            .map(NotificationEvidence::code)
            .collect()
    }
}

impl fmt::Display for Notification {
    /// The kind and the evidence, for the log: `dsn:ContentType(report-type=delivery-status),FromDaemon(...)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        for (index, evidence) in self.evidence.iter().enumerate() {
            f.write_str(if index == 0 { ":" } else { "," })?;
            evidence.fmt(f)?;
        }
        Ok(())
    }
}

fn is_dsn(signs: &Signs) -> bool {
    signs.content(&ContentType::DeliveryStatus) && !signs.handed_on
}

fn is_report(signs: &Signs) -> bool {
    let of_report = |sign: &NotificationEvidence| {
        matches!(
            sign,
            NotificationEvidence::ContentType(
                ContentType::FeedbackReport | ContentType::TlsReport | ContentType::OtherReport(_)
            )
        )
    };
    // RFC 7489 section 7.2.1.1 gives aggregate reports this subject; they have no content type of their own.
    signs.null && (signs.has(of_report) || signs.subject(Subject::DmarcReport))
}

fn is_bounce(signs: &Signs) -> bool {
    let from_daemon = signs.has(|sign| matches!(sign, NotificationEvidence::FromDaemon(_)));
    let says_so = bounce_signs(signs);
    if signs.null {
        return from_daemon || says_so || signs.content(&ContentType::UntypedReport);
    }
    // Nobody's name is MAILER-DAEMON; but a postmaster can be a person, who writes mail.
    let never_a_person = signs
        .has(|sign| *sign == NotificationEvidence::SenderDaemon(Daemon::Mailer))
        && signs.has(|sign| *sign == NotificationEvidence::FromDaemon(Daemon::Mailer));
    let sender_daemon = signs.has(|sign| matches!(sign, NotificationEvidence::SenderDaemon(_)));
    never_a_person
        || sender_daemon && (says_so || report(signs))
        || from_daemon && (says_so || report(signs)) && !signs.handed_on
}

fn bounce_signs(signs: &Signs) -> bool {
    signs.subject(Subject::Bounce)
        || signs.has(|sign| {
            matches!(
                sign,
                NotificationEvidence::XFailedRecipients | NotificationEvidence::BounceHeader(_)
            )
        })
}

/// A multipart/report of an unknown type.
fn report(signs: &Signs) -> bool {
    signs.has(|sign| {
        matches!(
            sign,
            NotificationEvidence::ContentType(
                ContentType::OtherReport(_) | ContentType::UntypedReport
            )
        )
    })
}

fn is_auto_reply(signs: &Signs) -> bool {
    let automatic = signs.has(|sign| matches!(sign, NotificationEvidence::AutoSubmitted(_)));
    let replied = signs.has(
        |sign| matches!(sign, NotificationEvidence::AutoSubmitted(how) if how == "auto-replied"),
    );
    let says_so = signs.has(|sign| {
        matches!(
            sign,
            NotificationEvidence::AutoReplyHeader(_)
                | NotificationEvidence::Precedence(Precedence::AutoReply)
        )
    });
    let subject = signs.subject(Subject::AutoReply);
    // Newsletters and ticket systems say this much too.
    let hint = signs.has(|sign| {
        matches!(
            sign,
            NotificationEvidence::Precedence(_)
                | NotificationEvidence::AutoResponseSuppress
                | NotificationEvidence::ExchangeGenerated
                | NotificationEvidence::ListAdministrivia
        )
    });
    let answer = signs.has(|sign| *sign == NotificationEvidence::InReplyTo);
    // A program that answers marks its mail, so that it does not answer itself.
    let marked_answer = answer && signs.has(|sign| *sign == NotificationEvidence::OwnLoop);
    if signs.null {
        let by_a_program = signs.has(|sign| {
            matches!(
                sign,
                NotificationEvidence::ExchangeGenerated | NotificationEvidence::Calendar
            )
        });
        let by_a_list_manager =
            answer && signs.has(|sign| *sign == NotificationEvidence::ListAdministrivia);
        // What a list sends is generated automatically, all of it.
        let automatic = replied || automatic && !signs.list;
        return automatic
            || says_so
            || subject
            || by_a_program
            || by_a_list_manager
            || marked_answer;
    }
    // `auto-generated` from a real sender is a cron job or a ticket system, unless it answers (RFC 3834 section 5).
    !signs.handed_on
        && (replied
            || says_so
            || subject && (automatic || hint)
            || answer && automatic && hint
            || marked_answer)
}
