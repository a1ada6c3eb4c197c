//! What it costs a bounce to see who sent what it returns: `tests/bench origin`.
#![forbid(unsafe_code)]

use std::{collections::BTreeMap, hint::black_box, path::Path, process::ExitCode, time::Duration};

use backstop::{
    config,
    core::{
        address::{Mailbox, ReversePath},
        attack::AttackCount,
        envelope::{Client, Envelope},
        header::Headers,
        policy::Policy,
        verdict::{Action, Mode, Reason, Rule, Verdict},
    },
};
use clap::Parser;
use nix::time::{ClockId, clock_gettime};

/// What it costs a bounce to see who sent what it returns
#[derive(Parser)]
#[command(name = "tests/bench origin")]
struct Arguments {
    /// How many bounces a round has
    #[arg(long, value_name = "COUNT", default_value_t = 20_000)]
    bounces: u32,
    /// How many rounds there are, of which the median counts
    #[arg(long, value_name = "COUNT", default_value_t = 11)]
    rounds: usize,
}

/// The most that it may cost.
const LIMIT: Duration = Duration::from_micros(20);

/// The returned headers: the lines of hosts inside that stand above that of the client, and those below it, which nobody reads.
const SHAPES: [(&str, usize, usize); 4] = [
    ("one server, and what the bot wrote", 1, 3),
    ("an edge MX, amavis and the server", 4, 3),
    ("as many lines as are walked", 30, 0),
    ("a thousand forged lines", 1, 1_000),
];

fn main() -> ExitCode {
    let Arguments { bounces, rounds } = Arguments::parse();
    let yaml = "local: {domains: [example.org]}";
    let Ok(config) = config::parse(Path::new("milter.yaml"), yaml) else {
        eprintln!("tests/bench: the configuration can't be read");
        return ExitCode::FAILURE;
    };
    println!("| returned headers | µs more a bounce (minimum–maximum) |\n|---|--:|");
    let mut is_met = true;
    for (name, above, below) in SHAPES {
        let headers = headers(above, below);
        let mut costs: Vec<Duration> = (0..rounds.max(1))
            .map(|_| {
                let with = took(&config.policy, Some(&headers), bounces);
                with.saturating_sub(took(&config.policy, None, bounces))
            })
            .collect();
        costs.sort_unstable();
        let micros = |cost: Option<&Duration>| {
            cost.map_or(0.0, |cost| {
                cost.as_secs_f64() * 1e6 / f64::from(bounces.max(1))
            })
        };
        let median = micros(costs.get(costs.len() / 2));
        is_met &= median <= LIMIT.as_secs_f64() * 1e6;
        println!(
            "| {name} | {median:.2} ({:.2}–{:.2}) |",
            micros(costs.first()),
            micros(costs.last())
        );
    }
    match is_met {
        true => ExitCode::SUCCESS,
        false => {
            eprintln!("tests/bench: more than {LIMIT:?}");
            ExitCode::FAILURE
        }
    }
}

/// The processor time that these bounces take until they are counted, with what they return or without.
fn took(policy: &Policy, returned: Option<&Headers>, bounces: u32) -> Duration {
    let envelope = Envelope {
        client: Client {
            address: "198.51.100.7".parse().ok(),
            name: "mx.far.example".parse().ok(),
            helo: Some(b"mx.far.example".to_vec()),
            ..Client::default()
        },
        reverse_path: ReversePath::Null,
    };
    let recipient = Mailbox::from_bytes(b"joe@example.org");
    let verdict = Verdict::of(Rule::new(Action::Reject), Mode::Enforce, Reason::NeverSends);
    // As the store's queue adds them up.
    let mut counted: BTreeMap<(u64, AttackCount), u64> = BTreeMap::new();
    let begun = processor_time();
    for _ in 0..bounces {
        let counts = policy.attack(
            black_box(&envelope),
            &recipient,
            &verdict,
            black_box(returned),
        );
        for count in counts {
            *counted.entry((500_000, count)).or_default() += 1;
        }
    }
    let took = processor_time().saturating_sub(begun);
    black_box(counted);
    took
}

/// Of this thread: what else the machine does is not in it.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn headers(above: usize, below: usize) -> Headers {
    let mut text = String::new();
    for hop in 1..above {
        let address = match hop % 2 {
            0 => "127.0.0.1".to_owned(),
            _ => format!("10.0.{hop}.1"),
        };
        text.push_str(&format!(
            "Received: from inner{hop}.far.example (inner{hop}.far.example [{address}])\r\n\tby mx.far.example (Postfix) with ESMTP \
             id 4dY{hop:05}\r\n\tfor <victim@far.example>; Mon, 30 Nov 2026 10:00:00 +0000 (UTC)\r\n"
        ));
    }
    text.push_str(
        "Received: from pc.bot.example (unknown [203.0.113.9])\r\n\tby mx.far.example (Postfix) with ESMTPS id 4dYaa\r\n\tfor \
         <victim@far.example>; Mon, 30 Nov 2026 10:00:00 +0000 (UTC)\r\n",
    );
    for hop in 0..below {
        text.push_str(&format!(
            "Received: from mail.example.org (mail.example.org [192.0.2.{}]) by pc.bot.example; Mon, 30 Nov 2026 09:59:00 +0000\r\n",
            hop % 256
        ));
    }
    text.push_str("From: <joe@example.org>\r\nTo: <victim@far.example>\r\nSubject: Your invoice 4711\r\nMessage-ID: <1@bot.example>\r\n\r\n");
    Headers::parse(text.as_bytes()).0
}
