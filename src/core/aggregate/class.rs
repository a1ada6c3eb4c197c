//! What a sender is, as far as strangers' reports can show that.

use serde::Serialize;

use super::{Sender, Shown};

/// How many reporters must say it before a sender is more than unproven: one may lie, and two may be one.
pub const MIN_REPORTERS: usize = 3;

/// What a sender is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Its mail passes DMARC, and our SPF or `local.networks` names it.
    Yours,
    /// A service that signs for us, a forwarder or a list: something passes, of ours or of its own.
    ServiceOrList,
    /// Nothing passes: forged, or forwarded by somebody who broke the signature.
    Unproven,
    /// Nothing passes, and the bounces of others name it, too.
    Forger,
}

/// Whether we know it as ours ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// By the SPF record of the domain, or in `local.networks`, from where mail enters the ledger.
    Yes,
    /// By neither.
    No,
    /// The record can't be evaluated now: what the reporters saw of it counts.
    Unknown,
}

/// What the bounces say that others sent to us: the origin table of the attack report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Backscatter {
    /// How many bounces have it as their origin.
    pub bounces: u64,
    /// Of how many networks these came.
    pub reporting_networks: usize,
}

/// What a sender is, and what its reporters alone would make of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// What it is.
    pub class: Class,
    /// What the reports say, where too few say it; none where that is no other class.
    pub claimed: Option<Class>,
}

impl Class {
    /// All, in the order of reports.
    pub const ALL: [Self; 4] = [
        Self::Yours,
        Self::ServiceOrList,
        Self::Unproven,
        Self::Forger,
    ];

    /// The word in JSON, and the class of the page's style.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yours => "yours",
            Self::ServiceOrList => "service_or_list",
            Self::Unproven => "unproven",
            Self::Forger => "forger",
        }
    }

    /// The same for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::ServiceOrList => "service or list",
            Self::Yours | Self::Unproven | Self::Forger => self.as_str(),
        }
    }
}

impl Standing {
    /// That of a sender.
    pub fn of(sender: &Sender, named: Named, backscatter: Option<Backscatter>) -> Self {
        // Of two that as many say, the one that speaks more for it.
        let said = [Shown::Ours, Shown::Theirs, Shown::Nothing];
        let said = said
            .into_iter()
            .rev()
            .max_by_key(|shown| sender.saying(*shown));
        let said = said.unwrap_or(Shown::Nothing);
        let is_named = match named {
            Named::Yes => true,
            Named::No => false,
            Named::Unknown => sender.spf_aligned() > 0,
        };
        let agrees = backscatter.is_some_and(|found| found.reporting_networks >= MIN_REPORTERS);
        let claimed = match said {
            Shown::Ours if is_named => Class::Yours,
            Shown::Ours | Shown::Theirs => Class::ServiceOrList,
            // What we name as ours may be ill, and is no forger by that; nor is what we can't tell from ours.
            Shown::Nothing if agrees && named == Named::No => Class::Forger,
            Shown::Nothing => Class::Unproven,
        };
        match sender.saying(said) >= MIN_REPORTERS {
            true => Self {
                class: claimed,
                claimed: None,
            },
            false => Self {
                class: Class::Unproven,
                claimed: Some(claimed).filter(|claimed| *claimed != Class::Unproven),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Row, Senders,
            tests::{checked, report, row},
        },
        *,
    };

    /// A sender of which so many reporters say that DMARC passes, that something else passes, and that nothing does.
    fn sender(says: [usize; 3]) -> Sender {
        let mut senders = Senders::default();
        let ours = Row {
            spf_aligned: true,
            ..row("192.0.2.1", 5)
        };
        let theirs = Row {
            spf: vec![checked("list.example", true)],
            ..row("192.0.2.1", 5)
        };
        let rows = [ours, theirs, row("192.0.2.1", 5)];
        for (at, (count, row)) in says.into_iter().zip(rows).enumerate() {
            for number in 0..count {
                let reporter = format!("r{number}.of{at}.example");
                // Each below a name of its own.
                let reporter = format!("{}x.example", reporter.replace('.', "-"));
                senders.add(&report(&reporter, "1", 0, vec![row.clone()]));
            }
        }
        senders.all()[0].2.clone()
    }

    #[test]
    fn a_class_is_what_three_say_and_we_know() {
        let many = Some(Backscatter {
            bounces: 412,
            reporting_networks: 37,
        });
        let few = Some(Backscatter {
            bounces: 412,
            reporting_networks: 2,
        });
        use Class::{Forger, ServiceOrList, Unproven, Yours};
        use Named::{No, Unknown, Yes};
        for (says, named, backscatter, class, claimed) in [
            ([3, 0, 0], Yes, None, Yours, None),
            ([2, 0, 0], Yes, None, Unproven, Some(Yours)),
            ([3, 0, 0], No, None, ServiceOrList, None),
            ([3, 0, 0], Unknown, None, Yours, None),
            ([0, 3, 0], No, None, ServiceOrList, None),
            ([0, 3, 0], Yes, None, ServiceOrList, None),
            ([0, 3, 0], Unknown, None, ServiceOrList, None),
            ([0, 1, 0], No, many, Unproven, Some(ServiceOrList)),
            ([0, 0, 3], No, None, Unproven, None),
            ([0, 0, 3], No, many, Forger, None),
            ([0, 0, 3], No, few, Unproven, None),
            ([0, 0, 2], No, many, Unproven, Some(Forger)),
            ([0, 0, 3], Yes, many, Unproven, None),
            ([0, 0, 3], Unknown, many, Unproven, None),
            // Mail that passes is not forged, whatever is bounced.
            ([3, 0, 0], No, many, ServiceOrList, None),
            // What most say; of two that as many say, the better.
            ([3, 0, 4], No, many, Forger, None),
            ([3, 0, 3], No, many, ServiceOrList, None),
            ([2, 0, 4], Yes, many, Unproven, None),
            ([4, 3, 0], Yes, None, Yours, None),
        ] {
            let found = Standing::of(&sender(says), named, backscatter);
            assert_eq!(
                found,
                Standing { class, claimed },
                "{says:?} {named:?} {backscatter:?}"
            );
        }
    }

    /// However much one says.
    #[test]
    fn a_thousand_names_of_one_owner_say_it_once() {
        let mut senders = Senders::default();
        for number in 0..1_000 {
            let name = format!("n{number}.bot.example");
            senders.add(&report(&name, "1", 0, vec![row("192.0.2.1", 1_000_000)]));
        }
        let many = Some(Backscatter {
            bounces: 1,
            reporting_networks: 1_000,
        });
        let found = Standing::of(senders.all()[0].2, Named::No, many);
        assert_eq!(
            (found.class, found.claimed),
            (Class::Unproven, Some(Class::Forger))
        );
    }
}
