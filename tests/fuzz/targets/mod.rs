//! What each fuzz target does with an input: it asserts properties, where "no panic" is the least. `tests/fuzz/run` makes up
//! inputs, guided by the code that they reach; `tests/tables/corpora.rs` runs those that are kept.
//!
//! | target         | what holds for every input |
//! |----------------|----------------------------|
//! | `spf_record`   | a record in a zone of chance: the result, counts and explanation of a naive evaluation |
//! | `spf_macros`   | a macro string expands as a naive expansion does |
//! | `spf_zones`    | many records that lead to each other, answers that fail: as the naive evaluation |
//! | `addresses`    | what is printed is parsed again; what BATV signs is read back, or is not signed and says why |
//! | `headers`      | fields are parts of the message; From: shows the addresses that were written into it |
//! | `encoded_words`| what was encoded is decoded; a text without encoded words stays |
//! | `reports`      | a DMARC report is within bounds and read as it was written; only our own host's results are believed |
//! | `returned`     | what a report returns was in it; a message that was returned whole is read whole; all within bounds |
//! | `notification` | headers that say nothing change nothing; a subject alone is never enough with a sender |
//! | `origin`       | whatever a bot says and writes below honest lines, it is named; lines of chance accuse nobody for sure without a name |
//! | `redaction`    | no address of ours is left, whatever stands around it |
//! | `maillog`      | of a log, only what shows where it began is outgoing |
//! | `mbox`         | a store is read to its end; messages that were written are read back |
//! | `guard`        | what passes is well-formed and in order, however it was cut; the rest ends the connection |
//! | `siege`        | no events break a record, and octets of a store only give records that go on |
//! | `dkim`         | tags as a naive reader finds them; nobody's signature is genuine |
//! | `yaml`         | each mistake has a text and a place that is in the file |

use std::time::{Duration, Instant};

pub mod addresses;
pub mod dkim;
pub mod encoded_words;
pub mod guard;
pub mod headers;
mod input;
pub mod maillog;
pub mod mbox;
pub mod notification;
pub mod origin;
pub mod redaction;
pub mod reports;
pub mod returned;
pub mod siege;
pub mod spf;
pub mod yaml;

/// Runs one input.
pub type Target = fn(&[u8]);

/// All targets, by the names of their corpora.
pub const ALL: [(&str, Target); 17] = [
    ("addresses", addresses::run),
    ("dkim", dkim::run),
    ("encoded_words", encoded_words::run),
    ("guard", guard::run),
    ("headers", headers::run),
    ("maillog", maillog::run),
    ("mbox", mbox::run),
    ("notification", notification::run),
    ("origin", origin::run),
    ("redaction", redaction::run),
    ("reports", reports::run),
    ("returned", returned::run),
    ("siege", siege::run),
    ("spf_macros", spf::macros),
    ("spf_record", spf::record),
    ("spf_zones", spf::zones),
    ("yaml", yaml::run),
];

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = ALL.iter().find(|(other, _)| *other == name).unwrap();
    bounded(data, *target);
}

/// Runs a target. Work is bounded by the length of an input: on a busy machine, unoptimised, the most takes a third of a
/// second. What was stopped meanwhile, so that others could run, has another try.
pub fn bounded(data: &[u8], target: Target) {
    let most = Duration::from_secs(10) + Duration::from_millis(1) * data.len() as u32;
    let in_time = (0..3).any(|_| {
        let begun = Instant::now();
        target(data);
        begun.elapsed() <= most
    });
    assert!(in_time, "{} octets took more than {most:?}", data.len());
}

/// Runs a future that has nothing to wait for.
fn ready<T>(future: impl Future<Output = T>) -> T {
    at_once(future).unwrap()
}

/// What a future gives without waiting, if it does.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}
