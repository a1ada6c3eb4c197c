//! What was counted of a domain's mail: who would break by a step, whom only its owner can name, and whether its users post
//! to lists. A claim is a stranger's word: it names nobody as a forger, and enters no record.

use super::{
    Finding,
    facts::{Claim, DomainFacts, Purpose, Traffic},
    text::{counted, quoted},
};

/// How many senders are asked about.
const MAX_QUESTIONS: usize = 10;

/// After how many days it means something that nothing was sent.
const ENOUGH_DAYS: u64 = 7;

/// What was counted, in one sentence.
pub(super) fn summed(facts: &DomainFacts) -> String {
    let traffic = match &facts.mail {
        Ok(traffic) => traffic,
        Err(why) => {
            return format!(
                "Nothing is known of its mail: {}",
                quoted(why.to_string().as_bytes())
            );
        }
    };
    let Traffic {
        days,
        messages,
        signed,
        claims,
    } = traffic;
    let days = counted(*days, "day");
    let left = match messages {
        0 => format!("In {days}, no message of it left through this host"),
        _ => format!(
            "In {days}, {} of it left through this host, {signed} of them with a DKIM signature when Backstop saw them",
            counted(*messages, "message"),
        ),
    };
    let claims = match claims {
        Ok(claims) => claims,
        Err(why) => {
            let why = quoted(why.to_string().as_bytes());
            return format!("{left}. Who else claims to be of it is not known: {why}");
        }
    };
    match sum(claims) {
        0 => format!("{left}; none came from elsewhere that claims to be of it"),
        claimed => format!(
            "{left}; {} from {} came that claim to be of it, and no SPF of it vouches for them",
            counted(claimed, "message"),
            counted(claims.len() as u64, "sender"),
        ),
    }
}

/// Senders that only the owner can name.
pub(super) fn questions(facts: &DomainFacts) -> Vec<String> {
    let mut claims = unnamed(facts);
    claims.sort_by(|one, other| (other.messages, &one.client).cmp(&(one.messages, &other.client)));
    let more = claims.len().saturating_sub(MAX_QUESTIONS);
    let mut questions: Vec<String> = is_it_used(facts).into_iter().collect();
    let asked = claims.into_iter().take(MAX_QUESTIONS);
    questions.extend(asked.map(|claim| question(facts, claim)));
    if more > 0 {
        questions.push(format!(
            "... and {} that sent less",
            counted(more as u64, "sender")
        ));
    }
    questions
}

/// Mail of a domain that is said to send none.
pub(super) fn unexpected(facts: &DomainFacts) -> Option<Finding> {
    let sent = facts.mail.as_ref().map_or(0, |traffic| traffic.messages);
    (sent > 0 && facts.purpose == Purpose::NeverSends).then(|| {
        let messages = counted(sent, "message");
        Finding::wrong(
            "mail",
            format!("nothing is to be sent with it, and {messages} left through this host"),
        )
    })
}

/// Asked where nothing shows that anything is sent with the domain.
fn is_it_used(facts: &DomainFacts) -> Option<String> {
    let is_silent = match &facts.mail {
        Ok(traffic) => traffic.messages == 0 && traffic.days >= ENOUGH_DAYS,
        Err(_) => facts.mx.as_ref().is_ok_and(Vec::is_empty),
    };
    (is_silent && facts.purpose == Purpose::People).then(|| {
        format!(
            "Is anything sent with it at all? If not, use `backstop advise --never-sends {}`",
            facts.domain
        )
    })
}

fn question(facts: &DomainFacts, claim: &Claim) -> String {
    let Claim {
        client,
        mail_from,
        messages,
        ..
    } = claim;
    let domain = &facts.domain;
    let messages = counted(*messages, "message");
    let mail_from = quoted(mail_from.as_bytes());
    let client = quoted(client.as_bytes());
    if claim.says(domain) {
        return format!(
            "{client} sent {messages} here with MAIL FROM in {domain}. Does it send for you? Then use `--sender {client}`, or the \
             `include` of its owner. If not, do nothing"
        );
    }
    let whose = match claim.answers_for_itself {
        true => format!(
            "SPF passes for {mail_from}: a service or a mailing list, or a forger with a domain"
        ),
        false => "nothing vouches for it".to_owned(),
    };
    format!(
        "{client} sent {messages} here with From: of yours and MAIL FROM {mail_from}; {whose}. Does it send for you? Then let it sign \
         with d={domain}: an SPF entry does not help, because MAIL FROM is not yours. If it is a list, do nothing"
    )
}

/// Claims of senders that the owner has not named.
fn unnamed(facts: &DomainFacts) -> Vec<&Claim> {
    let is_named = |claim: &&Claim| {
        let client = claim.client.parse();
        client.is_ok_and(|client| {
            let names = facts.senders.iter().any(|term| term.passes(client));
            names && claim.says(&facts.domain)
        })
    };
    claims(facts).filter(|claim| !is_named(claim)).collect()
}

fn claims(facts: &DomainFacts) -> impl Iterator<Item = &Claim> {
    let claims = facts.mail.iter().flat_map(|traffic| &traffic.claims);
    claims.flatten()
}

fn sum<'a>(claims: impl IntoIterator<Item = &'a Claim>) -> u64 {
    let messages = claims.into_iter().map(|claim| claim.messages);
    messages.fold(0, u64::saturating_add)
}

/// Who a step would break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breaks {
    /// Who says MAIL FROM in the domain from elsewhere, and how it is treated.
    MailFrom(&'static str),
    /// Who has From: in the domain, with neither SPF nor DKIM in line, and how it is treated.
    From(&'static str),
}

/// Who would break, and how many messages that were, as far as it was counted.
pub(super) fn broken(facts: &DomainFacts, breaks: Breaks) -> (String, Option<u64>) {
    let read = facts.mail.as_ref();
    let traffic = match read.and_then(|traffic| traffic.claims.as_ref().map(|_| traffic)) {
        Ok(traffic) => traffic,
        Err(_) if facts.purpose == Purpose::NeverSends => {
            return ("nobody, if nothing is sent with it".to_owned(), None);
        }
        Err(why) => {
            let why = quoted(why.to_string().as_bytes());
            return (format!("not known: {why}"), None);
        }
    };
    let claims = unnamed(facts).into_iter();
    let sum = sum(claims.filter(|claim| match breaks {
        Breaks::MailFrom(_) => claim.says(&facts.domain),
        Breaks::From(_) => true,
    }));
    let days = counted(traffic.days, "day");
    let treated = match breaks {
        Breaks::MailFrom(treated) | Breaks::From(treated) => treated,
    };
    let mut text = match sum {
        0 => format!("nobody that came here in {days}"),
        _ => format!(
            "{} of {days} {treated}: of forgers, or of senders that you did not name (see the questions)",
            counted(sum, "message")
        ),
    };
    if let Breaks::From(treated) = breaks {
        let unsigned = traffic.messages.saturating_sub(traffic.signed);
        if unsigned > 0 {
            text.push_str(&format!(
                "; and those of your own {} without a DKIM signature that somebody forwards {treated}",
                counted(unsigned, "message")
            ));
        }
    }
    text.push_str(". Mail that others receive is not counted here");
    (text, Some(sum))
}

/// What shows that users post to lists; none where nothing was seen.
pub(super) fn posts(facts: &DomainFacts) -> Option<String> {
    if !facts.mailing_lists.is_empty() {
        let lists = facts.mailing_lists.join(", ");
        return Some(format!(
            "users of it write to mailing lists (forgery.mailing_lists: {lists})"
        ));
    }
    let of_others =
        claims(facts).filter(|claim| claim.answers_for_itself && !claim.says(&facts.domain));
    let of_others = sum(of_others);
    (of_others > 0).then(|| {
        let messages = counted(of_others, "message");
        format!("{messages} with its From: came back from hosts that answer for themselves, as mailing lists do")
    })
}
