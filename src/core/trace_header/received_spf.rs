//! `Received-SPF` (RFC 7208 section 9.1).

use std::borrow::Cow;

use super::{
    POSTMASTER, SpfTrace,
    fold::Folded,
    words::{comment, dot_atom_or_quoted, quoted, quoted_address},
};
use crate::core::spf::{Identity, SpfCheck, SpfResult};

/// A header has no more pairs than this.
const MAX_PAIRS: usize = 7;

impl SpfTrace<'_> {
    /// The values of Received-SPF, from the top down; none where SPF was not asked.
    ///
    /// There is one for each identity that was checked, as in RFC 4408 section 7: what became of the mail can hang on
    /// either, and RFC 7208 section 9.1 has `identity` for telling them apart. Received-SPF of earlier hosts stays:
    /// it is their trace, and 9.1 has ours stand above it, which is where readers must look.
    pub fn received_spf(&self) -> Vec<String> {
        let client = self.envelope.client.address;
        let client = client.map(|address| address.to_canonical().to_string());
        let client = client.as_deref();
        self.checks()
            .map(|check| self.of_check(check, client))
            .collect()
    }

    fn of_check(&self, check: &SpfCheck, client: Option<&str>) -> String {
        let mut value = Folded::new("Received-SPF");
        value.push(check.result.as_str());
        value.push_prose(&self.comment(check, client));
        for (at, (key, word)) in self.pairs(check, client).iter().enumerate() {
            if at > 0 {
                value.end_statement();
            }
            if *key == "problem" {
                value.push_prose(&format!("{key}={word}"));
            } else {
                value.push_joined(&[key, "=", word]);
            }
        }
        value.finish()
    }

    /// The keys of 9.1 with their values as they are written.
    fn pairs<'a>(
        &'a self,
        check: &'a SpfCheck,
        address: Option<&'a str>,
    ) -> Vec<(&'static str, Cow<'a, str>)> {
        let client = &self.envelope.client;
        let mut pairs = Vec::with_capacity(MAX_PAIRS);
        if let Some(address) = address {
            pairs.push(("client-ip", dot_atom_or_quoted(address.as_bytes())));
        }
        if check.identity == Identity::MailFrom
            && let Some(sender) = quoted_address(&self.sender())
        {
            pairs.push(("envelope-from", sender.into()));
        }
        if let Some(helo) = &client.helo {
            pairs.push(("helo", dot_atom_or_quoted(helo)));
        }
        let receiver = dot_atom_or_quoted(self.receiver.as_bytes());
        pairs.push(("receiver", receiver));
        pairs.push(("identity", check.identity.as_str().into()));
        if let Some(mechanism) = &check.mechanism {
            pairs.push(("mechanism", dot_atom_or_quoted(mechanism.as_bytes())));
        }
        if let Some(problem) = problem(check) {
            pairs.push(("problem", quoted(problem.as_bytes()).into()));
        }
        pairs
    }

    /// The sender that was checked: postmaster@HELO for the null sender (RFC 7208 section 2.4).
    fn sender(&self) -> Vec<u8> {
        if !self.envelope.reverse_path.is_null() {
            return self.envelope.reverse_path.to_bytes();
        }
        let helo = self.envelope.client.helo.as_deref().unwrap_or_default();
        [POSTMASTER, b"@", helo].concat()
    }

    /// The result in words, for people. Only `domain` is a stranger's.
    fn comment(&self, check: &SpfCheck, client: Option<&str>) -> String {
        let null = if self.envelope.reverse_path.is_null() {
            "null sender, so HELO is asked: "
        } else {
            ""
        };
        let domain = &*check.domain;
        let client = client.unwrap_or("the client");
        let [one, two, three, four] = match check.result {
            SpfResult::Pass => [domain, " lets ", client, " send its mail"],
            SpfResult::Fail => [domain, " does not let ", client, " send its mail"],
            SpfResult::Softfail => [domain, " likely does not let ", client, " send its mail"],
            SpfResult::Neutral => [
                domain,
                " does not say whether ",
                client,
                " may send its mail",
            ],
            SpfResult::None => [domain, " has no SPF record", "", ""],
            SpfResult::Temperror => [
                "the SPF record of ",
                domain,
                " was not to be had from DNS",
                "",
            ],
            SpfResult::Permerror => ["the SPF record of ", domain, " is broken", ""],
        };
        let text = [self.receiver, ": ", null, one, two, three, four].concat();
        comment(text.as_bytes())
    }
}

/// What went wrong. Which of our name servers failed, and how, is for our log alone: mail is forwarded and returned,
/// with its headers.
pub(super) fn problem(check: &SpfCheck) -> Option<&str> {
    match check.result {
        SpfResult::Temperror => Some("DNS did not answer"),
        _ => check.problem.as_deref(),
    }
}
