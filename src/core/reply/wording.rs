//! The text of the reply to a sender, for each reason.

use std::net::IpAddr;

use crate::core::{
    proof::{
        ProofKind,
        evidence::{Forged, Outcome, Unproven, Why},
    },
    recipients::Class,
    spf::{Identity, SpfResult},
    verdict::{Reason, UnderSiege, Verdict},
};

/// What a reason says, before the action has chosen between its two codes.
pub(super) struct Wording {
    pub(super) permanent: u16,
    pub(super) transient: u16,
    pub(super) subject: u16,
    pub(super) detail: u16,
    pub(super) text: String,
}

/// What a verdict says to the sender.
pub(super) fn wording(verdict: &Verdict, client: Option<IpAddr>) -> Wording {
    let wording = of_reason(&verdict.reason, client);
    match verdict.unanswered {
        Some(_) if !verdict.reason.is_unanswered() => Wording {
            text: format!(
                "{}. What could excuse it can't be looked up here at the moment; please try again later",
                wording.text
            ),
            ..wording
        },
        _ => wording,
    }
}

fn of_reason(reason: &Reason, client: Option<IpAddr>) -> Wording {
    let client = client.map_or_else(|| "this client".to_owned(), |address| address.to_string());
    match reason {
        Reason::Spf { identity, domain, result, explanation, problem } => {
            spf(*identity, domain, *result, explanation.as_deref(), problem.as_deref(), &client)
        }
        Reason::ClientUnknown => Wording {
            transient: 451,
            ..policy("The address of this client is not known here; please try again later".to_owned())
        },
        Reason::MailFromForged { domain, spf: SpfResult::Temperror } => Wording {
            permanent: 550,
            transient: 451,
            subject: 7,
            detail: 24,
            text: format!(
                "{domain} is a domain of ours, and its SPF could not be looked up; please try \
                 again later"
            ),
        },
        Reason::MailFromForged { domain, .. } => policy(format!(
            "{domain} is a domain of ours, and {client} may not send mail for it; if you are its \
             user, log in and use the submission port"
        )),
        // RFC 5321 section 4.5.3.1.10: 452, so that an honest MTA sends the rest in a transaction of its own.
        Reason::NullSenderExtraRecipient | Reason::Siege(UnderSiege::ExtraRecipient) => Wording {
            permanent: 554,
            transient: 452,
            subject: 5,
            detail: 3,
            text: "A notification (null sender) goes to one recipient; send it to the others one \
                   by one"
                .to_owned(),
        },
        Reason::OtherRecipients | Reason::OtherAnswers => Wording {
            permanent: 554,
            transient: 452,
            subject: 5,
            detail: 3,
            text: "The recipients of this message may get different answers; send it to this one \
                   alone"
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
        Reason::Proof(outcome) => proof(outcome),
        Reason::Siege(UnderSiege::Unproven(outcome)) => in_a_flood(proof(outcome)),
        Reason::Siege(UnderSiege::CatchAll { bounce: true }) => in_a_flood(policy(
            "No mail is known to be sent from this address, so no bounce can be meant for it"
                .to_owned(),
        )),
        Reason::Siege(UnderSiege::CatchAll { bounce: false }) => in_a_flood(policy(
            "Mail is taken for known addresses only; please try again later".to_owned(),
        )),
        Reason::BatvGuessed => policy(format!(
            "{client} has returned too many forged messages within the hour; try this one again \
             later"
        )),
        Reason::Dnsbl { zone } | Reason::Siege(UnderSiege::Listed { zone }) => policy(format!(
            "{client} sends backscatter, says {zone}; notifications from it are not accepted here"
        )),
        // RFC 5321 section 4.5.5.
        Reason::NotANotification => policy(
            "The null sender is for notifications, and this message is none; send it with your \
             address in MAIL FROM"
                .to_owned(),
        ),
        Reason::UnauthenticatedReport => policy(
            "This report has no sender, and nothing shows who wrote it; sign it with DKIM as the \
             domain in From:, or send it with an address in MAIL FROM"
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
        // RFC 3463 section 3.4: the system does not accept messages, as before an immediate shutdown.
        Reason::Stopping => Wording {
            detail: 2,
            text: "The mail filter stops at the moment; please try again later".to_owned(),
            ..own_failure()
        },
        Reason::Internal
        | Reason::NothingFound
        | Reason::HeaderFromDoubtful { .. }
        | Reason::Outgoing(_)
        | Reason::Exempt(_)
        | Reason::ReplyToForgery
        | Reason::RefusedByMta { .. } => own_failure(),
    }
}

fn policy(text: String) -> Wording {
    Wording {
        permanent: 550,
        transient: 450,
        subject: 7,
        detail: 1,
        text,
    }
}

/// The same for a sender that can ask why such mail was accepted yesterday.
fn in_a_flood(wording: Wording) -> Wording {
    let text = format!(
        "{} (this domain is flooded with bounces of forged mail at the moment)",
        wording.text
    );
    Wording { text, ..wording }
}

/// The postmaster who reads it has never heard of tags, and did nothing wrong but to answer a forged message.
fn proof(outcome: &Outcome) -> Wording {
    let text = match outcome {
        Outcome::Unproven(unproven) => return unproven_text(unproven),
        Outcome::Forged(Forged::BatvWrong) => {
            "This return address was not made here: its tag (prvs=) is wrong, so the message you \
             return was forged, and its sender is not its author"
        }
        Outcome::Forged(Forged::BatvExpired) => {
            "This return address has expired: messages sent from here can be returned for some \
             days only, and the tag (prvs=) in this one is older"
        }
        Outcome::Forged(Forged::WatermarkWrong) => {
            "The message that you return was forged: it claims to be sent from here, but its \
             X-Backstop-Watermark was not made here for it"
        }
        Outcome::Forged(Forged::WatermarkExpired) => {
            "The message that you return is too old: messages sent from here can be returned for \
             some days only, and its X-Backstop-Watermark is older"
        }
        Outcome::Genuine { .. } | Outcome::Weak(_) | Outcome::Srs => return own_failure(),
    };
    policy(text.to_owned())
}

fn unproven_text(Unproven { why, missing, .. }: &Unproven) -> Wording {
    let ours = missing
        .domain
        .as_ref()
        .map_or_else(|| "this domain".to_owned(), ToString::to_string);
    match why {
        Why::NoTag => policy(format!(
            "No message from {ours} bears this return address: it would have a tag (prvs=), so the \
             message you return was forged, and its sender is not its author"
        )),
        Why::Replayed => policy(format!(
            "The message that you return was sent by {ours}, but it has been returned too often; \
             somebody sends copies of it in its author's name"
        )),
        Why::Repeated => Wording {
            transient: 451,
            ..policy(
                "The same notification was here less than five minutes ago; please try again later"
                    .to_owned(),
            )
        },
        Why::Unanswered(_) => Wording {
            transient: 451,
            ..policy(
                "What you return could not be verified here at the moment; please try again later"
                    .to_owned(),
            )
        },
        Why::Nothing => {
            let lacks = lacks(&missing.proofs);
            policy(format!(
                "This notification returns no message that {ours} has sent: it holds {lacks}. Most \
                 likely you answer a forged message; if not, return its headers too"
            ))
        }
    }
}

/// What of ours a returned message would have.
fn lacks(proofs: &[ProofKind]) -> String {
    let words = proofs.iter().map(|kind| kind.lacks());
    words.collect::<Vec<_>>().join(", ")
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
                "SPF: the record of {named} is broken{problem}; its postmaster can correct it"
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
