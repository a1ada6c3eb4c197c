//! DMARC of the steps: a policy that grows stricter by the month.

use super::{REJECT_DOES, REJECT_DOES_NOT, Step, Tried, add_spf, spf::spf_of};
use crate::core::{
    advise::{
        dmarc::{Found, Published, Wish, mail_address, next, says},
        facts::{DomainFacts, Purpose},
        published::{inherited, own_dmarc},
        text::{ZoneRecord, quoted},
        traffic::{Breaks, broken},
    },
    spf::SpfResult,
};

const NONE_DOES: &str =
    "you learn from reports who sends in your name: forgers, and senders that you forgot";
const NONE_DOES_NOT: &str = "it stops nothing: all is delivered and bounced as before";
const QUARANTINE_DOES: &str = "a forged From: goes to the spam folder where DMARC is checked, so fewer people answer it or complain to you";
const QUARANTINE_DOES_NOT: &str = "who accepts a message and bounces it later still bounces it to a forged MAIL FROM; `proof.unproven` \
                                   refuses that here";

/// The present record, as far as the next one rests on it.
pub(super) struct Dmarc {
    present: Option<Published>,
    /// What holds without a record of its own, from a record above, which gets reports.
    above: Option<Wish>,
    /// Why none can be printed.
    unreadable: Option<String>,
    /// Where reports go.
    reports: Vec<String>,
    /// What is to be known of the first record that is printed.
    notes: Vec<String>,
}

impl Dmarc {
    pub(super) fn of(facts: &DomainFacts) -> Self {
        let (mut present, mut unreadable, mut notes) = (None, None, Vec::new());
        match own_dmarc(facts) {
            Err(unanswered) => {
                let why = quoted(unanswered.why.as_bytes());
                unreadable = Some(format!(
                    "the present DMARC record could not be read ({why}); another one would take its place unseen"
                ));
            }
            Ok(Found::Missing) => {}
            Ok(Found::Broken(..)) => notes.push("take away what stands at _dmarc now".to_owned()),
            Ok(Found::Several(_)) => notes.push("take away all other records at _dmarc".to_owned()),
            Ok(Found::One(published)) => present = Some(published),
        }
        let above = inherited(facts).map(|(_, above)| above.acts_below());
        let mut reports = match (&facts.reports_to, &present, inherited(facts)) {
            (Some(named), ..) => vec![named.clone()],
            (None, Some(present), _) => present.reports.clone(),
            (None, None, Some((_, above))) => above.reports,
            (None, None, None) => Vec::new(),
        };
        reports.retain(|to| mail_address(format!("mailto:{to}").as_bytes()).is_some());
        if reports.is_empty() {
            let exchanges = facts.mx.as_deref().unwrap_or_default();
            if exchanges.iter().any(|exchange| !exchange.name.is_empty()) {
                reports.push(format!("postmaster@{}", facts.domain));
                notes.push(
                    "reports go to postmaster, whom every domain must have; use `--rua ADDRESS` for another address".to_owned(),
                );
            } else {
                notes.push(
                    "name an address for reports with `--rua ADDRESS`: none can be delivered at this domain".to_owned(),
                );
            }
        }
        Self {
            present,
            above,
            unreadable,
            reports,
            notes,
        }
    }

    fn acts(&self) -> Wish {
        let own = self.present.as_ref().map(Published::acts);
        own.or(self.above).unwrap_or(Wish::None)
    }

    /// Whether a record is there, nothing is wrong with it, and reports come.
    fn is_right(&self, facts: &DomainFacts) -> bool {
        match &self.present {
            None => self.above.is_some() && facts.reports_to.is_none() && self.unreadable.is_none(),
            Some(present) => {
                let is_whole = present.faults.is_empty() && !present.testing;
                is_whole
                    && !present.reports.is_empty()
                    && present.reports == self.reports
                    && self.unauthorized(facts).next().is_none()
            }
        }
    }

    /// The domains that are to get reports, and don't say that they take them.
    fn unauthorized<'a>(&'a self, facts: &'a DomainFacts) -> impl Iterator<Item = &'a str> {
        let refusing = facts.dmarc.reports.iter().filter(|target| {
            let is_used = |to: &String| to.ends_with(&format!("@{}", target.domain));
            matches!(target.authorized, Some(Ok(false))) && self.reports.iter().any(is_used)
        });
        refusing.map(|target| target.domain.as_str())
    }

    /// The record of a step.
    fn record(&mut self, facts: &DomainFacts, wish: Wish, step: &mut Step) {
        if let Some(why) = &self.unreadable {
            step.notes.push(why.clone());
            return;
        }
        let is_top = self.above.is_none();
        let all_below = facts.purpose == Purpose::NeverSends;
        let record = next(
            self.present.as_ref(),
            wish,
            &self.reports,
            (is_top, all_below),
        );
        if !says(&record, wish) {
            step.notes.push(format!(
                "no record is printed: our own reading of `{record}` finds a mistake in it"
            ));
            return;
        }
        let published = self.present.as_ref().map(|present| present.text.as_slice());
        if published != Some(record.as_bytes()) {
            let name = format!("_dmarc.{}", facts.domain);
            step.records.push(ZoneRecord::txt(name, record));
        }
        for target in self.unauthorized(facts) {
            let name = format!("{}._report._dmarc.{target}", facts.domain);
            step.records.push(ZoneRecord::txt(name, "v=DMARC1"));
            step.notes.push(format!(
                "the owner of {target} publishes the record there: without it no report is sent to {target}"
            ));
        }
        step.notes.append(&mut self.notes);
    }
}

/// A month in which nothing is asked for but reports.
pub(super) fn watch(facts: &DomainFacts, own: &mut Dmarc) -> Step {
    let mut step = Step {
        title: "Watch for a month: DMARC with p=none".to_owned(),
        done: own.is_right(facts),
        records: Vec::new(),
        notes: Vec::new(),
        breaks: "nobody".to_owned(),
        breaks_messages: Some(0),
        does: NONE_DOES,
        does_not: NONE_DOES_NOT,
    };
    if !step.done {
        // What is asked for already is not taken back.
        let wish = own.acts();
        if wish != Wish::None {
            step.title = "Get reports of all mail".to_owned();
            step.notes
                .push(format!("p={wish} is asked for already, and stays"));
        }
        own.record(facts, wish, &mut step);
    }
    step
}

/// A month in which what fails is to be taken for spam; `evidence` shows that users post to lists.
pub(super) fn quarantine(facts: &DomainFacts, own: &mut Dmarc, evidence: Option<&str>) -> Step {
    let too_strict = evidence.filter(|_| own.acts() == Wish::Reject);
    let (breaks, breaks_messages) = broken(facts, Breaks::From("would go to spam folders"));
    let mut step = Step {
        title: "After a month of none: p=quarantine".to_owned(),
        done: own.acts() >= Wish::Quarantine && too_strict.is_none(),
        records: Vec::new(),
        notes: Vec::new(),
        breaks,
        breaks_messages,
        does: QUARANTINE_DOES,
        does_not: QUARANTINE_DOES_NOT,
    };
    if let Some(evidence) = too_strict {
        step.title = "Go back from p=reject to p=quarantine".to_owned();
        step.notes.push(format!(
            "p=reject has posts of your users refused: {evidence}"
        ));
    }
    if !step.done {
        if facts.purpose != Purpose::NeverSends && too_strict.is_none() {
            step.notes.push(
                "publish it only when the reports of that month name no sender of yours that fails"
                    .to_owned(),
            );
        }
        own.record(facts, Wish::Quarantine, &mut step);
    }
    step
}

/// The end, for domains whose mail nobody sends on.
pub(super) fn reject(facts: &DomainFacts, tried: &[Tried], own: &mut Dmarc) -> Step {
    let spf = spf_of(facts, tried, SpfResult::Fail);
    let (breaks, breaks_messages) = broken(facts, Breaks::From("would be refused"));
    let done = own.acts() == Wish::Reject;
    let mut step = Step {
        title: "After a month of quarantine: `-all` and p=reject".to_owned(),
        done: done && spf.done,
        records: Vec::new(),
        notes: Vec::new(),
        breaks,
        breaks_messages,
        does: REJECT_DOES,
        does_not: REJECT_DOES_NOT,
    };
    if !done {
        own.record(facts, Wish::Reject, &mut step);
    }
    if !step.done {
        add_spf(&mut step, spf);
    }
    step
}
