//! What came of the acts, compared with what is expected.

use std::{
    collections::HashMap,
    io::{self, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use super::{
    acts::INVENTED,
    layout::{Service, Site},
    mta::Who,
    play::Seen,
    world::World,
};
use crate::process::wait_until;

/// Refused recipients of `counted.test`, and accepted ones.
const COUNTED: (usize, usize) = (5, 20);

/// What is not as expected.
pub(super) fn wrong(
    world: &World,
    decisions: &mut Decisions,
    seen: &Seen,
    limit: Instant,
) -> io::Result<Option<String>> {
    let place = &seen.place;
    // The last ones may not be written yet.
    let is_told = !seen.expected.ends_with(" - -");
    while is_told && decisions.of(seen).is_none() && Instant::now() < limit {
        thread::sleep(Duration::from_millis(20));
        *decisions = Decisions::read(world);
    }
    let line = decisions.of(seen).unwrap_or_default();
    let found = format!(
        "{} {} {}",
        seen.codes,
        field(line, "verdict"),
        field(line, "reason")
    );
    if found != seen.expected {
        let expected = &seen.expected;
        return Ok(Some(format!("{place}: {found}; expected {expected}")));
    }
    for mailbox in &seen.boxes {
        let mut copies = Vec::new();
        let waited = wait_until(left(limit), || {
            copies = world.mta.copies(mailbox, &seen.id)?;
            Ok(!copies.is_empty())
        });
        let [copy] = copies.as_slice() else {
            let count = copies.len();
            let log = world.mta.log_of(&seen.id);
            return Ok(Some(format!(
                "{place}: {count} copies in {mailbox} ({waited:?})\n{log}"
            )));
        };
        let headers = copy.replace("\r\n", "\n");
        let headers = headers.split("\n\n").next().unwrap_or_default();
        if headers.contains(INVENTED) {
            return Ok(Some(format!(
                "{place}: forged headers in {mailbox}: {headers}"
            )));
        }
        if !headers.contains("\nX-Backstop: verdict=") {
            return Ok(Some(format!(
                "{place}: no X-Backstop in {mailbox}: {headers}"
            )));
        }
    }
    Ok(None)
}

fn left(limit: Instant) -> Duration {
    limit.saturating_duration_since(Instant::now())
}

/// The decision lines, by what the client called itself.
pub(super) struct Decisions(HashMap<String, Vec<String>>);

impl Decisions {
    pub(super) fn read(world: &World) -> Self {
        let mut lines: HashMap<_, Vec<_>> = HashMap::new();
        for line in world.backstop.log().lines() {
            if line.contains(" verdict=") {
                let ours = lines.entry(field(line, "helo")).or_default();
                ours.push(line.to_owned());
            }
        }
        Self(lines)
    }

    fn of(&self, seen: &Seen) -> Option<&str> {
        let rcpt = format!(" rcpt=<{}> ", seen.rcpt);
        let line = match self.0.get(&seen.helo)?.as_slice() {
            // What is tagged is named as the MTA names it.
            [line] => Some(line),
            lines => lines
                .iter()
                .filter(|line| line.contains(&rcpt))
                .nth(seen.before),
        };
        line.map(String::as_str)
    }
}

/// A field of the decision line: values hold no blanks.
fn field(line: &str, name: &str) -> String {
    line.split(' ')
        .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        .unwrap_or("-")
        .to_owned()
}

/// What is counted as refused by the MTA is what it refused: in all, and by the siege of a domain that all its recipients
/// are resolved to `error` in.
pub(super) fn counts(world: &World) -> io::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut client = world.mta.connect(Service::Listed, Who::Stranger(200))?;
    client.ehlo("counted.helo.example")?;
    let (refused, accepted) = COUNTED;
    for number in 0..refused + accepted {
        client.mail("")?;
        let to = if number < refused {
            format!("nosuch{number}@counted.test")
        } else {
            "info@counted.test".to_owned()
        };
        client.rcpt(&to)?;
        client.rset()?;
    }
    client.quit()?;
    // What Postfix bounces itself it hands in where internal_mail_filter_classes says so, as mail of its own.
    let log = world.backstop.log();
    let is_own =
        |line: &&str| line.contains(" mail_from=<> ") && line.contains(" reason=outgoing_local ");
    let own = log.lines().filter(is_own).count();
    let expected = match world.site {
        Site::PostfixDash => world.site.layouts().len(),
        _ => 0,
    };
    if own != expected {
        wrong.push(format!("{own} bounces are outgoing; expected {expected}"));
    }
    let series = [
        (
            r#"backstop_backscatter_per_minute{domain="counted.test"}"#,
            // A LUSER_RELAY takes them.
            if world.site == Site::SendmailLuser {
                0
            } else {
                refused
            },
        ),
        (
            r#"backstop_verdicts_total{verdict="accept",reason="refused_by_mta",would="none"}"#,
            world.mta.refused(),
        ),
    ];
    for (name, expected) in series {
        let mut found = String::new();
        let waited = wait_until(Duration::from_secs(10), || {
            let page = metrics(world)?;
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            // What never came is not there.
            found = line.unwrap_or("0").trim().to_owned();
            Ok(found.trim_end_matches(".0") == expected.to_string())
        });
        if waited.is_err() {
            wrong.push(format!("{name} is {found}, and the MTA refused {expected}"));
        }
    }
    Ok(wrong)
}

fn metrics(world: &World) -> io::Result<String> {
    let mut stream = TcpStream::connect(world.http)?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n")?;
    let mut page = String::new();
    stream.read_to_string(&mut page)?;
    Ok(page)
}
