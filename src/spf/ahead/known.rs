//! What answers mean for the terms after them: as much of a stranger's answer as the walk needs, and no more.

use std::{net::IpAddr, sync::Arc};

use super::super::{
    expansion::Values,
    limits::{DNS_TERMS, MX_NAMES, PTR_NAMES},
    macros::MacroString,
    name::Name,
    question::{Answer, Answered, Question, in_order},
    record::{Asking, Mechanism, Record, only_record},
    target::{NoTarget, expand},
};
use crate::core::spf::SpfResult;

/// What is known from one answer.
#[derive(Clone)]
pub(super) enum Known {
    /// There was no answer.
    Failed,
    /// How many leading bits the closest of the addresses shares with the client's; none where there is no address.
    Closest(Option<u8>),
    /// Names of exchanges, or those that the client's address maps back to.
    Names(Names),
    /// A record; none where there is none, more than one, or a wrong one: a check that comes here ends.
    Record(Option<Arc<Sketch>>),
}

#[derive(Clone)]
pub(super) struct Names {
    pub(super) found_nothing: bool,
    /// In the order in which they are asked for; of exchanges one more than are asked, of the client's as many.
    pub(super) names: Arc<[Name]>,
}

/// A record, as far as DNS is concerned.
pub(super) struct Sketch {
    /// The mechanisms that query DNS, up to the first that matches in any case; no more than can be evaluated.
    pub(super) steps: Vec<Step>,
    pub(super) end: End,
}

pub(super) struct Step {
    pub(super) asking: Asking,
    pub(super) target: Target,
    /// Whether the result where it matches is pass.
    pub(super) passes: bool,
    pub(super) has_macros: bool,
}

/// What a record comes to where no step matches.
pub(super) enum End {
    /// `all`, or a network that the client is in; or no match at all, which is neutral.
    Result {
        passes: bool,
    },
    Redirect(Target),
}

pub(super) enum Target {
    Name(Name),
    /// It expands to no name.
    Malformed,
    /// It matches nothing (RFC 8616 section 4).
    Internationalized,
    /// `%{p}` is in it.
    Unforeseen,
}

impl Known {
    pub(super) fn understood(
        question: &Question,
        answered: &Answered,
        values: &Values<'_>,
    ) -> Self {
        let Ok(answer) = answered else {
            return Self::Failed;
        };
        match answer {
            Answer::Txt(texts) => {
                let record = only_record(texts).ok().flatten();
                let record = record.and_then(|txt| Record::parse(txt).ok());
                let domain = match question {
                    Question::Txt(domain) => domain.as_bytes(),
                    _ => b"",
                };
                let values = Values { domain, ..*values };
                Self::Record(record.map(|record| Arc::new(Sketch::of(&record, &values))))
            }
            Answer::A(_) | Answer::Aaaa(_) => {
                let addresses = answer.clone().addresses().into_iter();
                let shared = addresses.map(|address| shared_bits(address, values.client));
                Self::Closest(shared.max())
            }
            Answer::Mx(exchanges) => Self::Names(Names {
                found_nothing: exchanges.is_empty(),
                names: in_order(exchanges.clone()).take(MX_NAMES + 1).collect(),
            }),
            Answer::Ptr(names) => Self::Names(Names {
                found_nothing: names.is_empty(),
                names: names
                    .iter()
                    .take(PTR_NAMES)
                    .filter_map(|name| Name::from_bytes(name.as_bytes()))
                    .collect(),
            }),
        }
    }
}

impl Sketch {
    /// The record of `values.domain`, for that client.
    fn of(record: &Record, values: &Values<'_>) -> Self {
        let mut steps = Vec::new();
        for directive in &record.directives {
            let passes = directive.result == SpfResult::Pass;
            match &directive.mechanism {
                Mechanism::Network(network) if !network.contains(&values.client) => {}
                Mechanism::All | Mechanism::Network(_) => {
                    return Self {
                        steps,
                        end: End::Result { passes },
                    };
                }
                // The evaluation ends at the eleventh.
                Mechanism::Asking(..) if steps.len() > DNS_TERMS as usize => break,
                Mechanism::Asking(asking, spec) => steps.push(Step {
                    asking: *asking,
                    target: match spec {
                        None => {
                            Name::from_bytes(values.domain).map_or(Target::Malformed, Target::Name)
                        }
                        Some(spec) => Target::of(spec, values),
                    },
                    passes,
                    has_macros: spec.as_ref().is_some_and(MacroString::has_macros),
                }),
            }
        }
        let end = match &record.redirect {
            Some(redirect) => End::Redirect(Target::of(&redirect.target, values)),
            None => End::Result { passes: false },
        };
        Self { steps, end }
    }
}

impl Target {
    fn of(spec: &MacroString, values: &Values<'_>) -> Self {
        if spec.needs_validated_name() {
            return Self::Unforeseen;
        }
        match expand(spec, values) {
            Ok(name) => Self::Name(name),
            Err(NoTarget::Malformed(_)) => Self::Malformed,
            Err(NoTarget::Internationalized) => Self::Internationalized,
        }
    }
}

/// Those of another family than the client's share none.
fn shared_bits(address: IpAddr, client: IpAddr) -> u8 {
    let bits = match (address, client) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => 0,
    };
    u8::try_from(bits).unwrap_or(u8::MAX)
}
