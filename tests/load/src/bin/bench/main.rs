//! Measures Backstop beside floors and peers; `tests/bench` builds and runs it.
#![forbid(unsafe_code)]

mod bench;
mod cells;
mod filters;
mod held;
mod memory;
mod options;
mod page;
mod peers;
mod traffic;
mod zone;

use std::{
    fs, io,
    net::SocketAddr,
    process::{Command, ExitCode},
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use lab::{
    milter::{Change, Client, Peer as Stranger},
    process::run,
};
use load::{
    dns::Dns,
    floor::{Agreed, Floor},
    mta::{Load, SERIAL, Target},
    readings::Readings,
};

use bench::Bench;
use cells::{ACCEPT_ALL, BASELINE, BESIEGED, DISTURBED, HEADERS, LIST, NR, OURS, RULES, cells};
use filters::{Filter, Large, Site};
use held::{Others, held};
use memory::{Memory, machine, start_times};
use options::Options;
use page::{Page, with_sentence};
use zone::{CLIENT, HELO, zone};

/// Where DNS answers. Some peers know no other port.
const NAMESERVER: ([u8; 4], u16) = ([127, 0, 53, 1], 53);
const MANY: Large = Large {
    rules: 1000,
    lines: 100_000,
};
const PAGE: &str = "packaging/doc/speed.md";
const README: &str = "README.md";

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tests/bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> io::Result<()> {
    let start = Instant::now();
    let address = SocketAddr::from(NAMESERVER);
    let dns = Dns::start(address, |name| zone(name, traffic::RECORD.trim())).map_err(|error| {
        io::Error::other(format!(
            "no DNS server on {address}: {error}; it needs root, and only one bench at a time"
        ))
    })?;
    let site = Site {
        program: options.backstop.canonicalize()?,
        nameserver: address,
    };
    let mut filters = vec![Filter::backstop(OURS, &site, Large::NOTHING)?];
    let like_ours = like(&filters)?;
    let floors = [
        (ACCEPT_ALL, Floor::default()),
        (
            NR,
            Floor {
                headers: Vec::new(),
                ..like_ours.clone()
            },
        ),
        (HEADERS, like_ours.clone()),
    ];
    let program = options.floor.canonicalize()?;
    for (name, floor) in &floors {
        filters.push(Filter::floor(name, &program, floor)?);
    }
    if let Some(baseline) = &options.baseline {
        let site = Site {
            program: baseline.canonicalize()?,
            nameserver: address,
        };
        filters.push(Filter::backstop(BASELINE, &site, Large::NOTHING)?);
    }
    let mut missing = Vec::new();
    let mut peers = Vec::new();
    if !options.no_peers {
        for (name, peer) in peers::start(&options.peers, address)? {
            match peer {
                Ok(peer) => {
                    filters.push(peer);
                    peers.push(name);
                }
                Err(error) => missing.push(format!("{name}: {error}")),
            }
        }
    }
    for line in &missing {
        eprintln!("-- missing: {line}");
    }
    let (silent, others): (Vec<_>, Vec<_>) = cells(options, &peers)?
        .into_iter()
        .partition(|cell| cell.filters.iter().any(|filter| filter == DISTURBED));
    for (name, large) in [
        (
            RULES,
            Large {
                rules: MANY.rules,
                ..Large::NOTHING
            },
        ),
        (
            LIST,
            Large {
                lines: MANY.lines,
                ..Large::NOTHING
            },
        ),
        (BESIEGED, Large::NOTHING),
        (DISTURBED, Large::NOTHING),
    ] {
        let mut wanted = others.iter().chain(&silent);
        if wanted.any(|cell| cell.filters.iter().any(|filter| filter == name)) {
            filters.push(Filter::backstop(name, &site, large)?);
        }
    }
    besiege(&site, &filters)?;

    let mut bench = Bench {
        options,
        dns: &dns,
        filters,
        cells: others,
        readings: Readings::default(),
        failures: Vec::new(),
    };
    bench.run();
    if !silent.is_empty() {
        bench.cells = silent;
        disturb(&bench)?;
        bench.run();
    }
    let others = others_of(options, &site, &like_ours)?;

    let held = held(&bench.readings, &peers, &others);
    let version = run(Command::new(&options.backstop).arg("--version"))?.stdout;
    let version = String::from_utf8_lossy(&version);
    let date = run(Command::new("date").arg("+%F"))?.stdout;
    let date = String::from_utf8_lossy(&date);
    let page = Page {
        readings: &bench.readings,
        held: &held,
        others: &others,
        peers: &peers,
        missing: &missing,
        failures: &bench.failures,
        machine: &machine(),
        date: date.trim(),
        version: version.trim().trim_start_matches("backstop "),
        rounds: options.rounds(),
        minutes: start.elapsed().as_secs() / 60,
    };
    let text = page.text();
    println!("{text}");
    if let Some(folder) = options.json.parent() {
        fs::create_dir_all(folder)?;
    }
    let json = serde_json::json!({
        "machine": page.machine,
        "date": page.date,
        "version": page.version,
        "rounds": page.rounds,
        "held": held,
        "others": others,
        "missing": missing,
        "failures": bench.failures,
        "slices": bench.readings,
    });
    fs::write(&options.json, serde_json::to_string_pretty(&json)?)?;
    if options.doc {
        fs::write(PAGE, text)?;
        if let Some(sentence) = page.sentence() {
            fs::write(
                README,
                with_sentence(&fs::read_to_string(README)?, &sentence),
            )?;
        }
    }
    Ok(())
}

/// A floor that negotiates and adds what Backstop does with ordinary mail.
fn like(filters: &[Filter]) -> io::Result<Floor> {
    let socket = filters.first().map(|filter| &filter.unix.target);
    let Some(Target::Unix(path)) = socket else {
        return Err(io::Error::other("backstop has no unix socket"));
    };
    let mut client = Client::unix(path)?;
    let agreed = client.negotiated().clone();
    client.macros(b'C', &[("j", "mx.example.org"), ("{client_addr}", CLIENT)])?;
    let client_address = CLIENT.parse().map_err(io::Error::other)?;
    client.connect(HELO, Stranger::at(client_address))?;
    client.helo(HELO)?;
    client.mail("joan@example.com", &[])?;
    client.rcpt("info@example.org", &[])?;
    client.data()?;
    client.header(b"From", b"Joan <joan@example.com>")?;
    client.eoh()?;
    client.body(b"Hello\r\n")?;
    let headers = client
        .eom()?
        .changes
        .into_iter()
        .filter_map(|change| match change {
            Change::InsertHeader { name, value, .. } => Some((
                String::from_utf8_lossy(&name).into_owned(),
                String::from_utf8_lossy(&value).into_owned(),
            )),
            _ => None,
        });
    Ok(Floor {
        headers: headers.collect(),
        agreed: Some(Agreed {
            steps: agreed.steps,
            actions: agreed.actions,
            macros: agreed
                .macros
                .into_iter()
                .map(|(stage, names)| (stage, names.join(" ")))
                .collect(),
        }),
    })
}

/// One instance is besieged by hand, and the one that it is compared with is not, whatever its sensor sees.
fn besiege(site: &Site, filters: &[Filter]) -> io::Result<()> {
    let Some(besieged) = filters.iter().find(|filter| filter.name == BESIEGED) else {
        return Ok(());
    };
    site.siege(besieged, "on")?;
    if let Some(ours) = filters.iter().find(|filter| filter.name == OURS) {
        site.siege(ours, "off")?;
    }
    // Hosts read the record twice a second.
    thread::sleep(Duration::from_secs(2));
    Ok(())
}

/// 200 sessions that wait for DNS, until the process ends.
fn disturb(bench: &Bench) -> io::Result<()> {
    let Some(filter) = bench.filters.iter().find(|filter| filter.name == DISTURBED) else {
        return Ok(());
    };
    let target = filter.unix.target.clone();
    let mail = traffic::stranger(
        &format!("{SERIAL}@{SERIAL}.silent.example"),
        "info@example.org",
    );
    thread::Builder::new().spawn(move || {
        let load = Load {
            target: &target,
            mails: std::slice::from_ref(&mail),
            connections: 200,
            messages: 1,
            rate: None,
        };
        // It ends with the filter, at the end of the process.
        load.run(Duration::from_secs(3600))
    })?;
    thread::sleep(Duration::from_secs(2));
    Ok(())
}

/// What is measured on processes of its own.
fn others_of(options: &Options, site: &Site, like_ours: &Floor) -> io::Result<Others> {
    let mut others = Others::default();
    if options.wants("memory") {
        let (_backstop, socket) = site.backstop(false, Large::NOTHING)?;
        others.ours = Some(Memory::of(&socket)?);
        let floor = Floor {
            headers: Vec::new(),
            ..like_ours.clone()
        };
        let floor = Filter::floor(NR, &options.floor.canonicalize()?, &floor)?;
        others.floor = Some(Memory::of(&floor.unix)?);
    }
    if options.wants("start") {
        others.start = start_times(site, MANY)?;
    }
    Ok(others)
}
