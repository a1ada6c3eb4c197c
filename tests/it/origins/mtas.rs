//! Three bots, four real MTAs, one behind an edge MX and one with amavis, and the shapes of two more.

use std::{
    collections::BTreeSet, net::Ipv4Addr, path::Path, process::Command, thread, time::Duration,
};

use lab::{
    backstop::Backstop,
    bouncer::{self, Bouncer, Kind, Setting},
    internet,
    postfix::{self, Postfix},
    process::wait_until,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::hosts::{
    ALPHA, BETA, BOTS, Bot, DELTA, EPSILON, GAMMA, HOME, HOME_NAME, INNOCENT, TARGETS, Target,
    VICTIM, ZETA, zone,
};

const TEST: &str = "origins::mtas::the_bots_are_named_and_nobody_else";
const EXCHANGE: &str = include_str!("../../fixtures/origins/exchange.eml");
const QMAIL: &str = include_str!("../../fixtures/origins/qmail.eml");
/// Bounces wait in queues, and the machine may be slow.
const PATIENCE: Duration = Duration::from_secs(60);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_backstop"))
}

/// Our filter, behind a real Postfix.
struct Home {
    postfix: Postfix,
    backstop: Backstop,
}

impl Home {
    fn start() -> Self {
        let yaml = "listen: inet:0@127.0.0.1\nmode: enforce\n\
            local: {domains: [example.org], networks: [127.0.0.0/8, 192.0.2.0/24]}\n";
        let backstop = Backstop::start(binary(), yaml).unwrap();
        let postfix = Postfix::start(&postfix::Options {
            smtpd_milters: vec![format!("inet:{}", backstop.addr())],
            main_cf: vec![format!(
                "myhostname = {HOME_NAME}\nsmtpd_peername_lookup = yes"
            )],
            master_cf: vec![format!("{HOME}:25 inet n - n - - smtpd")],
            ..postfix::Options::default()
        });
        Self {
            postfix: postfix.unwrap(),
            backstop,
        }
    }

    /// Waits until this many bounces have been judged.
    fn wait_for(&self, bounces: u64) {
        let judged = || {
            let log = self.backstop.log_so_far();
            let of_bounce = format!(" mail_from=<> rcpt=<{VICTIM}> ");
            log.lines().filter(|line| line.contains(&of_bounce)).count() as u64
        };
        let waited = wait_until(PATIENCE, || Ok(judged() >= bounces));
        assert!(
            waited.is_ok() && judged() == bounces,
            "{} bounces of {bounces} came\n{}",
            judged(),
            self.postfix.log()
        );
    }

    /// What came, for who reads why this failed.
    fn returned(&self) -> String {
        let bounces = self.postfix.mailbox(VICTIM).unwrap().concat();
        String::from_utf8_lossy(&bounces).into_owned()
    }

    fn report(&self, arguments: &[&str]) -> String {
        let output = Command::new(binary())
            .args(["report", "--since", "3h", "--config"])
            .arg(self.backstop.config())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The MTAs of strangers. They all start at once.
struct Strangers {
    _bouncers: Vec<Bouncer>,
    _edge: Postfix,
}

impl Strangers {
    fn start() -> Self {
        let home = (HOME, 25).into();
        let bouncers = [
            (&ALPHA, Kind::Postfix, Setting::Amavis),
            (&BETA, Kind::Exim, Setting::Default),
            (&GAMMA, Kind::Sendmail, Setting::Default),
            (&DELTA, Kind::OpenSmtpd, Setting::Default),
        ];
        thread::scope(|scope| {
            let bouncers = bouncers.map(|(target, kind, setting)| {
                scope.spawn(move || Bouncer::start_as(&target.bouncer(), kind, home, setting))
            });
            let inside = (BETA.bouncer().address, 25).into();
            let edge = bouncer::edge(&BETA.edge(), inside).unwrap();
            Self {
                _bouncers: bouncers
                    .into_iter()
                    .map(|bouncer| bouncer.join().unwrap().unwrap())
                    .collect(),
                _edge: edge,
            }
        })
    }
}

/// All that the bots send, and each to one target after the other; to whom a hostile HELO was no hindrance.
fn send() -> BTreeSet<&'static str> {
    let send = |bot: &Bot, target: &Target, number| match target.domain {
        domain if domain == EPSILON.domain => bot.bounced(target, EXCHANGE, number),
        domain if domain == ZETA.domain => bot.bounced(target, QMAIL, number),
        _ => bot.send(target, number),
    };
    let sends = |bot: &Bot| {
        let targets = TARGETS.into_iter().zip(bot.times);
        let sent = targets.flat_map(|(target, times)| {
            (0..times).filter_map(move |number| send(bot, target, number).then_some(target.domain))
        });
        sent.collect::<BTreeSet<_>>()
    };
    thread::scope(|scope| {
        let bots = BOTS.each_ref().map(|bot| scope.spawn(move || sends(bot)));
        bots.into_iter()
            .flat_map(|bot| bot.join().unwrap())
            .collect()
    })
}

/// The addresses that stand in a text.
fn addresses(text: &str) -> BTreeSet<Ipv4Addr> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    words.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn the_bots_are_named_and_nobody_else() {
    if !internet::is_inside(TEST) {
        return;
    }
    let runtime = Runtime::new().unwrap();
    let _dns = runtime.block_on(internet::serve(zone())).unwrap();
    let (mut home, _strangers) = thread::scope(|scope| {
        let strangers = scope.spawn(Strangers::start);
        (Home::start(), strangers.join().unwrap())
    });
    let hostile = send();
    // Postfix, which is the first host of both, takes it; Sendmail and OpenSMTPD refuse it.
    assert_eq!(hostile, BTreeSet::from([ALPHA.domain, BETA.domain]));
    home.wait_for(BOTS.iter().flat_map(|bot| bot.times).sum());
    home.backstop.stop().unwrap();

    let told: Value = serde_json::from_str(&home.report(&["--json"])).unwrap();
    let top = told["origins"]["top"].as_array().unwrap().iter();
    let found: Vec<_> = top
        .map(|one| {
            let numbers = ["reporting_networks", "bounces", "reported"];
            let numbers = numbers.map(|name| one[name].as_u64().unwrap());
            let word = |name: &str| one[name].as_str().unwrap().to_owned();
            (
                word("address"),
                word("helo"),
                one["ours"].as_bool().unwrap(),
                numbers,
            )
        })
        .collect();
    let expected = BOTS.each_ref().map(|bot| {
        let bounces: u64 = bot.times.iter().sum();
        // Where it calls itself a host of the one that bounces, that is nobody's word.
        let claimed = TARGETS.iter().zip(bot.times);
        let claimed = claimed.filter(|(target, _)| bot.helo.ends_with(target.domain));
        let reported = bounces - claimed.map(|(_, times)| times).sum::<u64>();
        let numbers = [bot.reporters(), bounces, reported];
        (bot.address.to_string(), bot.helo.to_owned(), false, numbers)
    });
    assert_eq!(found, expected, "{told:#}\n{}", home.returned());
    assert_eq!(told["origins"]["others"], 0);

    let text = home.report(&[]);
    let (_, section) = text.split_once("sent in your name by").expect(&text);
    let (section, _) = section.split_once("\nnetworks: ").expect(&text);
    let bots = BOTS.each_ref().map(|bot| bot.address);
    assert_eq!(addresses(section), BTreeSet::from(bots), "{text}");
    for report in [told.to_string(), text] {
        assert!(!report.contains(&INNOCENT.to_string()), "{report}");
    }
}
