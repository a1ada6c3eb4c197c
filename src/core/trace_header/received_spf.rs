//! `Received-SPF` (RFC 7208 section 9.1).

use super::{
    POSTMASTER, SpfTrace,
    fold::Folded,
    words::{comment_text, dot_atom_or_quoted, quoted, quoted_address},
};
use crate::core::spf::{Identity, SpfCheck, SpfResult};

impl SpfTrace<'_> {
    /// The values of Received-SPF, from the top down; none where SPF was not asked.
    ///
    /// There is one for each identity that was checked, as in RFC 4408 section 7: what became of the mail can hang on
    /// either, and RFC 7208 section 9.1 has `identity` for telling them apart. Received-SPF of earlier hosts stays:
    /// it is their trace, and 9.1 has ours stand above it, which is where readers must look.
    pub fn received_spf(&self) -> Vec<String> {
        self.checks().map(|check| self.of_check(check)).collect()
    }

    fn of_check(&self, check: &SpfCheck) -> String {
        let mut value = Folded::new("Received-SPF");
        value.push(check.result.as_str());
        value.push_prose(&self.comment(check));
        for (at, (key, word)) in self.pairs(check).iter().enumerate() {
            if at > 0 {
                value.end_statement();
            }
            let pair = format!("{key}={word}");
            if *key == "problem" {
                value.push_prose(&pair);
            } else {
                value.push(&pair);
            }
        }
        value.finish()
    }

    /// The keys of 9.1 with their values as they are written.
    fn pairs(&self, check: &SpfCheck) -> Vec<(&'static str, String)> {
        let client = &self.envelope.client;
        let mut pairs = Vec::new();
        if let Some(address) = client.address {
            let address = address.to_canonical().to_string();
            pairs.push(("client-ip", dot_atom_or_quoted(address.as_bytes())));
        }
        if check.identity == Identity::MailFrom
            && let Some(sender) = quoted_address(&self.sender())
        {
            pairs.push(("envelope-from", sender));
        }
        if let Some(helo) = &client.helo {
            pairs.push(("helo", dot_atom_or_quoted(helo)));
        }
        let receiver = dot_atom_or_quoted(self.receiver.as_bytes());
        pairs.push(("receiver", receiver));
        pairs.push(("identity", check.identity.as_str().to_owned()));
        if let Some(mechanism) = &check.mechanism {
            pairs.push(("mechanism", dot_atom_or_quoted(mechanism.as_bytes())));
        }
        if let Some(problem) = problem(check) {
            pairs.push(("problem", quoted(problem.as_bytes())));
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
    fn comment(&self, check: &SpfCheck) -> String {
        let domain = &check.domain;
        let client = match self.envelope.client.address {
            Some(address) => address.to_canonical().to_string(),
            None => "the client".to_owned(),
        };
        let says = match check.result {
            SpfResult::Pass => format!("{domain} lets {client} send its mail"),
            SpfResult::Fail => format!("{domain} does not let {client} send its mail"),
            SpfResult::Softfail => format!("{domain} likely does not let {client} send its mail"),
            SpfResult::Neutral => {
                format!("{domain} does not say whether {client} may send its mail")
            }
            SpfResult::None => format!("{domain} has no SPF record"),
            SpfResult::Temperror => {
                format!("the SPF record of {domain} was not to be had from DNS")
            }
            SpfResult::Permerror => format!("the SPF record of {domain} is broken"),
        };
        let null = if self.envelope.reverse_path.is_null() {
            "null sender, so HELO is asked: "
        } else {
            ""
        };
        let text = format!("{}: {null}{says}", self.receiver);
        format!("({})", comment_text(text.as_bytes()))
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
