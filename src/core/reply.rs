//! Every SMTP reply is made here: codes that agree with each other and with the action, text that is printable,
//! bounded, and says what the sender can do.

use std::{fmt, net::IpAddr};

use super::{
    recipients::Class,
    spf::{Identity, SpfResult},
    verdict::{Action, Reason, Verdict},
};

/// The longest reply line in octets, without CRLF (RFC 5321 section 4.5.3.1.5: 512 with it).
const LONGEST_LINE: usize = 510;
/// What Sendmail puts in front of the text of every line: `<RECIPIENT>... `, with a path of up to 256 octets
/// (RFC 5321 section 4.5.3.1.3).
const SENDMAILS_PREFIX: usize = 256 + 4;
/// More lines than this help nobody. The longest text of ours, with a stranger's longest explanation, takes fewer.
const MOST_LINES: usize = 8;

/// A 4xx or 5xx reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The SMTP code (RFC 5321 section 4.2).
    pub code: u16,
    /// Class, subject and detail of the enhanced code (RFC 3463).
    pub enhanced: (u8, u16, u16),
    /// The text, one entry a line: printable ASCII, each line at most 510 octets with its codes.
    pub lines: Vec<String>,
}

impl Reply {
    /// The reply that a verdict calls for; none where the recipient is let in.
    pub fn to(verdict: &Verdict, client: Option<IpAddr>) -> Option<Self> {
        let class = match verdict.action {
            Action::Reject => 5,
            Action::Tempfail => 4,
            Action::Accept | Action::Tag | Action::Discard | Action::Quarantine => return None,
        };
        let Wording {
            permanent,
            transient,
            subject,
            detail,
            text,
        } = wording(&verdict.reason, client);
        let code = if class == 5 { permanent } else { transient };
        let codes = format!("{code} {class}.{subject}.{detail} ");
        let room = LONGEST_LINE.saturating_sub(codes.len() + SENDMAILS_PREFIX);
        let lines = wrapped(&text, room);
        Some(Self {
            code,
            enhanced: (class, subject, detail),
            lines,
        })
    }

    /// The enhanced status code as text.
    pub fn enhanced_text(&self) -> String {
        let (class, subject, detail) = self.enhanced;
        format!("{class}.{subject}.{detail}")
    }
}

impl fmt::Display for Reply {
    /// As it goes over the wire, without the CRLF of the last line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.lines.len().saturating_sub(1);
        for (number, line) in self.lines.iter().enumerate() {
            let (dash, end) = if number == last {
                (' ', "")
            } else {
                ('-', "\r\n")
            };
            write!(f, "{}{dash}{} {line}{end}", self.code, self.enhanced_text())?;
        }
        Ok(())
    }
}

/// What a reason says, before the action has chosen between its two codes.
struct Wording {
    permanent: u16,
    transient: u16,
    subject: u16,
    detail: u16,
    text: String,
}

fn wording(reason: &Reason, client: Option<IpAddr>) -> Wording {
    let client = client.map_or_else(|| "this client".to_owned(), |address| address.to_string());
    let policy = |text: String| Wording {
        permanent: 550,
        transient: 450,
        subject: 7,
        detail: 1,
        text,
    };
    match reason {
        Reason::Spf { identity, domain, result, explanation, problem } => {
            spf(*identity, domain, *result, explanation.as_deref(), problem.as_deref(), &client)
        }
        Reason::OwnDomainForged { domain, spf: SpfResult::Temperror } => Wording {
            permanent: 550,
            transient: 451,
            subject: 7,
            detail: 24,
            text: format!(
                "{domain} is a domain of ours, and its SPF could not be looked up; please try \
                 again later"
            ),
        },
        Reason::OwnDomainForged { domain, .. } => policy(format!(
            "{domain} is a domain of ours, and {client} may not send mail for it; if you are its \
             user, log in and use the submission port"
        )),
        // RFC 5321 section 4.5.3.1.10: 452, so that an honest MTA sends the rest in a transaction of its own.
        Reason::NullSenderExtraRecipient => Wording {
            permanent: 554,
            transient: 452,
            subject: 5,
            detail: 3,
            text: "A notification (null sender) goes to one recipient; send it to the others one \
                   by one"
                .to_owned(),
        },
        Reason::NeverSends => policy(
            "This address never sends mail, so no bounce can be meant for it; the message you \
             answer was forged"
                .to_owned(),
        ),
        Reason::Recipient { class: Class::Rule(_) | Class::CatchAll, bounce: true } => policy(
            "No mail is ever sent from this address, so no bounce can be meant for it; the message \
             you answer was forged"
                .to_owned(),
        ),
        Reason::Recipient { class: Class::Rule(_), bounce: false } => {
            policy("Mail to this address is not accepted here".to_owned())
        }
        // RFC 3463 section 3.2: X.1.1, bad destination mailbox address.
        Reason::Recipient { .. } => Wording {
            permanent: 550,
            transient: 450,
            subject: 1,
            detail: 1,
            text: "There is no such mailbox here; check the address".to_owned(),
        },
        Reason::BatvWrong => policy(
            "This return address was not made here: its tag (prvs=) is wrong, so the message you \
             return was forged, and its sender is not its author"
                .to_owned(),
        ),
        Reason::BatvExpired => policy(
            "This return address has expired: messages sent from here can be returned for some \
             days only, and the tag (prvs=) in this one is older"
                .to_owned(),
        ),
        Reason::BatvGuessed => policy(format!(
            "{client} has returned too many forged messages within the hour; try this one again \
             later"
        )),
        Reason::Dnsbl { zone } => policy(format!(
            "{client} sends backscatter, says {zone}; notifications from it are not accepted here"
        )),
        // RFC 5321 section 4.5.5.
        Reason::NotANotification => policy(
            "The null sender is for notifications, and this message is none; send it with your \
             address in MAIL FROM"
                .to_owned(),
        ),
        Reason::HeaderFromForged { domain: None } => policy(
            "From: names more addresses than are read here; send with one author's address".to_owned(),
        ),
        Reason::HeaderFromForged { domain: Some(domain) } => policy(format!(
            "From: names {domain}, a domain of ours, and {client} may not send mail for it; if you \
             are its user, log in and use the submission port"
        )),
        Reason::ForgedHeaders => Wording {
            transient: 451,
            ..policy("Too many headers of this message claim to be written here".to_owned())
        },
        Reason::HeaderRule { text, .. } => policy(
            text.clone()
                .unwrap_or_else(|| "A header of this message is not accepted here".to_owned()),
        ),
        Reason::DirectoryUnavailable => Wording {
            text: "The list of recipients can't be read here at the moment; please try again later"
                .to_owned(),
            ..own_failure()
        },
        Reason::Internal
        | Reason::NothingFound
        | Reason::BatvValid
        | Reason::Outgoing(_)
        | Reason::Exempt(_)
        | Reason::RefusedByMta { .. } => own_failure(),
    }
}

/// RFC 7372 section 3: the enhanced codes of SPF.
fn spf(
    identity: Identity,
    domain: &str,
    result: SpfResult,
    explanation: Option<&str>,
    problem: Option<&str>,
    client: &str,
) -> Wording {
    let named = match identity {
        Identity::Helo => format!("the HELO name {domain}"),
        Identity::MailFrom => domain.to_owned(),
    };
    let (detail, text) = match result {
        // Which of our name servers failed, and how, is for our log alone.
        SpfResult::Temperror => (
            24,
            format!("SPF: the DNS of {named} did not answer; please try again later"),
        ),
        SpfResult::Permerror => {
            let problem = problem
                .map(|problem| format!(" ({problem})"))
                .unwrap_or_default();
            let text = format!(
                "SPF: the record of {named} is broken{problem}; its postmaster can mend it"
            );
            (24, text)
        }
        SpfResult::Fail | SpfResult::Softfail => {
            // The words are a stranger's: marked as theirs (RFC 7208 section 11.5.3).
            let theirs = explanation
                .map(|text| format!("; the domain {domain} explains: {text}"))
                .unwrap_or_default();
            (
                23,
                format!(
                    "SPF: {client} may not send mail for {named}, says that domain's own record{theirs}"
                ),
            )
        }
        SpfResult::None | SpfResult::Neutral | SpfResult::Pass => (
            1,
            format!("SPF says {result} for {named}, which is not accepted here"),
        ),
    };
    Wording {
        permanent: 550,
        transient: 451,
        subject: 7,
        detail,
        text,
    }
}

fn own_failure() -> Wording {
    Wording {
        permanent: 550,
        transient: 451,
        subject: 3,
        detail: 0,
        text: "The mail filter failed here; please try again later".to_owned(),
    }
}

/// Breaks the text into lines that fit: at blanks, or within a word that is longer than a line. Control characters
/// and everything beyond ASCII become `?`: replies are US-ASCII (RFC 5321 section 4.2.1), and a stranger's CRLF must not
/// start a reply of its own.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let printable: Vec<char> = text
        .chars()
        .map(|c| {
            if c == ' ' || c.is_ascii_graphic() {
                c
            } else {
                '?'
            }
        })
        .collect();
    let words = printable
        .split(|&c| c == ' ')
        .flat_map(|word| word.chunks(room));
    let mut lines = vec![String::new()];
    for word in words {
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.extend(word);
        } else if line.len() + 1 + word.len() <= room {
            line.push(' ');
            line.extend(word);
        } else if lines.len() < MOST_LINES {
            lines.push(word.iter().collect());
        } else {
            break;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::verdict::{Mode, Rule};

    fn spf_reason(result: SpfResult, explanation: Option<String>) -> Reason {
        let domain = "example.com".to_owned();
        Reason::Spf {
            identity: Identity::MailFrom,
            domain,
            result,
            explanation,
            problem: None,
        }
    }

    fn reply(action: Action, reason: Reason) -> Option<String> {
        let verdict = Verdict::of(Rule::new(action), Mode::Enforce, reason);
        Reply::to(&verdict, "192.0.2.1".parse().ok()).map(|reply| reply.to_string())
    }

    /// RFC 7372 section 3.2, RFC 5321 sections 4.5.3.1.10 and 4.2.
    #[test]
    fn codes_are_the_fields_own() {
        let bounce = |class| Reason::Recipient {
            class,
            bounce: true,
        };
        let mail = |class| Reason::Recipient {
            class,
            bounce: false,
        };
        for (action, reason, starts) in [
            (
                Action::Reject,
                spf_reason(SpfResult::Fail, None),
                "550 5.7.23 ",
            ),
            (
                Action::Reject,
                spf_reason(SpfResult::Softfail, None),
                "550 5.7.23 ",
            ),
            (
                Action::Tempfail,
                spf_reason(SpfResult::Temperror, None),
                "451 4.7.24 ",
            ),
            (
                Action::Reject,
                spf_reason(SpfResult::Permerror, None),
                "550 5.7.24 ",
            ),
            (
                Action::Tempfail,
                spf_reason(SpfResult::Fail, None),
                "451 4.7.23 ",
            ),
            (
                Action::Tempfail,
                Reason::NullSenderExtraRecipient,
                "452 4.5.3 ",
            ),
            (
                Action::Reject,
                Reason::NullSenderExtraRecipient,
                "554 5.5.3 ",
            ),
            (Action::Reject, Reason::NeverSends, "550 5.7.1 "),
            (Action::Reject, bounce(Class::CatchAll), "550 5.7.1 "),
            (Action::Reject, mail(Class::CatchAll), "550 5.1.1 "),
            (Action::Reject, mail(Class::Unknown), "550 5.1.1 "),
            (Action::Reject, bounce(Class::Unknown), "550 5.1.1 "),
            (Action::Tempfail, mail(Class::Unknown), "450 4.1.1 "),
            (Action::Tempfail, Reason::DirectoryUnavailable, "451 4.3.0 "),
            (Action::Tempfail, Reason::Internal, "451 4.3.0 "),
        ] {
            let reply = reply(action, reason.clone()).unwrap();
            assert!(reply.starts_with(starts), "{reason:?}: {reply}");
        }
    }

    #[test]
    fn what_is_let_in_has_no_reply() {
        for action in [
            Action::Accept,
            Action::Tag,
            Action::Discard,
            Action::Quarantine,
        ] {
            assert_eq!(reply(action, Reason::NeverSends), None);
        }
    }

    #[test]
    fn a_strangers_words_are_marked_as_theirs() {
        let text = reply(
            Action::Reject,
            spf_reason(SpfResult::Fail, Some("see http://x/?a=%41".to_owned())),
        )
        .unwrap();
        assert!(
            text.ends_with("the domain example.com explains: see http://x/?a=%41"),
            "{text}"
        );
    }

    /// 400 octets are the most that `spf` lets through, 253 the longest domain.
    #[test]
    fn the_longest_explanation_arrives_whole() {
        let domain = format!("{}.example", "x".repeat(245));
        for explanation in ["y".repeat(400), "why not ".repeat(50)] {
            let verdict = Verdict::of(
                Rule::new(Action::Reject),
                Mode::Enforce,
                Reason::Spf {
                    identity: Identity::Helo,
                    domain: domain.clone(),
                    result: SpfResult::Fail,
                    explanation: Some(explanation.clone()),
                    problem: None,
                },
            );
            let lines = Reply::to(&verdict, None).unwrap().lines.concat();
            let bare = |text: &str| text.replace(' ', "");
            assert!(bare(&lines).ends_with(&bare(&explanation)), "{lines}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_reply(explanation in ".{0,3000}") {
            let verdict = Verdict::of(
                Rule::new(Action::Reject),
                Mode::Enforce,
                spf_reason(SpfResult::Fail, Some(explanation)),
            );
            let wire = Reply::to(&verdict, None).unwrap().to_string();
            prop_assert!(wire.split("\r\n").count() <= MOST_LINES);
            for line in wire.split("\r\n") {
                prop_assert!(line.len() + SENDMAILS_PREFIX <= LONGEST_LINE);
                prop_assert!(line.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
                prop_assert!(line.starts_with("550"));
            }
        }
    }
}
