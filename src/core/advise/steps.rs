//! The steps, in their order: SPF that names all senders, signatures, and a DMARC policy that grows stricter by the month.

mod policy;
mod spf;

use serde::Serialize;

use self::{
    policy::{Dmarc, quarantine, reject, watch},
    spf::{Spf, name_steps, spf_of},
};
use super::{
    compose::Candidate,
    facts::{DomainFacts, KeyState, Purpose},
    published::ENOUGH_BITS,
    text::{ZoneRecord, counted, quoted},
    traffic::{Breaks, broken, maybe_posts, posts, unexpected},
};
use crate::core::spf::{SpfCheck, SpfResult};

pub use self::spf::candidates;

/// A record that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The record, and its clients.
    pub candidate: Candidate,
    /// What our engine says of each client.
    pub checks: Vec<SpfCheck>,
}

/// Something to do.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// What.
    pub title: String,
    /// Whether it is done already.
    pub done: bool,
    /// Records to publish.
    pub records: Vec<ZoneRecord>,
    /// What else there is to know: how the record was tried, what it leaves out, why there is none.
    pub notes: Vec<String>,
    /// Who would break.
    pub breaks: String,
    /// How many messages that were, as far as it was counted; none where nothing was.
    pub breaks_messages: Option<u64>,
    /// What it does about a joe job.
    pub does: &'static str,
    /// What it does not do about one.
    pub does_not: &'static str,
}

const SPF_DOES: &str = "hosts that check SPF have a reason to distrust a forged MAIL FROM, and what they refuse is not bounced to you";
const SPF_DOES_NOT: &str = "few refuse for a softfail alone, and none that check nothing; a forged From: with another MAIL FROM passes";
const DKIM_DOES: &str = "nothing by itself: the next steps rest on it. A bounce that returns your signature proves itself here";
const DKIM_DOES_NOT: &str = "it stops no forger: mail without a signature is as it was";
const REJECT_DOES: &str = "hosts that check SPF or DMARC refuse the forgery while the forger is connected: nothing is left to bounce";
const REJECT_DOES_NOT: &str =
    "hosts that check neither bounce as before; `proof.unproven` refuses that here";

/// The steps, and why there are no more.
pub(super) fn steps(facts: &DomainFacts, tried: &[Tried]) -> (Vec<Step>, String) {
    match facts.purpose {
        Purpose::People => of_people(facts, tried),
        Purpose::Transactional => of_programs(facts, tried),
        Purpose::NeverSends => of_nobody(facts, tried),
    }
}

fn of_people(facts: &DomainFacts, tried: &[Tried]) -> (Vec<Step>, String) {
    let evidence = posts(facts);
    let spf = spf_of_people(facts);
    let mut own = Dmarc::of(facts);
    let mut steps = vec![
        senders(facts, tried, spf),
        signatures(facts),
        watch(facts, &mut own),
        quarantine(facts, &mut own, evidence.as_deref()),
    ];
    steps.extend(name_steps(facts, tried));
    let why = evidence.or_else(|| maybe_posts(facts)).unwrap_or_else(|| {
        "people write to lists and to addresses that forward, whether that was seen here or not"
            .to_owned()
    });
    let all = match spf {
        SpfResult::Fail => "`-all`, which you publish already",
        _ => "`~all`",
    };
    let end = format!(
        "It ends here, at {all}, aligned DKIM and p=quarantine: {why}. A forwarder's host is not in your SPF record, and a list \
         that changes a message breaks its signature; with p=reject the members' hosts would refuse your users' posts, and lists \
         would drop members for that (RFC 9989 section 7.4). For a domain that only programs send with, use `--transactional`."
    );
    (steps, end)
}

/// Who says `-all` already may keep it, where nobody was seen to post to lists.
fn spf_of_people(facts: &DomainFacts) -> SpfResult {
    let says_fail = facts
        .spf
        .only()
        .is_some_and(|record| record.rest() == SpfResult::Fail);
    match says_fail && posts(facts).is_none() {
        true => SpfResult::Fail,
        false => SpfResult::Softfail,
    }
}

fn of_programs(facts: &DomainFacts, tried: &[Tried]) -> (Vec<Step>, String) {
    let mut own = Dmarc::of(facts);
    let mut steps = vec![
        senders(facts, tried, spf_before_reject(facts)),
        signatures(facts),
        watch(facts, &mut own),
        quarantine(facts, &mut own, None),
    ];
    if let Some(evidence) = posts(facts) {
        let end = format!(
            "It ends here, at `~all` and p=quarantine, although you say that only programs send with it: {evidence}, and p=reject \
             would have that refused (RFC 9989 section 7.4)."
        );
        return (steps, end);
    }
    steps.push(reject(facts, tried, &mut own));
    steps.extend(name_steps(facts, tried));
    (
        steps,
        "That is all that DNS can do against forgers.".to_owned(),
    )
}

fn of_nobody(facts: &DomainFacts, tried: &[Tried]) -> (Vec<Step>, String) {
    let mut own = Dmarc::of(facts);
    if unexpected(facts).is_some() {
        let end = "It ends here, for mail of it left through this host: find out who sends that, or leave out `--never-sends`.";
        return (vec![watch(facts, &mut own)], end.to_owned());
    }
    let mut watched = watch(facts, &mut own);
    let spf = spf_of(facts, tried, spf_before_reject(facts));
    watched.title = "Say that nothing is sent with it, and watch for a month".to_owned();
    watched.done &= spf.done;
    add_spf(&mut watched, spf);
    let quarantined = quarantine(facts, &mut own, None);
    let mut last = reject(facts, tried, &mut own);
    if !last.done {
        last.records.push(ZoneRecord::txt(
            format!("*._domainkey.{}", facts.domain),
            "v=DKIM1; p=",
        ));
        match facts.mx.as_deref() {
            Ok([]) => last.records.push(ZoneRecord::null_mx(facts.domain.as_str())),
            Ok([one]) if one.name.is_empty() => {}
            Ok(_) => last.notes.push(
                "it takes mail; if nobody reads that, publish the null MX (`0 .`, RFC 7505) in place of its MX records".to_owned(),
            ),
            Err(_) => {}
        }
    }
    let end = "That is all that DNS can do. Whoever is sure that nothing at all is sent with it can publish the last step at once: \
               what sends nothing can lose nothing.";
    (vec![watched, quarantined, last], end.to_owned())
}

/// `-all` waits for its month, unless it is there already.
fn spf_before_reject(facts: &DomainFacts) -> SpfResult {
    match facts.spf.only().map(super::survey::SpfRecord::rest) {
        Some(SpfResult::Fail) => SpfResult::Fail,
        _ => SpfResult::Softfail,
    }
}

fn add_spf(step: &mut Step, spf: Spf) {
    // SPF comes first where there are both.
    let after = std::mem::take(&mut step.records);
    step.records = spf.records;
    step.records.extend(after);
    step.notes.splice(0..0, spf.notes);
}

fn senders(facts: &DomainFacts, tried: &[Tried], rest: SpfResult) -> Step {
    let spf = spf_of(facts, tried, rest);
    let treated = match rest {
        SpfResult::Fail => "would be refused",
        _ => "would be marked, and seldom refused",
    };
    let (breaks, breaks_messages) = broken(facts, Breaks::MailFrom(treated));
    Step {
        title: "Name all your senders in SPF".to_owned(),
        done: spf.done,
        records: spf.records,
        notes: spf.notes,
        breaks,
        breaks_messages,
        does: SPF_DOES,
        does_not: SPF_DOES_NOT,
    }
}

fn signatures(facts: &DomainFacts) -> Step {
    let domain = &facts.domain;
    let mut notes = Vec::new();
    let mut records = Vec::new();
    let mut good = false;
    for key in &facts.keys {
        let Ok(KeyState::Usable(usable)) = &key.found else {
            continue;
        };
        good |= usable.rsa_bits.is_some_and(|bits| bits >= ENOUGH_BITS) && !usable.testing;
        if let Some(text) = &usable.untested {
            let name = format!("{}._domainkey.{domain}", quoted(key.selector.as_bytes()));
            records.push(ZoneRecord::txt(name, text.as_str()));
            notes.push(
                "the key is the same, without `t=y`; it was read again, and is right".to_owned(),
            );
        }
    }
    if !good && records.is_empty() {
        notes.push(format!(
            "make a key, e.g. `opendkim-genkey -b {ENOUGH_BITS} -d {domain} -s s1`, which also prints its record; a signer that has \
             the key must sign all mail with d={domain}"
        ));
    }
    let mut done = false;
    match &facts.mail {
        Err(why) => {
            let why = quoted(why.to_string().as_bytes());
            notes.push(format!("whether all mail is signed is not known: {why}"));
        }
        Ok(traffic) => {
            let unsigned = traffic.messages.saturating_sub(traffic.signed);
            done = good && traffic.messages > 0 && unsigned == 0;
            if unsigned > 0 {
                notes.push(format!(
                "{} of {} left without a signature that Backstop saw; a milter that signs after it is not seen",
                unsigned,
                counted(traffic.messages, "message"),
            ));
            }
        }
    }
    Step {
        title: format!("Sign all mail with DKIM, d={domain}"),
        done,
        records,
        notes,
        breaks: "nobody".to_owned(),
        breaks_messages: Some(0),
        does: DKIM_DOES,
        does_not: DKIM_DOES_NOT,
    }
}
