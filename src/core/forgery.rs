//! A stranger who claims to be one of us.

use serde::Deserialize;

use super::{
    pattern::DomainPattern,
    verdict::{Action, Rule},
};

/// `forgery:` of `milter.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Forgery {
    /// A reverse-path in one of `local.domains`, from a client for which that domain's SPF doesn't pass.
    pub mail_from: Rule,
    /// A From: header that names one of `local.domains`, in a stranger's message.
    pub header_from: Rule,
    /// Mailing lists that our users write to, by the domain of their MAIL FROM: their posts carry our From:. Their SPF
    /// must pass.
    pub mailing_lists: Vec<DomainPattern>,
}

impl Default for Forgery {
    fn default() -> Self {
        Self {
            mail_from: Rule::new(Action::Reject),
            header_from: Rule::new(Action::Tag),
            mailing_lists: Vec::new(),
        }
    }
}
