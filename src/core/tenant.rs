//! What a client answers for its own domain, in the place of the file.

use std::sync::Arc;

use super::{
    null_sender::NeverSend,
    pattern::AddressList,
    recipients::ClassAnswer,
    verdict::{Mode, Rule},
};

/// A client's answers for its domain: a row of `tenants`. What it leaves out, the file answers; so a domain without a row
/// has the default. The lists are boxed, for few of thousands of rows have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantAnswers {
    /// Where the row stands, for the administrator; empty where there is none.
    pub from: Arc<str>,
    /// `mode`.
    pub mode: Option<Mode>,
    /// `catch_all` of its entry of `recipients`.
    pub catch_all: Option<ClassAnswer>,
    /// `unknown` of its entry of `recipients`.
    pub unknown: Option<ClassAnswer>,
    /// `null_sender.never_send`; in the place of the file's, for this domain.
    pub never_send: Option<Box<NeverSend>>,
    /// `proof.unproven`.
    pub unproven: Option<Rule>,
    /// `proof.unproven_replies`.
    pub unproven_replies: Option<Rule>,
    /// `siege.unproven`.
    pub siege_unproven: Option<Rule>,
    /// `siege.catch_all`.
    pub siege_catch_all: Option<ClassAnswer>,
    /// `exempt.recipients`; in the place of the file's, for this domain.
    pub exempt_recipients: Option<Box<AddressList>>,
}
