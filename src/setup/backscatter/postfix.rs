//! What all findings about Postfix are made with.

use std::{collections::BTreeSet, path::Path};

use super::{
    super::{
        facts::{Class, Facts, FoundDomain},
        lines::words,
        master::Service,
        settings::{RESTRICTIONS, Settings},
        table::Table,
    },
    Finding, dovecot, filters, forwards, programs, queue, recipients, services, transports,
    unlisted,
};
use crate::core::address::Domain;

/// How deep restriction classes may stand in each other.
const DEEPEST: usize = 5;

/// A Postfix that was read.
#[derive(Clone, Copy)]
pub(super) struct Postfix<'a> {
    pub(super) facts: &'a Facts,
    pub(super) settings: &'a Settings,
    pub(super) services: &'a [Service],
    pub(super) folder: &'a Path,
    /// Where Backstop refuses addresses that don't exist.
    pub(super) refused: &'a BTreeSet<Domain>,
}

pub(super) fn findings(postfix: &Postfix<'_>) -> Vec<Finding> {
    let mut found = recipients::findings(postfix);
    found.extend(unlisted::findings(postfix));
    found.extend(transports::findings(postfix));
    found.extend(queue::findings(postfix));
    found.extend(services::findings(postfix));
    found.extend(filters::findings(postfix));
    let forwards = forwards::Forwards::of(postfix.facts, postfix.folder);
    found.extend(forwards.findings());
    found.extend(programs::findings(postfix.facts));
    found.extend(programs::services(postfix));
    found.extend(dovecot::quota(postfix));
    found
}

impl<'a> Postfix<'a> {
    /// A finding about a parameter of main.cf.
    pub(super) fn finding(&self, name: &str, message: String, mend: &str) -> Finding {
        Finding {
            file: self.folder.join("main.cf"),
            line: self.settings.line(name),
            message,
            mend: mend.to_owned(),
        }
    }

    /// One about a service of master.cf.
    pub(super) fn of_service(&self, service: &Service, message: String, mend: &str) -> Finding {
        Finding {
            file: self.folder.join("master.cf"),
            line: service.lines.first().map(|line| line + 1),
            message: format!("{}: {message}", service.name),
            mend: mend.to_owned(),
        }
    }

    pub(super) fn value(&self, name: &str) -> String {
        self.settings.value(name)
    }

    /// `name = value`, as it is in force.
    pub(super) fn shown(&self, name: &str) -> String {
        format!("{name} = {}", self.value(name))
            .trim_end()
            .to_owned()
    }

    /// The domains of a class in which nobody else refuses addresses that don't exist.
    pub(super) fn domains(&self, class: Class) -> Vec<&'a FoundDomain> {
        let domains = self.facts.domains.iter();
        let open = domains.filter(|found| !self.refused.contains(&found.domain));
        open.filter(|found| found.class == class).collect()
    }

    /// Whether there is any such domain.
    pub(super) fn has_open_domains(&self) -> bool {
        let mut domains = self.facts.domains.iter();
        domains.any(|found| !self.refused.contains(&found.domain))
    }

    /// The services that strangers come to.
    pub(super) fn public(&self) -> impl Iterator<Item = &'a Service> {
        let services = self.services.iter();
        services.filter(|one| one.takes_mail() && !one.is_submission() && !one.is_inner())
    }

    /// What clients are asked for by these parameters, with restriction classes spelled out, and without what only warns.
    pub(super) fn restrictions(&self, names: &[&str]) -> Vec<String> {
        let mut found = Vec::new();
        for name in names {
            self.spelled_out(&self.value(name), DEEPEST, &mut found);
        }
        found
    }

    /// The same of all parameters.
    pub(super) fn all_restrictions(&self) -> Vec<String> {
        self.restrictions(&RESTRICTIONS)
    }

    fn spelled_out(&self, list: &str, depth: usize, found: &mut Vec<String>) {
        let classes = self.settings.words("smtpd_restriction_classes");
        let mut warns = false;
        for word in words(list) {
            if word == "warn_if_reject" {
                warns = true;
                continue;
            }
            if depth > 0 && classes.contains(&word) {
                self.spelled_out(&self.value(&word), depth - 1, found);
            } else if !warns {
                found.push(word);
            }
            warns = false;
        }
    }

    /// Whether the next hop is asked about each recipient, and refuses those that it does not know.
    pub(super) fn verifies_recipients(&self) -> bool {
        let list = ["smtpd_relay_restrictions", "smtpd_recipient_restrictions"];
        let asks = self
            .restrictions(&list)
            .iter()
            .any(|word| word == "reject_unverified_recipient");
        asks && !self
            .value("unverified_recipient_reject_code")
            .starts_with('2')
    }

    /// Whether addresses that no list has are refused at RCPT.
    pub(super) fn refuses_unlisted(&self) -> bool {
        let explicit = "reject_unlisted_recipient".to_owned();
        self.settings.is_on("smtpd_reject_unlisted_recipient")
            || self.all_restrictions().contains(&explicit)
    }

    /// The tables of a parameter.
    pub(super) fn tables(&self, name: &str) -> Vec<Table> {
        let default = self.value("default_database_type");
        super::super::table::tables(&self.value(name), &default)
    }
}
