//! Verdicts as the tables write them.

use backstop::core::{reply::Reply, verdict::Verdict};

/// The action and its reason.
pub fn words(verdict: &Verdict) -> String {
    format!("{} {}", verdict.action, verdict.reason.code())
}

/// The action and its reason, what enforcing would do, and the codes of the reply.
pub fn answer(verdict: &Verdict) -> String {
    let would = verdict.would.map(|action| format!(" would={action}"));
    let reply = Reply::to(verdict, "192.0.2.1".parse().ok());
    let reply = reply.map(|reply| format!(" {} {}", reply.code, reply.enhanced_text()));
    words(verdict) + &would.unwrap_or_default() + &reply.unwrap_or_default()
}
