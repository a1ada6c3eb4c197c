//! Measures `backstop ledger import` on a month of a busy host: `import [MESSAGES] [BACKSTOP]`, two million unless said
//! otherwise. The log is that of Postfix, in four files of a week; three are compressed. Of the messages, half were sent by
//! users, a quarter of those through a content filter; half came from strangers. Exit codes: 0 measured, 1 not, 64 usage.

use std::{
    env,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::{Duration, Instant, SystemTime},
};

use load::process::largest_child;

const WEEKS: u64 = 4;
const WEEK: u64 = 7 * 86_400;

fn main() -> ExitCode {
    let (mut messages, mut backstop) = (2_000_000, PathBuf::from("target/release/backstop"));
    for argument in env::args().skip(1) {
        match argument.parse() {
            Ok(number) => messages = number,
            Err(_) if Path::new(&argument).is_file() => backstop = argument.into(),
            Err(_) => {
                eprintln!(
                    "import: {argument} is neither a number nor a file; expected: import [MESSAGES] [BACKSTOP]"
                );
                return ExitCode::from(64);
            }
        }
    }
    match measure(messages, &backstop) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("import: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(messages: u64, backstop: &Path) -> io::Result<()> {
    let folder = tempfile::tempdir_in("target")?;
    let path = |name: &str| folder.path().join(name);
    let (logs, lines, octets) = write(messages, folder.path())?;
    println!(
        "{messages} messages, {lines} lines, {} MB, three of four files compressed",
        octets >> 20
    );
    let keys = path("keys");
    let made = Command::new(backstop)
        .args(["keygen", "--file"])
        .arg(&keys)
        .output()?;
    if !made.status.success() {
        return Err(io::Error::other(
            String::from_utf8_lossy(&made.stderr).into_owned(),
        ));
    }
    let config = path("milter.yaml");
    fs::write(
        &config,
        format!(
            "local: {{domains: [example.org], networks: [127.0.0.0/8, 10.0.0.0/8]}}\n\
             proof: {{key_file: {}, ledger: {{remember: true}}}}\nstore: sqlite:{}\n",
            keys.display(),
            path("state.db").display()
        ),
    )?;
    for what in [&["--dry-run"][..], &[], &[]] {
        let begun = Instant::now();
        let output = Command::new(backstop)
            .arg("--config")
            .arg(&config)
            .args(["ledger", "import"])
            .args(what)
            .args(&logs)
            .output()?;
        let took = begun.elapsed();
        if !output.status.success() {
            return Err(io::Error::other(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ));
        }
        let rss = largest_child()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        println!(
            "{what:?}: {:.1} s, at most {rss} MB\n{said}",
            took.as_secs_f64()
        );
    }
    let store = fs::metadata(path("state.db"))?.len();
    println!("the store has {} MB", store >> 20);
    Ok(())
}

/// The files, the oldest first, how many lines they have, and how many octets before they are compressed.
fn write(messages: u64, folder: &Path) -> io::Result<(Vec<PathBuf>, u64, u64)> {
    let now = SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_secs();
    let begin = now - WEEKS * WEEK;
    let (mut files, mut lines, mut octets) = (Vec::new(), 0, 0);
    let mut rest = Vec::new();
    for week in 0..WEEKS {
        let path = folder.join(format!("mail.log.{}", WEEKS - week));
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let (first, last) = (messages * week / WEEKS, messages * (week + 1) / WEEKS);
        for number in first..last {
            let at = begin + number * WEEKS * WEEK / messages;
            let stamp =
                humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + Duration::from_secs(at))
                    .to_string();
            let stamp = stamp.trim_end_matches('Z');
            // The end of each stands between the lines of the next.
            let mut now: Vec<String> = std::mem::take(&mut rest);
            let all = message(number);
            let (front, back) = all.split_at(all.len() / 2);
            now.extend_from_slice(front);
            rest = back.to_vec();
            for line in now {
                let line = format!("{stamp}.123456+00:00 mx {line}\n");
                file.write_all(line.as_bytes())?;
                lines += 1;
                octets += line.len() as u64;
            }
        }
        file.flush()?;
        drop(file);
        if week + 1 < WEEKS
            && Command::new("gzip")
                .arg("-1")
                .arg(&path)
                .status()?
                .success()
        {
            files.push(path.with_extension(format!("{}.gz", WEEKS - week)));
        } else {
            files.push(path);
        }
    }
    Ok((files, lines, octets))
}

fn message(number: u64) -> Vec<String> {
    let id = format!("4{:011X}", number * 2);
    let (user, far) = (number % 977, number % 7919);
    let from_user = number.is_multiple_of(2);
    let client = match number % 8 {
        0 | 2 => format!(
            "pc{user}.example.net[203.0.113.{}], sasl_method=PLAIN, sasl_username=user{user}",
            user % 256
        ),
        4 | 6 => format!("pc{user}.lan[10.0.0.{}]", user % 256),
        _ => format!("mail.far{far}.example[198.51.100.{}]", far % 256),
    };
    let (sender, recipient) = match from_user {
        true => (
            format!("user{user}@example.org"),
            format!("somebody@far{far}.example"),
        ),
        false => (
            format!("somebody@far{far}.example"),
            format!("user{user}@example.org"),
        ),
    };
    let domain = sender.split('@').nth(1).unwrap_or_default();
    let mid = format!("{number:08x}.20261101120000.{user}@{domain}");
    let host = client.split(',').next().unwrap_or_default().to_owned();
    let mut lines = vec![
        format!("postfix/smtpd[4711]: connect from {host}"),
        format!("postfix/smtpd[4711]: {id}: client={client}"),
        format!("postfix/cleanup[4712]: {id}: message-id=<{mid}>"),
        format!(
            "postfix/qmgr[815]: {id}: from=<{sender}>, size={}, nrcpt=1 (queue active)",
            1000 + far
        ),
        format!(
            "postfix/smtpd[4711]: disconnect from {host} ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=8"
        ),
    ];
    let delivered = |id: &str, relay: &str, answer: &str| {
        format!(
            "postfix/smtp[4713]: {id}: to=<{recipient}>, relay={relay}, delay=0.52, delays=0.12/0.01/0.19/0.2, dsn=2.0.0, status=sent ({answer})"
        )
    };
    let far_relay = format!("mail.far{far}.example[198.51.100.{}]:25", far % 256);
    if number.is_multiple_of(8) {
        let back = format!("4{:011X}", number * 2 + 1);
        let answer =
            format!("250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as {back}");
        lines.extend([
            "postfix/smtpd[4720]: connect from localhost[127.0.0.1]".to_owned(),
            format!("postfix/smtpd[4720]: {back}: client=localhost[127.0.0.1]"),
            format!("postfix/cleanup[4712]: {back}: message-id=<{mid}>"),
            format!(
                "postfix/qmgr[815]: {back}: from=<{sender}>, size={}, nrcpt=1 (queue active)",
                1500 + far
            ),
            delivered(&id, "127.0.0.1[127.0.0.1]:10024", &answer),
            format!("postfix/qmgr[815]: {id}: removed"),
            delivered(&back, &far_relay, "250 2.0.0 Ok: queued as 9F00D1234"),
            format!("postfix/qmgr[815]: {back}: removed"),
        ]);
    } else {
        let relay = if from_user {
            far_relay.as_str()
        } else {
            "mx.example.org[private/dovecot-lmtp]"
        };
        lines.push(format!("postfix/smtp[4713]: Trusted TLS connection established to {relay}: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)"));
        lines.push(delivered(&id, relay, "250 2.0.0 Ok: queued as 9F00D1234"));
        lines.push(format!("postfix/qmgr[815]: {id}: removed"));
    }
    lines
}
