//! Goes through the records that are known, in the order of the evaluation and with its limits, and asks what it may
//! come to. What is not known can match or not; what is known decides, as it will there.

use std::ops::ControlFlow::{self, Break, Continue};

use super::{
    super::{
        Lookup,
        limits::{DNS_TERMS, MX_NAMES, VOID_LOOKUPS},
        name::Name,
        question::Question,
        record::{Asking, Prefixes},
    },
    Started,
    known::{End, Known, Names, Step, Target},
};

/// How a term, or an included record, can still come out; for a record, to match is to pass. [`Break`] stands for
/// a check that goes no further, at least in any case that is foreseen: by an error, or a limit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outlook {
    Match,
    NoMatch,
    Either,
}

/// The counts of the evaluation, as far as they are known: what is under way counts as one term, and not as void.
#[derive(Default)]
struct Counts {
    dns_terms: u32,
    void_lookups: u32,
    /// Whether the client's names were asked for.
    reverse: bool,
}

type Walked<T> = ControlFlow<(), T>;

impl<L: Lookup> Started<'_, L> {
    pub(super) fn walk(&mut self) {
        if let Some(domain) = Name::from_bytes(self.values.domain) {
            let _ = self.record(domain, &mut Counts::default());
        }
    }

    fn record(&mut self, mut domain: Name, counts: &mut Counts) -> Walked<Outlook> {
        // What came out of the terms before that could match.
        let mut so_far = None;
        loop {
            let sketch = match self.look(Question::Txt(domain.question())) {
                None => return Continue(Outlook::Either),
                Some(Known::Record(Some(sketch))) => sketch,
                Some(_) => return Break(()),
            };
            for step in &sketch.steps {
                counts.dns_term()?;
                match self.step(step, counts)? {
                    Outlook::NoMatch => {}
                    Outlook::Match => return Continue(either(so_far, step.passes)),
                    Outlook::Either => so_far = Some(either(so_far, step.passes)),
                }
            }
            match &sketch.end {
                End::Result { passes } => return Continue(either(so_far, *passes)),
                End::Redirect(target) => {
                    counts.dns_term()?;
                    self.unforeseen(target, counts)?;
                    match target {
                        Target::Name(name) => domain = name.clone(),
                        Target::Unforeseen => return Continue(Outlook::Either),
                        Target::Malformed | Target::Internationalized => return Break(()),
                    }
                }
            }
        }
    }

    fn step(&mut self, step: &Step, counts: &mut Counts) -> Walked<Outlook> {
        self.unforeseen(&step.target, counts)?;
        let target = match (&step.target, step.asking) {
            (Target::Name(name), _) => name,
            (Target::Malformed, Asking::Include) => return Break(()),
            (Target::Malformed | Target::Internationalized, _) => {
                return Continue(Outlook::NoMatch);
            }
            (Target::Unforeseen, _) => return Continue(Outlook::Either),
        };
        match step.asking {
            Asking::Include => self.record(target.clone(), counts),
            Asking::A(prefixes) => self.address(target, prefixes, counts),
            Asking::Mx(prefixes) => self.exchanges(target, prefixes, counts),
            Asking::Ptr => self.own_names(target, counts),
            Asking::Exists => {
                let question = Question::A(target.question());
                let known = match step.has_macros {
                    true => self.look_only(&question),
                    false => self.look(question),
                };
                match known {
                    None => Continue(Outlook::Either),
                    Some(Known::Closest(Some(_))) => Continue(Outlook::Match),
                    Some(Known::Closest(None)) => counts.void(),
                    Some(_) => Break(()),
                }
            }
        }
    }

    /// `a`, or one exchange.
    fn address(&mut self, name: &Name, prefixes: Prefixes, counts: &mut Counts) -> Walked<Outlook> {
        let client = self.values.client;
        match self.look(Question::addresses(name, client)) {
            None => Continue(Outlook::Either),
            Some(Known::Closest(Some(shared))) if shared >= prefixes.of(client) => {
                Continue(Outlook::Match)
            }
            Some(Known::Closest(Some(_))) => Continue(Outlook::NoMatch),
            Some(Known::Closest(None)) => counts.void(),
            Some(_) => Break(()),
        }
    }

    fn exchanges(
        &mut self,
        target: &Name,
        prefixes: Prefixes,
        counts: &mut Counts,
    ) -> Walked<Outlook> {
        let Names {
            found_nothing,
            names,
        } = match self.look(Question::Mx(target.question())) {
            None => return Continue(Outlook::Either),
            Some(Known::Names(names)) => names,
            Some(_) => return Break(()),
        };
        if found_nothing {
            return counts.void();
        }
        let mut outlook = Outlook::NoMatch;
        for name in names.iter().take(MX_NAMES) {
            match self.address(name, prefixes, counts)? {
                Outlook::NoMatch => {}
                Outlook::Match => return Continue(Outlook::Match),
                Outlook::Either => outlook = Outlook::Either,
            }
        }
        // The eleventh is an error.
        match names.len() > MX_NAMES {
            true => Break(()),
            false => Continue(outlook),
        }
    }

    /// `ptr`: its names count for nothing, and those that DNS says nothing about are passed over.
    fn own_names(&mut self, target: &Name, counts: &mut Counts) -> Walked<Outlook> {
        counts.reverse = true;
        let client = self.values.client;
        let names = match self.look(Question::Ptr(client)) {
            None => return Continue(Outlook::Either),
            Some(Known::Names(names)) => names,
            Some(_) => return Continue(Outlook::NoMatch),
        };
        if names.found_nothing {
            return counts.void();
        }
        let mut outlook = Outlook::NoMatch;
        for name in names
            .names
            .iter()
            .filter(|name| name.is_at_or_below(target))
        {
            match self.look(Question::addresses(name, client)) {
                None => outlook = Outlook::Either,
                Some(Known::Closest(Some(shared))) if shared >= Prefixes::WHOLE.of(client) => {
                    return Continue(Outlook::Match);
                }
                Some(_) => {}
            }
        }
        Continue(outlook)
    }

    /// 4.6.4: `%{p}` is a term of its own where the client's names are not known.
    fn unforeseen(&mut self, target: &Target, counts: &mut Counts) -> Walked<()> {
        if !matches!(target, Target::Unforeseen) || counts.reverse {
            return Continue(());
        }
        counts.dns_term()?;
        counts.reverse = true;
        match self.look(Question::Ptr(self.values.client)) {
            Some(Known::Names(names)) if names.found_nothing => counts.void().map_continue(drop),
            _ => Continue(()),
        }
    }
}

impl Counts {
    fn dns_term(&mut self) -> Walked<()> {
        if self.dns_terms == DNS_TERMS {
            return Break(());
        }
        self.dns_terms += 1;
        Continue(())
    }

    /// A query that found nothing: no match, as long as the limit is not met.
    fn void(&mut self) -> Walked<Outlook> {
        self.void_lookups += 1;
        match self.void_lookups > VOID_LOOKUPS {
            true => Break(()),
            false => Continue(Outlook::NoMatch),
        }
    }
}

/// How a record comes out that could come out before, and comes out here otherwise.
fn either(before: Option<Outlook>, passes: bool) -> Outlook {
    let here = match passes {
        true => Outlook::Match,
        false => Outlook::NoMatch,
    };
    match before {
        None => here,
        Some(before) if before == here => here,
        Some(_) => Outlook::Either,
    }
}
