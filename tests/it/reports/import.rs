//! Whose word a report is, and that it counts once.

use std::fs;

use lab::dns::{Fault, Scope, Server, Zone};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{Desk, gzip, mail, received, xml};
use crate::dkim::{record, signature_of};

fn server(runtime: &Runtime) -> Server {
    let zone = Zone::new()
        .txt("_dmarc.far.example", "v=DMARC1; p=none")
        .txt("_dmarc.strict.example", "v=DMARC1; p=none; adkim=s; aspf=s")
        .txt("s1._domainkey.far.example", record())
        .txt("s1._domainkey.bot.example", record())
        .fault(
            "s1._domainkey.silent.example",
            Scope::Every,
            Fault::Servfail,
        );
    runtime.block_on(Server::start(zone))
}

/// The reasons, and how many reports each leaves out.
fn left_out(found: &Value) -> Vec<(String, u64)> {
    let all = found["left_out"].as_array().unwrap();
    let pair = |one: &Value| {
        let reason = one["reason"].as_str().unwrap().to_owned();
        (reason, one["reports"].as_u64().unwrap())
    };
    all.iter().map(pair).collect()
}

#[test]
fn a_mail_is_believed_where_it_passes_dmarc_for_its_author() {
    let runtime = Runtime::new().unwrap();
    let dns = server(&runtime);
    let desk = Desk::new(dns.addr());
    let results = |words: &str| format!("Authentication-Results: mx.example.org;\r\n\t{words}\r\n");
    let of = |author: &str, id: &str| {
        let report = xml(
            author,
            id,
            "example.org",
            1,
            &[("203.0.113.9", 1, false, false, "")],
        );
        mail(author, id, &gzip(&report))
    };
    let signed = |domain: &str, mail: &str, canonicalization: &str, more: &str| {
        let signature = signature_of(mail, domain, canonicalization, more);
        format!("{signature}{mail}")
    };
    let border = received("mail.far.example");
    let below = "Received: from x (x [203.0.113.1]) by mail.far.example; Sat, 28 Nov 2026 05:59:00 +0000\r\n";
    let unproven = "neither our Authentication-Results nor a DKIM signature of its From: domain vouches for it";
    let failed = "DMARC failed when it came, as Authentication-Results says";
    let cases = [
        (
            "dmarc",
            results("dmarc=pass header.from=far.example") + &border + &of("far.example", "a1"),
            None,
        ),
        (
            "spf",
            results("spf=pass smtp.mailfrom=far.example") + &border + &of("far.example", "a2"),
            None,
        ),
        (
            "dkim",
            border.clone() + &results("dkim=pass header.d=far.example") + &of("far.example", "a3"),
            None,
        ),
        // In line only by what the domain publishes.
        (
            "spf below",
            results("spf=pass smtp.mailfrom=b@m.far.example") + &border + &of("far.example", "a4"),
            None,
        ),
        (
            "spf of another",
            results("spf=pass smtp.mailfrom=bot.example") + &border + &of("far.example", "a5"),
            Some(unproven),
        ),
        (
            "spf of HELO",
            results("spf=pass smtp.helo=far.example") + &border + &of("far.example", "a6"),
            Some(unproven),
        ),
        (
            "failed",
            results("dmarc=fail header.from=far.example") + &border + &of("far.example", "a7"),
            Some(failed),
        ),
        (
            "nothing",
            border.clone() + &of("far.example", "a8"),
            Some(unproven),
        ),
        // What a stranger wrote, who passed it on to the host that came to us.
        (
            "forged results",
            border.clone()
                + below
                + &results("dmarc=pass header.from=far.example")
                + &of("far.example", "a9"),
            Some(unproven),
        ),
        (
            "others' results",
            results("dmarc=pass header.from=far.example")
                .replace("mx.example.org", "mx.bot.example")
                + &border
                + &of("far.example", "a10"),
            Some(unproven),
        ),
        (
            "signed",
            border.clone()
                + &signed(
                    "far.example",
                    &of("far.example", "b1"),
                    "relaxed/relaxed",
                    "SignHeaders *,+Message-ID",
                ),
            None,
        ),
        (
            "signed as OpenDKIM comes",
            border.clone()
                + &signed(
                    "far.example",
                    &of("far.example", "c1"),
                    "relaxed/simple",
                    "",
                ),
            None,
        ),
        (
            "strict, and below",
            results(
                "spf=pass smtp.mailfrom=b@m.strict.example; dkim=pass header.d=m.strict.example",
            ) + &border
                + &of("strict.example", "c2"),
            Some(unproven),
        ),
        (
            "strict, and the same",
            results("spf=pass smtp.mailfrom=b@strict.example")
                + &border
                + &of("strict.example", "c3"),
            None,
        ),
        (
            "signed simply",
            border.clone()
                + &signed(
                    "far.example",
                    &of("far.example", "b2"),
                    "simple/simple",
                    "SignHeaders *,+Message-ID",
                ),
            None,
        ),
        (
            "signed, then altered",
            border.clone()
                + &signed(
                    "far.example",
                    &of("far.example", "b3"),
                    "relaxed/simple",
                    "SignHeaders *,+Message-ID",
                )
                .replace("A report.", "A report!"),
            Some(unproven),
        ),
        (
            "signed by another",
            border.clone()
                + &signed(
                    "bot.example",
                    &("Sender: x@bot.example\r\n".to_owned() + &of("far.example", "b4")),
                    "relaxed/simple",
                    "SenderHeaders Sender\nSignHeaders *,+Message-ID",
                ),
            Some(unproven),
        ),
        (
            "a key that does not answer",
            border.clone()
                + &signed(
                    "silent.example",
                    &of("silent.example", "b5"),
                    "relaxed/simple",
                    "SignHeaders *,+Message-ID",
                ),
            Some("DNS did not answer"),
        ),
        (
            "two authors",
            results("dmarc=pass header.from=far.example")
                + &border
                + &of("far.example", "b6").replace("From: Reports", "From: x@bot.example, Reports"),
            Some("its From: does not have one address"),
        ),
    ];
    for (number, (what, mail, why)) in cases.iter().enumerate() {
        let name = format!("mail{number}/cur/1.host:2,");
        // As it lies on a disk, mostly.
        let mail = if number % 2 == 0 {
            mail.replace("\r\n", "\n")
        } else {
            mail.clone()
        };
        desk.put(&name, mail);
        fs::create_dir_all(desk.path(&format!("mail{number}/new"))).unwrap();
        let found = desk.json(&["reports", "import", &format!("mail{number}")]);
        let expected = match why {
            None => (1, vec![]),
            Some(why) => (0, vec![((*why).to_owned(), 1)]),
        };
        assert_eq!(
            (found["new"].as_u64().unwrap(), left_out(&found)),
            expected,
            "{what}: {found}"
        );
        assert_eq!(
            (&found["mails"], &found["reports"]),
            (&json!(1), &json!(1)),
            "{what}"
        );
    }
    // All of it again, as one that runs every day does.
    let folders: Vec<_> = (0..cases.len())
        .map(|number| format!("mail{number}"))
        .collect();
    let arguments: Vec<&str> = ["reports", "import"]
        .into_iter()
        .chain(folders.iter().map(String::as_str))
        .collect();
    let again = desk.json(&arguments);
    let believed = cases.iter().filter(|(_, _, why)| why.is_none()).count();
    assert_eq!(
        (&again["new"], &again["known"]),
        (&json!(0), &json!(believed)),
        "{again}"
    );
}

#[test]
fn what_is_no_report_of_ours_costs_a_line() {
    let runtime = Runtime::new().unwrap();
    let dns = server(&runtime);
    let desk = Desk::new(dns.addr());
    let trusted = "Authentication-Results: mx.example.org; dmarc=pass header.from=far.example\r\n"
        .to_owned()
        + &received("mail.far.example");
    let report = |about: &str, days| {
        let text = xml(
            "far.example",
            "1",
            about,
            days,
            &[("203.0.113.9", 1, false, false, "")],
        );
        trusted.clone() + &mail("far.example", "1", &gzip(&text))
    };
    let bad = |octets: &[u8]| trusted.clone() + &mail("far.example", "1", octets);
    let bomb = gzip(&"<!-- -->".repeat(6 << 20));
    let mails = [
        ("good", report("example.org", 1)),
        ("another_domain", report("elsewhere.example", 1)),
        ("old", report("example.org", 100)),
        ("broken", bad(&gzip("<feedback>"))),
        (
            "nested",
            bad(&gzip(&String::from_utf8_lossy(b"PK\x03\x04"))),
        ),
        ("bomb", bad(&bomb)),
        ("escape", bad(&gzip("<feedback></\x1b[2J>"))),
        (
            "talk",
            "From: a@far.example\r\nSubject: hello\r\n\r\nHello.\r\n".to_owned(),
        ),
    ];
    for (name, mail) in &mails {
        desk.put(&format!("box/{name}.eml"), mail);
    }
    // What is there counts once, in whatever it comes.
    desk.put(
        "box/mbox.eml",
        format!(
            "From x@y Mon Jan  1 00:00:00 2024\n{}\n",
            mails[0].1.replace("\r\n", "\n")
        ),
    );
    let dry = desk.json(&["reports", "import", "--dry-run", "box"]);
    assert_eq!(
        (&dry["new"], &dry["dry_run"]),
        (&Value::Null, &json!(true)),
        "{dry}"
    );
    assert!(!desk.path("state.db").exists());
    let output = desk.run(&["reports", "import", "box"]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    for line in [
        "box/bomb.eml: it unpacks to more than 40 MiB, as no report does",
        "box/broken.eml: its XML ends early",
        "box/escape.eml: its XML is broken: ",
        "box/nested.eml: there is an archive within the archive",
    ] {
        assert!(
            said.lines().any(|one| one.starts_with(line)),
            "{line}: {said}"
        );
    }
    assert_eq!(said.lines().count(), 4, "{said}");
    assert!(!said.contains('\x1b'), "{said}");
    let text = String::from_utf8(output.stdout).unwrap();
    for words in [
        "9 mails, 1 of them without a DMARC report; 0 files; broken or unreadable: 4",
        "reports: 4\n",
        "        1  new in the store\n",
        "        1  in the store already\n",
        "        1  left out: it is about a domain that is not in local.domains\n",
        "        1  left out: its period is over for more than 90 days\n",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    // What is not there is told before anything is written.
    let output = desk.run(&["reports", "import", "box", "missing"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("missing: No such file"),
        "{output:?}"
    );
}

#[test]
fn files_without_a_mail_count_where_they_are_trusted() {
    let runtime = Runtime::new().unwrap();
    let dns = server(&runtime);
    let desk = Desk::new(dns.addr());
    let text = xml(
        "far.example",
        "1",
        "example.org",
        1,
        &[("203.0.113.9", 1, false, false, "")],
    );
    desk.put("files/a.xml.gz", gzip(&text));
    desk.put("files/b.xml", text.replace("<report_id>1", "<report_id>2"));
    desk.put("files/c.xml", text.replace("dmarc@far.example", ""));
    let found = desk.json(&["reports", "import", "files"]);
    let why = "it is a file without a mail, and nobody vouches for it; use --trust if you do";
    assert_eq!(
        (&found["new"], left_out(&found)),
        (&json!(0), vec![(why.to_owned(), 3)]),
        "{found}"
    );
    let found = desk.json(&["reports", "import", "--trust", "files"]);
    let why = "it names no address of its reporter";
    assert_eq!(
        (&found["new"], left_out(&found)),
        (&json!(2), vec![(why.to_owned(), 1)]),
        "{found}"
    );
    // Mail is not trusted by that.
    desk.put(
        "mail.eml",
        received("mail.far.example") + &mail("far.example", "3", &gzip(&text)),
    );
    let found = desk.json(&["reports", "import", "--trust", "mail.eml"]);
    assert_eq!(
        (&found["new"], &found["known"]),
        (&json!(0), &json!(0)),
        "{found}"
    );
}
