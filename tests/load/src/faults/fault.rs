//! What goes wrong, one after the other.

use std::{
    fs::OpenOptions,
    io,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::FileExt,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use lab::{
    dns,
    milter::{Client, Peer},
    process::wait_until,
};

use super::{
    Outcome, Site,
    load::{INCOMING, OUTGOING},
};

/// How long the last message may take when all is well again.
const PATIENCE: Duration = Duration::from_secs(180);
/// How long it may take until the ledger has what waited for it.
const CATCHING_UP: Duration = Duration::from_secs(30);

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// Where the daemon's store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// In a file.
    InSqlite,
    /// On a server.
    InRedis,
}

/// Something that goes wrong while mail comes in.
#[derive(Debug)]
pub struct Fault {
    /// What the table says.
    pub name: &'static str,
    /// Where the store is meanwhile.
    pub store: Kept,
    /// What goes wrong, again and again while mail comes.
    happens: fn(&mut Site) -> io::Result<()>,
    /// What an administrator does when it is over.
    mended: fn(&mut Site) -> io::Result<()>,
}

/// All of them.
pub const FAULTS: [Fault; 15] = [
    fault("none", Kept::InSqlite, |_| pause(1000), well),
    fault("kill -9, again and again", Kept::InSqlite, killed, well),
    fault("SIGTERM, again and again", Kept::InSqlite, ended, well),
    fault("reload each 100 ms", Kept::InSqlite, reloaded, well),
    fault(
        "Redis killed, again and again",
        Kept::InRedis,
        redis_killed,
        well,
    ),
    fault("Redis stops for 5 s", Kept::InRedis, redis_paused, well),
    fault(
        "DNS dead",
        Kept::InSqlite,
        |site| dns_broken(site, dns::Fault::Silence),
        well,
    ),
    fault(
        "DNS answers after 2 s",
        Kept::InSqlite,
        |site| dns_broken(site, SLOW),
        well,
    ),
    fault("disk full", Kept::InSqlite, disk_full, well),
    fault(
        "disk read-only at the start",
        Kept::InSqlite,
        disk_read_only,
        well,
    ),
    fault(
        "database overwritten",
        Kept::InSqlite,
        corrupted,
        moved_away,
    ),
    fault("no more descriptors", Kept::InSqlite, no_descriptors, well),
    fault("clock ±1 h", Kept::InSqlite, |site| clock(site, HOUR), well),
    fault(
        "clock ±1 day",
        Kept::InSqlite,
        |site| clock(site, DAY),
        well,
    ),
    fault("log not read", Kept::InSqlite, log_held, well),
];

/// How many messages with a hundred recipients each fill the log that nobody reads.
const FLOOD: usize = 200;
/// Where they come from.
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

const SLOW: dns::Fault = dns::Fault::Delay(Duration::from_secs(2));

const fn fault(
    name: &'static str,
    store: Kept,
    happens: fn(&mut Site) -> io::Result<()>,
    mended: fn(&mut Site) -> io::Result<()>,
) -> Fault {
    Fault {
        name,
        store,
        happens,
        mended,
    }
}

/// Sends mail in both directions, `each` messages, and makes the fault happen meanwhile. When all has arrived, or the time
/// is over, it looks what became of them.
///
/// # Errors
/// Something that is not Backstop failed.
pub fn play(fault: &Fault, site: &mut Site, each: usize) -> io::Result<Outcome> {
    let mut streams = Vec::new();
    for stream in [INCOMING, OUTGOING] {
        streams.push(stream.send(each, site.outer.smtp_addr())?);
    }
    while any_runs(&mut streams)? {
        (fault.happens)(site)?;
    }
    (fault.mended)(site)?;
    let over = Instant::now();
    let sent = 2 * each;
    let settled = wait_until(PATIENCE, || Ok(site.sink.count() >= sent));
    let mut outcome = Outcome {
        fault: fault.name,
        sent,
        settled: over.elapsed().as_secs(),
        ..Outcome::default()
    };
    if settled.is_err() {
        eprintln!("{}", last_lines(&site.filter.log()));
        eprintln!("{}", last_lines(&site.inner_log()));
        eprintln!("{}", last_lines(&site.outer.log()));
    }
    look(site, each, &mut outcome)?;
    Ok(outcome)
}

fn look(site: &Site, each: usize, outcome: &mut Outcome) -> io::Result<()> {
    let arrived = site.arrived();
    let mut outgoing = Vec::new();
    for stream in [INCOMING, OUTGOING] {
        for number in 1..=each {
            let mail = arrived.get(&format!("{number}{}", stream.recipient));
            match mail.map_or(&[][..], Vec::as_slice) {
                [] => outcome.missing += 1,
                [_] => outcome.once += 1,
                _ => outcome.doubled += 1,
            }
            if stream.recipient == OUTGOING.recipient {
                outgoing.extend(mail.and_then(|mails| mails.first()));
            }
        }
    }
    let log = site.outer.log();
    outcome.deferred = log.matches(" status=deferred ").count();
    outcome.refused = log.matches(" status=bounced ").count();
    // What waits for a store that was down is written when it is back, and no longer counted as lost. Of a message that came
    // twice, the first entry may be lost.
    let mut counted = |patience, is_over: fn(&Outcome) -> bool| {
        let _ = wait_until(patience, || {
            outcome.unremembered = site.unremembered(&outgoing)?;
            outcome.told = site.filter.metric("backstop_store_lost_messages");
            Ok(is_over(outcome))
        });
    };
    counted(CATCHING_UP, |outcome| {
        outcome.unremembered as u64 == outcome.told
    });
    counted(PATIENCE, Outcome::is_told);
    outcome.lines_lost = site.filter.metric("backstop_log_lines_lost_total");
    Ok(())
}

fn any_runs(streams: &mut [Child]) -> io::Result<bool> {
    let mut any = false;
    for stream in streams {
        any |= stream.try_wait()?.is_none();
    }
    Ok(any)
}

fn last_lines(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines
        .get(lines.len().saturating_sub(20)..)
        .unwrap_or_default()
        .join("\n")
}

fn pause(millis: u64) -> io::Result<()> {
    thread::sleep(Duration::from_millis(millis));
    Ok(())
}

fn well(_: &mut Site) -> io::Result<()> {
    Ok(())
}

fn killed(site: &mut Site) -> io::Result<()> {
    pause(1500)?;
    site.filter.kill()?;
    pause(300)?;
    site.filter.start_again()
}

fn ended(site: &mut Site) -> io::Result<()> {
    pause(1500)?;
    site.filter.terminate()?;
    pause(300)?;
    site.filter.start_again()
}

fn reloaded(site: &mut Site) -> io::Result<()> {
    site.filter.reload()?;
    pause(100)
}

fn redis_killed(site: &mut Site) -> io::Result<()> {
    pause(2000)?;
    if let Some(redis) = &mut site.redis {
        redis.kill()?;
        pause(2000)?;
        redis.start_again()?;
    }
    Ok(())
}

fn redis_paused(site: &mut Site) -> io::Result<()> {
    pause(2000)?;
    if let Some(redis) = &site.redis {
        redis.pause()?;
        pause(5000)?;
        redis.resume()?;
    }
    Ok(())
}

fn dns_broken(site: &mut Site, fault: dns::Fault) -> io::Result<()> {
    pause(2000)?;
    site.break_dns(Some(fault));
    pause(8000)?;
    site.break_dns(None);
    Ok(())
}

fn disk_full(site: &mut Site) -> io::Result<()> {
    pause(2000)?;
    site.disk.fill(true)?;
    pause(8000)?;
    site.disk.fill(false)
}

/// As a host that came up with a broken disk.
fn disk_read_only(site: &mut Site) -> io::Result<()> {
    pause(2000)?;
    site.filter.terminate()?;
    site.disk.read_only(true)?;
    site.filter.start_again()?;
    pause(8000)?;
    site.disk.read_only(false)
}

/// Everything behind its first page is overwritten, and what is not in it yet, under the daemon's feet. Once: the next
/// damaged file would wait for the administrator.
fn corrupted(site: &mut Site) -> io::Result<()> {
    pause(5000)?;
    if site.beside_database(".damaged").exists() {
        return Ok(());
    }
    for ending in ["", "-wal"] {
        let file = OpenOptions::new()
            .write(true)
            .open(site.beside_database(ending))?;
        let length = file.metadata()?.len().saturating_sub(4096);
        let garbage = usize::try_from(length).map_err(io::Error::other)?;
        file.write_all_at(&vec![0x5a; garbage], 4096)?;
    }
    pause(10_000)
}

/// The daemon has moved the broken file away, and says so.
fn moved_away(site: &mut Site) -> io::Result<()> {
    let told = "state.db.damaged, and a new one is made";
    if site.beside_database(".damaged").exists() && site.filter.log().contains(told) {
        return Ok(());
    }
    Err(io::Error::other("the broken file is still in its place"))
}

fn no_descriptors(site: &mut Site) -> io::Result<()> {
    pause(2000)?;
    site.filter.limit_descriptors(Some(1))?;
    pause(8000)?;
    site.filter.limit_descriptors(None)
}

/// A daemon whose clock jumps forth, back, and right again.
fn clock(site: &mut Site, step: i64) -> io::Result<()> {
    site.filter.set_clock(0)?;
    site.filter.terminate()?;
    site.filter.start_again()?;
    for offset in [step, 0, -step, 0] {
        pause(2500)?;
        site.filter.set_clock(offset)?;
    }
    pause(2500)
}

/// More lines than may wait: mail for hundreds of thousands of recipients a day is not logged in debug mode, so a stranger
/// helps.
fn log_held(site: &mut Site) -> io::Result<()> {
    pause(1000)?;
    site.filter.hold_log(true)?;
    for _ in 0..FLOOD {
        let mut stranger = Client::tcp(site.filter.address())?;
        stranger.connect("a.example", Peer::at(ELSEWHERE))?;
        stranger.helo("a.example")?;
        stranger.mail("x@pass.example", &[])?;
        for recipient in 0..100 {
            stranger.rcpt(&format!("r{recipient}@example.org"), &[])?;
        }
        stranger.quit()?;
    }
    pause(3000)?;
    site.filter.hold_log(false)
}
