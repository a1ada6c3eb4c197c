//! Measures `backstop reports import` on a mailbox of DMARC reports: `reports [REPORTS] [BACKSTOP]`, ten thousand unless said
//! otherwise, of fifty reporters over thirty days. Most have up to forty records, each hundredth has two thousand; they are
//! packed by gzip. Exit codes: 0 measured, 1 not, 64 usage.

use std::{
    env,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Instant, SystemTime},
};

use data_encoding::BASE64;
use flate2::{Compression, write::GzEncoder};
use load::process::largest_child;

const DAY: u64 = 86_400;
const REPORTERS: u64 = 50;
const DAYS: u64 = 30;

fn main() -> ExitCode {
    let (mut reports, mut backstop) = (10_000, PathBuf::from("target/release/backstop"));
    for argument in env::args().skip(1) {
        match argument.parse() {
            Ok(number) => reports = number,
            Err(_) if Path::new(&argument).is_file() => backstop = argument.into(),
            Err(_) => {
                eprintln!(
                    "reports: {argument} is neither a number nor a file; expected: reports [REPORTS] [BACKSTOP]"
                );
                return ExitCode::from(64);
            }
        }
    }
    match measure(reports, &backstop) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reports: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(reports: u64, backstop: &Path) -> io::Result<()> {
    let folder = tempfile::tempdir_in("target")?;
    let path = |name: &str| folder.path().join(name);
    let mailbox = path("mbox");
    let records = write(reports, &mailbox)?;
    let octets = fs::metadata(&mailbox)?.len();
    println!(
        "{reports} reports, {records} records, an mbox of {} MB",
        octets >> 20
    );
    let config = path("milter.yaml");
    let store = path("state.db");
    fs::write(
        &config,
        format!(
            "local: {{domains: [example.org]}}\nstore: sqlite:{}\ndns: {{nameservers: ['127.0.0.1:9'], timeout: 100ms, budget: 200ms}}\n",
            store.display()
        ),
    )?;
    let mailbox = mailbox.display().to_string();
    for what in [
        &["reports", "import", "--dry-run", &mailbox][..],
        &["reports", "import", &mailbox],
        &["reports", "import", &mailbox],
        &["report", "senders", "--no-dns"],
    ] {
        let begun = Instant::now();
        let mut command = Command::new(backstop);
        command.args(what).arg("--config").arg(&config);
        let output = command.output()?;
        let took = begun.elapsed();
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(why));
        }
        let rss = largest_child()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let said: Vec<&str> = said.lines().take(5).collect();
        let seconds = took.as_secs_f64();
        println!(
            "{}: {seconds:.1} s, at most {rss} MB\n{}",
            what.join(" "),
            said.join("\n")
        );
    }
    println!("the store has {} MB", fs::metadata(store)?.len() >> 20);
    Ok(())
}

/// Writes the mbox, and gives how many records it has.
fn write(reports: u64, mailbox: &Path) -> io::Result<u64> {
    let today = SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_secs()
        / DAY;
    let mut file = BufWriter::with_capacity(1 << 20, File::create(mailbox)?);
    let mut all = 0;
    for number in 0..reports {
        let reporter = format!("r{}.example", number % REPORTERS);
        let begin = (today - 1 - number / REPORTERS % DAYS) * DAY;
        let records = match number % 100 {
            0 => 2_000,
            other => 1 + other * 7 % 40,
        };
        all += records;
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        report(&mut packed, &reporter, number, begin, records)?;
        let encoded = BASE64.encode(&packed.finish()?);
        write!(
            file,
            "From d@{reporter} Sat Nov 28 06:00:01 2026\nAuthentication-Results: mx.example.org; dmarc=pass header.from={reporter}\n\
             Received: from mail.{reporter} (mail.{reporter} [198.51.100.9]) by mx.example.org (Postfix) with ESMTPS id 4dYA1;\n\
             \tSat, 28 Nov 2026 06:00:01 +0000 (UTC)\nFrom: Reports <d@{reporter}>\nTo: dmarc@example.org\n\
             Subject: Report Domain: example.org\nMessage-ID: <{number}@{reporter}>\nMIME-Version: 1.0\n\
             Content-Type: application/gzip\nContent-Transfer-Encoding: base64\n\n"
        )?;
        for line in encoded.as_bytes().chunks(76) {
            file.write_all(line)?;
            file.write_all(b"\n")?;
        }
        file.write_all(b"\n")?;
    }
    file.flush()?;
    Ok(all)
}

fn report(
    into: &mut impl Write,
    reporter: &str,
    number: u64,
    begin: u64,
    records: u64,
) -> io::Result<()> {
    let end = begin + DAY - 1;
    write!(
        into,
        "<?xml version=\"1.0\"?>\n<feedback><report_metadata><org_name>{reporter}</org_name><email>d@{reporter}</email>\
         <report_id>{number}</report_id><date_range><begin>{begin}</begin><end>{end}</end></date_range></report_metadata>\
         <policy_published><domain>example.org</domain><adkim>r</adkim><aspf>r</aspf><p>none</p></policy_published>\n"
    )?;
    for record in 0..records {
        // Some hosts in many reports, and many in few.
        let host = (number * 31 + record * 97) % 40_000;
        let (third, fourth) = (host / 256 % 256, host % 256);
        writeln!(
            into,
            "<record><row><source_ip>203.0.{third}.{fourth}</source_ip><count>{}</count><policy_evaluated>\
             <disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row><identifiers>\
             <header_from>example.org</header_from></identifiers><auth_results><dkim><domain>example.org</domain>\
             <selector>s1</selector><result>fail</result></dkim><spf><domain>example.org</domain><result>fail</result></spf>\
             </auth_results></record>",
            1 + record % 50
        )?;
    }
    into.write_all(b"</feedback>\n")
}
