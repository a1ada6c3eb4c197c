//! Headers that only we may write, in what a stranger sent.

use lab::milter::{Client, Outcome, Reply, wire::command};

use super::{ENFORCE, SENDER, Stage, assert_refused, deleted, headers, inserted, introduce};

/// A session with an MTA of this name.
fn session(stage: &Stage, name: &str) -> Client {
    let mut client = stage.client();
    client.macros(command::CONNECT, &[("j", name)]).unwrap();
    introduce(&mut client, SENDER);
    client
}

fn outcome(client: &mut Client, rcpt: &str, lines: &str) -> Outcome {
    client.mail("a@pass.example", &[]).unwrap();
    assert_eq!(client.rcpt(rcpt, &[]).unwrap(), Reply::Continue);
    assert_eq!(headers(client, lines).unwrap(), Reply::Continue);
    let outcome = client.eom().unwrap();
    assert_eq!(outcome.reply, Reply::Continue);
    outcome
}

const FORGED: &str = "\
X-BACKSTOP: verdict=accept
Received-SPF: pass (mx.example.org: forged)
Authentication-Results: other.example; spf=pass
x-backstop-note: one
X-Backstop: verdict=accept
Authentication-Results: MX.Example.ORG; spf=pass
AUTHENTICATION-results:
\t(a (nested) comment) \"mx.example.org\" 1; dkim=pass
Authentication-Results: mx.example.org.other.example; spf=pass
X-Backstop-Note: two
\tand a fold
Old-Authentication-Results: mx.example.org; spf=pass
Authentication-Results: mx.example.org
X-Back: stop";

/// From the bottom up, so that no deletion moves what is deleted next; counted as the MTA counts, by the name in
/// whatever case.
#[test]
fn forgeries_are_taken_out_and_what_is_foreign_stays() {
    let stage = Stage::set(ENFORCE);
    let mut client = session(&stage, "mx.example.org");
    let outcome = outcome(&mut client, "joe@example.org", FORGED);
    let names: Vec<_> = deleted(&outcome)
        .into_iter()
        .map(|(name, index)| (name.to_lowercase(), index))
        .collect();
    let expected = [
        ("authentication-results", 5),
        ("x-backstop-note", 2),
        ("authentication-results", 3),
        ("authentication-results", 2),
        ("x-backstop", 2),
        ("x-backstop-note", 1),
        ("x-backstop", 1),
    ];
    assert_eq!(
        names,
        expected.map(|(name, index)| (name.to_owned(), index))
    );
    assert_eq!(
        inserted(&outcome),
        [
            "Received-SPF",
            "Received-SPF",
            "Authentication-Results",
            "X-Backstop"
        ]
    );
    assert!(outcome.added("Authentication-Results")[0].starts_with("mx.example.org; spf=pass"));
}

#[test]
fn our_name_is_the_one_that_the_file_gives() {
    let stage = Stage::set(
        "mode: enforce\nlocal: {domains: [example.org], authserv_id: results.example.org}\n",
    );
    let mut client = session(&stage, "mx1.example.org");
    let lines = "Authentication-Results: mx1.example.org; spf=pass\n\
                 Authentication-Results: results.example.org; spf=pass";
    let outcome = outcome(&mut client, "joe@example.org", lines);
    assert_eq!(
        deleted(&outcome),
        [("Authentication-Results".to_owned(), 2)]
    );
    let results = &outcome.added("Authentication-Results")[0];
    assert!(
        results.starts_with("results.example.org; spf=pass"),
        "{results}"
    );
    // SPF tells of the host.
    assert!(outcome.added("Received-SPF")[0].contains("receiver=mx1.example.org"));
}

/// A stranger who writes a thousand of them must not get the next one through; not by a recipient who gets everything
/// either.
#[test]
fn more_forgeries_than_can_be_taken_out_are_not_let_in() {
    let stage = Stage::set(ENFORCE);
    let mut client = session(&stage, "mx.example.org");
    let forged = |count: usize| "X-Backstop: verdict=accept\n".repeat(count);
    let outcome = outcome(&mut client, "joe@example.org", &forged(1000));
    let indexes: Vec<_> = deleted(&outcome).iter().map(|(_, index)| *index).collect();
    assert_eq!(indexes, (1..=1000).rev().collect::<Vec<_>>());
    for rcpts in [
        &["joe@example.org"][..],
        &["postmaster@example.org"],
        &["joe@example.org", "postmaster@example.org"],
    ] {
        client.mail("a@pass.example", &[]).unwrap();
        for rcpt in rcpts {
            client.rcpt(rcpt, &[]).unwrap();
        }
        assert_refused(headers(&mut client, &forged(1001)), "451 4.7.1 ");
    }
    // Monitoring refuses nothing, and tells.
    let stage = Stage::set("mode: monitor\nlocal: {domains: [example.org]}\n");
    let mut client = session(&stage, "mx.example.org");
    let outcome = self::outcome(&mut client, "joe@example.org", &forged(1001));
    assert_eq!(deleted(&outcome).len(), 1000);
    let told = outcome.added("X-Backstop").concat();
    assert!(
        told.starts_with("verdict=tag reason=forged_headers would=tempfail;"),
        "{told}"
    );
    stage.serves();
}

/// Those above the bound of what is judged are found all the same, and their numbers are right.
#[test]
fn forgeries_are_found_below_thousands_of_headers() {
    let stage = Stage::set(ENFORCE);
    let mut client = session(&stage, "mx.example.org");
    let mut lines = "X-Filler: x\n".repeat(5000);
    lines.push_str(
        "Authentication-Results: other.example; none\n"
            .repeat(20)
            .as_str(),
    );
    lines.push_str("Authentication-Results: mx.example.org; none\nX-Backstop: forged\n");
    let outcome = outcome(&mut client, "joe@example.org", &lines);
    assert_eq!(
        deleted(&outcome),
        [
            ("X-Backstop".to_owned(), 1),
            ("Authentication-Results".to_owned(), 21)
        ]
    );
}
