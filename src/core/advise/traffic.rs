//! What was counted of a domain's mail: who would break by a step, whom only its owner can name, and whether its users post
//! to lists. A claim is a stranger's word: it names nobody as a forger, and enters no record.

use super::{
    Finding,
    facts::{Claim, DomainFacts, NotCounted, Purpose, Traffic},
    reported,
    text::{counted, quoted},
};

/// How many senders are asked about.
const MAX_QUESTIONS: usize = 10;

/// How many mailing lists are named.
const MAX_LISTS: usize = 3;
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
        ..
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

/// Senders that only the owner can name, those of most messages first.
pub(super) fn questions(facts: &DomainFacts) -> Vec<String> {
    let claims = unnamed(facts).into_iter();
    let mut asked: Vec<(u64, String)> = claims
        .map(|claim| (claim.messages, question(facts, claim)))
        .collect();
    asked.extend(reported::questions(facts));
    asked.sort_by(|one, other| (other.0, &one.1).cmp(&(one.0, &other.1)));
    let more = asked.len().saturating_sub(MAX_QUESTIONS) as u64;
    let mut questions: Vec<String> = is_it_used(facts).into_iter().collect();
    questions.extend(asked.into_iter().take(MAX_QUESTIONS).map(|(_, text)| text));
    if more > 0 {
        questions.push(format!(
            "... and {} that sent less",
            counted(more, "sender")
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
    let (here, reported) = (broken_here(facts, breaks), broken_elsewhere(facts, breaks));
    let messages = match (&here, &reported) {
        (Err(_), None) => None,
        (here, reported) => {
            let here = here.as_ref().map_or(0, |(_, messages)| *messages);
            Some(here.saturating_add(reported.as_ref().map_or(0, |(_, messages)| *messages)))
        }
    };
    let here = match here {
        Ok((text, _)) => text,
        Err(_) if facts.purpose == Purpose::NeverSends && reported.is_none() => {
            return ("nobody, if nothing is sent with it".to_owned(), None);
        }
        Err(why) => format!(
            "of mail that came here, not known: {}",
            quoted(why.to_string().as_bytes())
        ),
    };
    let elsewhere = match (reported, &facts.reported) {
        (Some((text, _)), _) => text,
        (None, Ok(_)) => "what others receive with MAIL FROM in it, no report tells".to_owned(),
        (None, Err(_)) => "what others receive is not known without DMARC reports".to_owned(),
    };
    (format!("{here}; {elsewhere}"), messages)
}

/// Those that came here.
fn broken_here(facts: &DomainFacts, breaks: Breaks) -> Result<(String, u64), &NotCounted> {
    let traffic = facts.mail.as_ref()?;
    traffic.claims.as_ref()?;
    let claims = unnamed(facts).into_iter();
    let mut sum = sum(claims.filter(|claim| match breaks {
        Breaks::MailFrom(_) => claim.says(&facts.domain),
        Breaks::From(_) => true,
    }));
    let days = counted(traffic.days, "day");
    let (Breaks::MailFrom(treated) | Breaks::From(treated)) = breaks;
    let mut text = match sum {
        0 => format!("nobody that came here in {days}"),
        _ => format!(
            "{} that came here in {days} {treated}: of forgers, or of senders that you did not name (see the questions)",
            counted(sum, "message")
        ),
    };
    let unsigned = traffic.messages.saturating_sub(traffic.signed);
    if let (Breaks::From(treated), 1..) = (breaks, unsigned) {
        text.push_str(&format!(
            "; and those of your own {} without a DKIM signature that somebody forwards {treated}",
            counted(unsigned, "message")
        ));
    }
    let posted = posted(facts);
    if let (Breaks::From(treated), 1..) = (breaks, posted) {
        text.push_str(&format!(
            "; {} of your users that mailing lists brought back {treated}",
            counted(posted, "post")
        ));
        sum = sum.saturating_add(posted);
    }
    Ok((text, sum))
}

/// Those that others received; none where nobody reports, or where reports don't tell.
fn broken_elsewhere(facts: &DomainFacts, breaks: Breaks) -> Option<(String, u64)> {
    let Breaks::From(treated) = breaks else {
        return None;
    };
    let (known, others) = reported::failing(facts)?;
    let mut text = match known {
        0 => "none that three reporters tell of".to_owned(),
        _ => format!(
            "{} that others received {treated}, as three reporters and more say of each host",
            counted(known, "message")
        ),
    };
    if others > 0 {
        text.push_str(&format!(
            ", and {} that fewer tell of",
            counted(others, "message")
        ));
    }
    Some((text, known))
}

/// What shows that mail goes through lists or forwarders, and not only by the word of who brings it.
pub(super) fn posts(facts: &DomainFacts) -> Option<String> {
    if !facts.mailing_lists.is_empty() {
        let lists = facts.mailing_lists.join(", ");
        return Some(format!(
            "users of it write to mailing lists (forgery.mailing_lists: {lists})"
        ));
    }
    let posts = facts.mail.iter().flat_map(|traffic| &traffic.posts);
    let lists: Vec<String> = posts
        .take(MAX_LISTS)
        .map(|(list, _)| quoted(list.as_bytes()))
        .collect();
    match posted(facts) {
        0 => reported::forwarded(facts),
        posted => Some(format!(
            "{} of its users came back from mailing lists, to which the ledger has sent them ({})",
            counted(posted, "post"),
            lists.join(", ")
        )),
    }
}

/// How many posts came back from mailing lists.
fn posted(facts: &DomainFacts) -> u64 {
    let posts = facts.mail.iter().flat_map(|traffic| &traffic.posts);
    posts.fold(0, |sum, (_, times)| sum.saturating_add(*times))
}

/// What looks so, and may be a forger with a domain of his own: it can't hold a policy back.
pub(super) fn maybe_posts(facts: &DomainFacts) -> Option<String> {
    let here = claims(facts).filter(|claim| claim.answers_for_itself && !claim.says(&facts.domain));
    let messages = sum(here).saturating_add(reported::of_others(facts));
    (messages > 0).then(|| {
        let messages = counted(messages, "message");
        format!("{messages} with its From: came from hosts that answer for themselves, as mailing lists do (and some forgers)")
    })
}
