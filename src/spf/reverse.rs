//! The names that the client's address maps back to, and which of them are true (RFC 7208 section 5.5), for
//! `ptr` and `%{p}`.

use super::{
    Lookup,
    check_host::Evaluation,
    limits::PTR_NAMES,
    name::Name,
    question::{Answer, Question},
    trace::quoted,
};

/// What the reverse zone says: the first [`PTR_NAMES`] names, asked once in a check.
#[derive(Clone, Debug, Default)]
pub(super) struct ReverseNames {
    names: Vec<ReverseName>,
    found_nothing: bool,
}

#[derive(Clone, Debug)]
struct ReverseName {
    name: Name,
    /// Whether the client's address is among its own, once that was asked.
    validated: Option<bool>,
}

impl ReverseNames {
    /// Whether DNS answered that there are none.
    pub(super) fn found_nothing(&self) -> bool {
        self.found_nothing
    }

    /// The names, validated or not.
    pub(super) fn names(&self) -> Vec<Name> {
        self.names.iter().map(|known| known.name.clone()).collect()
    }
}

impl<L: Lookup> Evaluation<'_, L> {
    /// The client's names. 5.5: "If a DNS error occurs while doing the PTR RR lookup, then this mechanism fails
    /// to match", so after an error there are none.
    pub(super) async fn reverse_names(&mut self) -> &ReverseNames {
        if self.reverse.is_none() {
            let client = self.values.client;
            let answers = self.dns.ask(Question::Ptr(client)).await.map(Answer::ptr);
            self.trace_answers("PTR", &client.to_string(), &answers, |name| {
                quoted(name.as_bytes())
            });
            self.reverse = Some(ReverseNames {
                found_nothing: answers.as_ref().is_ok_and(Vec::is_empty),
                // 4.6.4: "all records other than the first 10 MUST be ignored".
                names: answers
                    .unwrap_or_default()
                    .iter()
                    .take(PTR_NAMES)
                    .filter_map(|name| Name::from_bytes(name.as_bytes()))
                    .map(|name| ReverseName {
                        name,
                        validated: None,
                    })
                    .collect(),
            });
        }
        self.reverse.get_or_insert_default()
    }

    /// Whether one of the client's names has the client's address. Its addresses are in the hands of the client,
    /// as the name itself is, so they count neither as terms nor as void: the publisher of a record can't help
    /// them. 5.5: "If a DNS error occurs while doing an A RR lookup, then that domain name is skipped".
    pub(super) async fn is_validated(&mut self, name: &Name) -> bool {
        let known = self.reverse.iter().flat_map(|reverse| &reverse.names);
        if let Some(validated) = known
            .filter(|known| known.name.is(name))
            .find_map(|known| known.validated)
        {
            return validated;
        }
        let addresses = self.addresses(name).await.unwrap_or_default();
        let validated = addresses.contains(&self.values.client);
        let known = self
            .reverse
            .iter_mut()
            .flat_map(|reverse| &mut reverse.names);
        for known in known.filter(|known| known.name.is(name)) {
            known.validated = Some(validated);
        }
        validated
    }

    /// `%{p}` (7.3): the domain itself where it is among the validated names, else one below it, else any, else
    /// "unknown".
    pub(super) async fn validated_name(&mut self, domain: &Name) -> String {
        let mut names = self.reverse_names().await.names();
        names.sort_by_key(|name| match name {
            name if name.is(domain) => 0,
            name if name.is_at_or_below(domain) => 1,
            _ => 2,
        });
        for name in names {
            if self.is_validated(&name).await {
                return name.as_str().to_owned();
            }
        }
        "unknown".to_owned()
    }
}
