//! Which loads there are, and which filters stand under them.

use std::{io, time::Duration};

use load::mta::{Mail, SERIAL};

use super::{
    bench::Cell,
    options::Options,
    traffic::{bounces, flood, ordinary, outgoing, stranger},
};

pub const OURS: &str = "backstop";
pub const BASELINE: &str = "baseline";
pub const ACCEPT_ALL: &str = "accept-all";
pub const NR: &str = "NR floor";
pub const HEADERS: &str = "NR floor + headers";
pub const RULES: &str = "backstop, 1,000 rules";
pub const LIST: &str = "backstop, 100,000 lines";
pub const BESIEGED: &str = "backstop, besieged";
pub const DISTURBED: &str = "backstop, 200 silent sessions";

/// Connections, and the messages of each.
const SHAPES: [(usize, usize); 9] = [
    (1, 1),
    (1, 20),
    (20, 1),
    (20, 20),
    (50, 20),
    (100, 1),
    (100, 20),
    (500, 1),
    (500, 20),
];

/// What something is wanted of.
const WANTED: [(usize, usize); 4] = [(20, 1), (100, 1), (500, 1), (50, 20)];

/// How long a slice takes.
const SLICE: Duration = Duration::from_millis(400);

/// The cells that are wanted; `peers` are the names of those that run.
pub fn cells(options: &Options, peers: &[&str]) -> io::Result<Vec<Cell>> {
    let baseline = options.baseline.as_ref().map(|_| BASELINE);
    let mut cells = Vec::new();
    for (tcp, word) in [(false, "unix"), (true, "tcp")] {
        for (connections, messages) in SHAPES {
            let is_wanted = !tcp && WANTED.contains(&(connections, messages));
            if options.quick && !is_wanted && (connections, messages) != (1, 1) {
                continue;
            }
            let floors = [ACCEPT_ALL, NR, HEADERS];
            let peers = match suits_peers(tcp, connections, messages) {
                true => peers,
                false => &[],
            };
            cells.push(Cell {
                is_wanted,
                tcp,
                connections,
                messages,
                filters: names(&[&[OURS][..], &floors, baseline.as_slice(), peers].concat()),
                ..cell(
                    &format!("warm {word} {connections}x{messages}"),
                    vec![ordinary()],
                )
            });
        }
    }
    for (word, domain) in [("short", "cold.example"), ("deep", "deep.example")] {
        let mail = stranger(&format!("{SERIAL}@{SERIAL}.{domain}"), "info@example.org");
        for (delay, connections) in [(0, 20), (20, 20), (0, 1), (20, 1)] {
            cells.push(Cell {
                connections,
                delay: Duration::from_millis(delay),
                filters: names(&[&[OURS][..], baseline.as_slice(), peers].concat()),
                ..cell(
                    &format!("cold {word} {delay} ms {connections}x1"),
                    vec![mail.clone()],
                )
            });
        }
    }
    for (name, mails) in [
        ("mix: bounces of 4 KB", bounces(4 << 10)?),
        ("mix: bounces of 60 KB", bounces(60 << 10)?),
        (
            "mix: strangers",
            vec![stranger(
                &format!("{SERIAL}@example.com"),
                &format!("kunde.{SERIAL}@example.org"),
            )],
        ),
        ("mix: outgoing", vec![outgoing()]),
    ] {
        cells.push(Cell {
            filters: names(&[&[OURS, NR][..], baseline.as_slice()].concat()),
            ..cell(name, mails)
        });
    }
    cells.push(Cell {
        filters: names(&[OURS, BESIEGED]),
        ..cell("mix: a flood refused at RCPT", flood())
    });
    let catch_all = format!("kunde.{SERIAL}@example.org");
    for (name, other, recipient) in [
        ("1,000 rules", RULES, &*catch_all),
        ("a list of 100,000", LIST, "user7@example.org"),
    ] {
        cells.push(Cell {
            filters: names(&[OURS, other]),
            ..cell(
                &format!("mix: {name}"),
                vec![stranger(&format!("{SERIAL}@example.com"), recipient)],
            )
        });
    }
    cells.push(Cell {
        connections: 50,
        messages: 20,
        filters: names(&[OURS, DISTURBED]),
        rate: Some(300.0),
        time: Duration::from_secs(if options.quick { 2 } else { 3 }),
        ..cell(
            "silent DNS: 300 a second beside 200 silent sessions",
            vec![ordinary()],
        )
    });
    cells.retain(|cell| options.wants(&cell.name));
    Ok(cells)
}

/// Over TCP, peers take 40 ms for each answer: they write it in pieces, and each waits until the one before is acknowledged. So
/// they get one message a connection there; and nowhere ten thousand messages, for which the slowest takes half a minute.
fn suits_peers(tcp: bool, connections: usize, messages: usize) -> bool {
    match tcp {
        true => connections <= 100 && messages == 1,
        false => connections * messages <= 2000,
    }
}

/// 20 connections, one message each, over the unix socket.
fn cell(name: &str, mails: Vec<Mail>) -> Cell {
    Cell {
        name: name.to_owned(),
        is_wanted: true,
        mails,
        connections: 20,
        messages: 1,
        tcp: false,
        delay: Duration::ZERO,
        filters: Vec::new(),
        rate: None,
        time: SLICE,
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
