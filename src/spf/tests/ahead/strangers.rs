//! How many questions a stranger's zone can cause at most, whatever it answers, and when.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use super::{
    super::{Session, V4},
    slow::{Answering, Slow, on_a_paused_clock, timed},
};
use crate::{
    core::{outside::Unanswered, spf::Identity},
    spf::{Lookup, Mx, limits::AHEAD},
};

/// What the evaluation asks at most, in order: the record; ten `mx` and their exchanges; the names of the client;
/// the explanation.
const IN_ORDER: usize = 1 + 10 * 11 + 11 + 1;

/// A zone that has a record at every name; its hosts have the addresses of others, or none.
struct Endless {
    record: fn(&str) -> String,
    hosts_exist: bool,
}

impl Lookup for Endless {
    async fn txt(&self, name: &str) -> Result<Vec<Vec<u8>>, Unanswered> {
        Ok(vec![(self.record)(name).into_bytes()])
    }

    async fn a(&self, _: &str) -> Result<Vec<Ipv4Addr>, Unanswered> {
        let address = Ipv4Addr::new(198, 51, 100, 1);
        Ok(self.hosts_exist.then_some(address).into_iter().collect())
    }

    async fn aaaa(&self, _: &str) -> Result<Vec<Ipv6Addr>, Unanswered> {
        Ok(Vec::new())
    }

    async fn mx(&self, name: &str) -> Result<Vec<Mx>, Unanswered> {
        let exchanges = (0..10).map(|host| Mx {
            preference: host,
            exchange: format!("h{host}.{name}"),
        });
        Ok(exchanges.collect())
    }

    async fn ptr(&self, _: IpAddr) -> Result<Vec<String>, Unanswered> {
        Ok((0..50).map(|name| format!("p{name}.example.org")).collect())
    }
}

fn includes(name: &str) -> String {
    let terms = (0..10).map(|term| format!(" include:{term}.{}", tail(name)));
    format!("v=spf1{} -all", terms.collect::<String>())
}

fn exchanges(name: &str) -> String {
    let terms = (0..10).map(|term| format!(" mx:{term}.{}", tail(name)));
    format!("v=spf1{} -all", terms.collect::<String>())
}

fn both(name: &str) -> String {
    let terms = (0..5).map(|term| format!(" include:i{term}.{0} mx:m{term}.{0}", tail(name)));
    format!(
        "v=spf1{} ptr:example.org -all exp=x.{}",
        terms.collect::<String>(),
        tail(name)
    )
}

fn ways_out(name: &str) -> String {
    let terms = (0..9).map(|term| format!(" -a:a{term}.{0} ?include:i{term}.{0}", tail(name)));
    format!(
        "v=spf1{} redirect=r.{}",
        terms.collect::<String>(),
        tail(name)
    )
}

fn chain(name: &str) -> String {
    format!("v=spf1 ptr mx:m.{0} redirect=r.{0}", tail(name))
}

/// The first include comes last, and leaves no term to those that are known by then.
fn late(name: &str) -> String {
    let term = match name {
        "example.org" => "include",
        _ => "mx",
    };
    let terms = (0..10).map(|number| format!(" {term}:{number}.{name}"));
    format!("v=spf1{}", terms.collect::<String>())
}

/// Names must not outgrow DNS.
fn tail(name: &str) -> &str {
    &name[name.len().saturating_sub(200)..]
}

#[test]
fn the_questions_of_a_strangers_record_are_bounded() {
    let session = Session::new(V4, "h.example", "user@example.org");
    let mut most = 0;
    for record in [includes, exchanges, both, ways_out, chain, late] {
        for hosts_exist in [true, false] {
            let zone = Endless {
                record,
                hosts_exist,
            };
            let in_order =
                Slow::new(&zone, |_| Answering::After(Duration::from_millis(1))).crowded();
            let (expected, _) = timed(session, Identity::MailFrom, &in_order);
            assert!(in_order.sent() <= IN_ORDER, "{}", in_order.sent());
            // Together, in the worst order, and by chance.
            for order in 0..20_u64 {
                let slow = Slow::new(&zone, |question| {
                    let mut hasher = DefaultHasher::new();
                    (order, question).hash(&mut hasher);
                    Answering::After(Duration::from_millis(match order {
                        0 => 10,
                        1 => 1000 - question.bytes().map(u64::from).sum::<u64>() % 1000,
                        2 => 1 + question.len() as u64,
                        3 => 500 - question.len() as u64,
                        4 if question == "TXT 0.example.org" => 1000,
                        _ => 1 + hasher.finish() % 100,
                    }))
                });
                let (check, _) = timed(session, Identity::MailFrom, &slow);
                assert_eq!(check, expected);
                assert!(
                    slow.sent() <= in_order.sent() + AHEAD,
                    "{} instead of {}",
                    slow.sent(),
                    in_order.sent()
                );
                assert!(slow.most_under_way() <= AHEAD + 1);
                most = most.max(slow.sent());
            }
        }
    }
    // The bound is met, nearly: it says something.
    assert!(most > 150 && most <= IN_ORDER + AHEAD, "{most}");
}

/// The end of a stage drops a check with all that it has asked.
#[test]
fn a_check_that_is_dropped_leaves_no_question() {
    let zone = Endless {
        record: both,
        hosts_exist: true,
    };
    let slow = Slow::new(&zone, |question| {
        Answering::After(Duration::from_secs(
            match question.starts_with("TXT example.org") {
                true => 1,
                false => 100,
            },
        ))
    });
    let session = Session::new(V4, "h.example", "user@example.org");
    let ended = on_a_paused_clock(async {
        let check = session.check_once(Identity::MailFrom, &slow, false);
        let ended = tokio::time::timeout(Duration::from_secs(10), check).await;
        ended.is_ok()
    });
    assert!(!ended);
    assert_eq!(slow.most_under_way(), 10);
    assert_eq!(slow.under_way(), 0);
}
