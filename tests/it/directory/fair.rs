//! Invented names at one domain do not keep the others from the server.

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use backstop::{
    config,
    core::{address::Mailbox, recipients::Known},
    directory::Directory,
};
use futures_util::{StreamExt, future::join, stream::FuturesUnordered};
use lab::directory::Kind;

use super::{RUNTIME, known, lent};

/// How many names the flood has.
const FLOOD: usize = 120;
/// How many questions the other domain has meanwhile, one after the other.
const OTHERS: usize = 20;
/// How many of the flood's may come before these: until thirty-two of its names turn out to be unknown, it has four of the five
/// connections, then one. Were they asked in the order in which they came, all would.
const MOST_BEFORE: usize = 75;

#[test]
fn a_flood_at_one_domain_leaves_the_others_their_turns() {
    let server = lent(Kind::Postgresql);
    let more = ", timeout: 10s, connections: 5";
    let entry = known(Kind::Postgresql, server.port(), more).replace(
        "= :address",
        "= :address OR (SELECT 1 FROM pg_sleep(0.01)) = 5",
    );
    let yaml = format!(
        "local: {{domains: [flooded.example, .below.example, example.org]}}\n\
         recipients: [{{domain: '*', known: [{entry}], unknown: {{mail: reject, bounces: reject}}}}]\n"
    );
    // Names below a domain are as cheap for strangers as local parts.
    for invented in [
        (|number| format!("guess{number}@flooded.example")) as fn(usize) -> String,
        |number| format!("guess@x{number}.below.example"),
    ] {
        let config = config::parse(Path::new("/m.yaml"), &yaml).unwrap();
        let (directory, local) = (Directory::new(config.directories), config.policy.local);
        let mailbox = |address: String| Mailbox::from_bytes(address.as_bytes());
        let flood: Vec<_> = (0..FLOOD).map(|number| mailbox(invented(number))).collect();
        let others: Vec<_> = (0..OTHERS)
            .map(|number| mailbox(format!("other{number}@example.org")))
            .collect();
        let done = AtomicUsize::new(0);
        let (directory, local, done) = (&directory, &local, &done);
        let flooding = async {
            let questions = flood.iter().map(|one| directory.known(0, one, local));
            let mut questions: FuturesUnordered<_> = questions.collect();
            let mut answered = 0;
            while let Some(answer) = questions.next().await {
                answered += usize::from(answer == Known::NotListed);
                done.fetch_add(1, Ordering::Relaxed);
            }
            answered
        };
        let asking = async {
            for one in &others {
                let answer = directory.known(0, one, local).await;
                assert_eq!(answer, Known::NotListed, "{one:?}");
            }
            done.load(Ordering::Relaxed)
        };
        let (answered, before) = RUNTIME.block_on(join(flooding, asking));
        assert_eq!(answered, FLOOD, "the flood's own are answered, too");
        assert!(before < MOST_BEFORE, "{before} of the flood came before");
    }
}
