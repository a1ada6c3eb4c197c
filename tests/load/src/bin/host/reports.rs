//! Reports of many domains, each of which got bounces and sent mail every day.

use std::{
    fs, io,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lab::{
    backstop::Backstop,
    mta,
    process::{run, wait_until},
};
use load::process::largest_child;

use super::{Options, site};

/// How many days there are in the store, and how many hours of the last of them.
const DAYS: u64 = 30;
const HOURS: u64 = 48;
const PATIENCE: Duration = Duration::from_secs(20);

pub fn measure(options: &Options) -> io::Result<()> {
    let folder = mta::folder()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (list, store, pages) = (path("domains"), path("state.db"), path("html"));
    site::write_list(list.as_ref(), options.domains)?;
    let yaml = format!(
        "{}store: 'sqlite:{store}'\n",
        site::yaml(folder.path(), &format!("[{{file: {list}}}]"), "[]")
    );
    // It makes the tables.
    let mut daemon = Backstop::start_in(&options.backstop.canonicalize()?, &yaml, folder)?;
    wait_until(PATIENCE, || Ok(fs::metadata(&store).is_ok()))?;
    daemon.stop()?;
    fill(&store, options.domains)?;
    println!(
        "reports of {} domains over {DAYS} days: a store of {} MB",
        options.domains,
        fs::metadata(&store)?.len() >> 20
    );
    for arguments in [
        &["tenants", "--days", "7"][..],
        &["tenants", "--days", "30"],
        &["coverage", "--days", "30"],
        &["--since", "7d", "--html-dir", &pages],
    ] {
        let begun = Instant::now();
        let mut command = Command::new(&options.backstop);
        command.arg("report").args(arguments).arg("--config");
        run(command.arg(daemon.config()).stdout(Stdio::null()))?;
        let seconds = begun.elapsed().as_secs_f64();
        let rss = largest_child()?;
        println!(
            "report {}: {seconds:.1} s, at most {rss} MB",
            arguments.join(" ")
        );
    }
    Ok(())
}

/// Two outcomes of bounces for each domain and day, and one for each of the last hours; its outgoing mail; and of each hour
/// 250 hosts and networks.
fn fill(store: &str, domains: usize) -> io::Result<()> {
    let name = super::domain(0).replacen('0', "%d", 1);
    // Debian's Python writes it: what is measured only reads.
    let script = format!(
        "import sqlite3, time\n\
         day = int(time.time()) // 86400\n\
         days, hours = range(day - {DAYS} + 1, day + 1), range(day * 24 - {HOURS}, day * 24)\n\
         names = ['{name}' % n for n in range({domains})]\n\
         fates = [('refused', 'never_sends'), ('accepted', 'nothing_found')]\n\
         db = sqlite3.connect('{store}')\n\
         db.executemany('INSERT INTO attack_days VALUES (?,?,?,?,?)',\n\
             ((d, n, *f, 1 + (d * 31 + i) % 50) for d in days for i, n in enumerate(names) for f in fates))\n\
         db.executemany('INSERT INTO attack VALUES (?,?,?,?,?,?)',\n\
             ((h, 'reason', n, *fates[0], 2) for h in hours for n in names))\n\
         db.executemany('INSERT INTO attack VALUES (?,?,?,?,?,?)',\n\
             ((h, k, names[(h * 7 + i) % len(names)], 'refused', t % i, 3)\n\
              for h in hours for k, t in (('host', 'mx%d.example'), ('network', '192.0.%d.0/24')) for i in range(250)))\n\
         db.executemany('INSERT INTO coverage VALUES (?,?,?,?,?)',\n\
             ((d, 'outgoing', n, o, 20) for d in days for n in names for o in ('message', 'provable')))\n\
         db.commit()\n"
    );
    run(Command::new("python3")
        .arg("-c")
        .arg(script)
        .stdin(Stdio::null()))?;
    Ok(())
}
