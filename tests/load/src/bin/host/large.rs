//! A file of many domains: how long a start and a reload take, and how much memory.

use std::{
    fs, io,
    thread::sleep,
    time::{Duration, Instant},
};

use lab::{backstop::Backstop, mta, process::wait_until};
use load::{
    mta::{Load, Target},
    process::usage,
    spread::Spread,
};

use super::{Options, domain, site};

/// How long a reload may take before this gives up.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn measure(options: &Options) -> io::Result<()> {
    let empty = resident(options, 1)?;
    println!("one domain in the file: {empty:.1} MB resident");
    let full = resident(options, options.listed)?;
    println!(
        "{} domains in the file: {full:.1} MB resident",
        options.listed
    );
    Ok(())
}

/// The memory after a second of mail to many domains, beside the times of starts and reloads.
fn resident(options: &Options, domains: usize) -> io::Result<f64> {
    let program = options.backstop.canonicalize()?;
    let (mut starts, mut reloads, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        let folder = mta::folder()?;
        let list = folder.path().join("domains");
        site::write_list(&list, domains)?;
        let named = format!("[{{file: {}}}]", list.display());
        let yaml = site::yaml(folder.path(), &named, "[]");
        let target = Target::Unix(folder.path().join("socket"));
        let begun = Instant::now();
        let daemon = Backstop::start_in(&program, &yaml, folder)?;
        starts.push(begun.elapsed().as_secs_f64() * 1000.0);
        let mails =
            site::mails((0..domains.min(2_000)).map(|number| format!("info@{}", domain(number))));
        let load = Load {
            target: &target,
            mails: &mails,
            connections: 100,
            messages: 1,
            rate: None,
        };
        load.run(Duration::from_secs(1))?;
        let before = count(&daemon, "reloaded ");
        let begun = Instant::now();
        daemon.reload()?;
        wait_until(PATIENCE, || Ok(count(&daemon, "reloaded ") > before))?;
        reloads.push(begun.elapsed().as_secs_f64() * 1000.0);
        // What a reload held twice is given back within seconds.
        sleep(Duration::from_secs(12));
        memory.push(megabytes(usage(daemon.id())?.rss));
        if domains == 1 {
            break;
        }
    }
    for (what, times) in [("start", &starts), ("reload", &reloads)] {
        if let Some(Spread { median, min, max }) = Spread::of(times) {
            println!("{domains} domains: {what} {median:.0} ms ({min:.0}–{max:.0})");
        }
    }
    Ok(Spread::of(&memory).map_or(0.0, |spread| spread.max))
}

fn count(daemon: &Backstop, text: &str) -> usize {
    let log = fs::read_to_string(daemon.folder().join("log")).unwrap_or_default();
    log.matches(text).count()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "memory in KiB is far below 2^53"
)]
fn megabytes(kib: u64) -> f64 {
    kib as f64 * 1024.0 / 1e6
}
