//! Sessions that are more than one message with one recipient, and what befalls Backstop meanwhile; through both MTAs.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::{
    process::wait_until,
    smtp::{Client, Reply},
};

use crate::site::{Letter, Mta, Site, codes, through_both};

through_both! {
    many_messages_in_one_connection
    a_pipelined_session_of_twenty_recipients
    a_callout
    unknown_recipients_cost_no_dns
    a_discarded_recipient_gets_nothing_and_the_others_do
    ipv6
    a_long_explanation
    odd_addresses
    a_stopped_backstop_loses_nothing
    restarts_lose_nothing
    a_message_held_open_delays_no_end_and_loses_nothing
    a_reload_between_two_messages
    a_reload_that_fails
    thirty_sessions_at_a_time
}

const OK: &str = "250 2.1.5";
const SENDER: &str = "bob@friend.example";

/// Each message is judged for itself: what came before, its refusals included, leaves no trace.
fn many_messages_in_one_connection<M: Mta>() {
    let site = Site::<M>::start();
    let mut client = site.friend();
    for _ in 0..3 {
        client.mail("").unwrap();
        assert_eq!(codes(&client.rcpt("joe@example.org").unwrap()), OK);
        assert_eq!(
            codes(&client.rcpt("sales@example.org").unwrap()),
            "452 4.5.3"
        );
        client.rset().unwrap();

        client.mail("a@elsewhere.example").unwrap();
        assert_eq!(
            codes(&client.rcpt("joe@example.org").unwrap()),
            "550 5.7.23"
        );
        client.rset().unwrap();

        let letter = Letter::new();
        client.mail(SENDER).unwrap();
        for recipient in ["joe@example.org", "tagged-acme@example.org"] {
            assert_eq!(codes(&client.rcpt(recipient).unwrap()), OK);
        }
        assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
        assert!(
            site.delivered("joe@example.org", &letter)
                .contains("X-Backstop: verdict=tag")
        );

        let letter = Letter::bounce();
        let sent = client.message("", "joe@example.org", &letter.bytes);
        assert_eq!(sent.unwrap().code, 250);
        let text = site.delivered("joe@example.org", &letter);
        assert!(
            text.contains("X-Backstop: verdict=accept reason=nothing_found;"),
            "{text}"
        );
    }
    // Another EHLO instead of RSET (RFC 5321 section 4.1.4), with a name that speaks against the client. Once only:
    // Sendmail lets who greets often wait.
    client.mail(SENDER).unwrap();
    client.ehlo("elsewhere.example").unwrap();
    client.mail(SENDER).unwrap();
    assert_eq!(
        codes(&client.rcpt("joe@example.org").unwrap()),
        "550 5.7.23"
    );
    client.quit().unwrap();
}

/// RFC 2920: everything up to DATA in one write, and each reply where it belongs.
fn a_pipelined_session_of_twenty_recipients<M: Mta>() {
    const KINDS: &[(&str, &str)] = &[
        ("joe", OK),
        ("old-acme", "550 5.7.1"),
        ("sales", OK),
        ("busy-acme", "450 4.7.1"),
        ("sink-acme", OK),
    ];
    let site = Site::<M>::start();
    let mut client = site.friend();
    let recipients: Vec<_> = KINDS.iter().cycle().take(20).collect();
    let letter = Letter::new();
    let mut commands = format!("MAIL FROM:<{SENDER}>\r\n");
    for (number, (local, _)) in recipients.iter().enumerate() {
        commands.push_str(&format!("RCPT TO:<{local}+{number}@example.org>\r\n"));
    }
    commands.push_str("DATA\r\n");
    client.send(commands.as_bytes()).unwrap();
    assert_eq!(client.reply().unwrap().code, 250);
    for (local, expected) in &recipients {
        assert_eq!(codes(&client.reply().unwrap()), *expected, "{local}");
    }
    assert_eq!(client.reply().unwrap().code, 354);
    client.send(&letter.bytes).unwrap();
    assert_eq!(client.command(b".").unwrap().code, 250);
    for (number, (local, _)) in recipients.iter().enumerate() {
        let address = format!("{local}+{number}@example.org");
        if matches!(*local, "joe" | "sales") {
            site.delivered(&address, &letter);
        } else {
            assert!(site.copies(&address, &letter).is_empty(), "{address}");
        }
    }
}

/// Whether an address exists is asked so (Postfix's reject_unverified_sender, Exim's callout): never refuse it for what
/// might follow.
fn a_callout<M: Mta>() {
    let site = Site::<M>::start();
    for leave in [b"QUIT", b"RSET"] {
        let mut client = site.session(7, "mx.bystander.example");
        assert_eq!(client.mail("").unwrap().code, 250);
        assert_eq!(codes(&client.rcpt("joe@example.org").unwrap()), OK);
        assert!(client.command(leave).unwrap().is_positive());
    }
    let asked = site.backstop.log().len();
    // Hung up without a word.
    let mut client = site.session(7, "mx.bystander.example");
    client.mail("").unwrap();
    assert_eq!(codes(&client.rcpt("joe@example.org").unwrap()), OK);
    drop(client);
    site.decision(asked, &[" mail_from=<> ", " verdict=accept "]);
}

fn unknown_recipients_cost_no_dns<M: Mta>() {
    let site = Site::<M>::start();
    let mut client = site.session(66, "pc.spam.example");
    client.mail("guess@elsewhere.example").unwrap();
    for number in 0..5 {
        let reply = client.rcpt(&format!("nobody{number}@example.net"));
        assert_eq!(codes(&reply.unwrap()), "550 5.1.1");
    }
    site.decision(
        0,
        &[" rcpt=<nobody4@example.net> ", " reason=refused_by_mta "],
    );
    assert_eq!(site.dns.queries(), []);
    // Such guesses are no first recipients, and the first that exists is judged as ever.
    assert_eq!(
        codes(&client.rcpt("joe@example.org").unwrap()),
        "550 5.7.23"
    );
}

fn a_discarded_recipient_gets_nothing_and_the_others_do<M: Mta>() {
    let site = Site::<M>::start();
    let mut client = site.friend();
    let letter = Letter::new();
    client.mail(SENDER).unwrap();
    for recipient in ["sink-acme@example.org", "joe@example.org"] {
        assert_eq!(codes(&client.rcpt(recipient).unwrap()), OK);
    }
    assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
    let alone = Letter::new();
    let sent = client.message(SENDER, "sink-acme@example.org", &alone.bytes);
    assert_eq!(sent.unwrap().code, 250);
    let last = Letter::new();
    client
        .message(SENDER, "joe@example.org", &last.bytes)
        .unwrap();
    site.delivered("joe@example.org", &letter);
    site.delivered("joe@example.org", &last);
    for letter in [letter, alone] {
        assert!(site.copies("sink-acme@example.org", &letter).is_empty());
    }
}

/// Sendmail writes `IPv6:` before the address, both write `::1` in their own way.
fn ipv6<M: Mta>() {
    if !lab::process::has_ipv6() {
        println!("this machine has no IPv6");
        return;
    }
    let site = Site::<M>::start();
    for (sender, expected) in [(SENDER, OK), ("alice@bank.example", "550 5.7.23")] {
        let mut client = Client::connect(site.mta.smtp_addr_v6()).unwrap();
        client.ehlo("v6.example").unwrap();
        client.mail(sender).unwrap();
        let reply = client.rcpt("joe@example.org").unwrap();
        assert_eq!(codes(&reply), expected);
        client.quit().unwrap();
        site.decision(0, &[" client=::1 ", &format!(" mail_from=<{sender}> ")]);
        if expected != OK {
            assert!(reply.text().contains("SPF: ::1 may not"), "{reply:?}");
        }
    }
}

/// Lines of at most 512 octets with CRLF (RFC 5321 section 4.5.3.1.5), and no word lost between them.
fn a_long_explanation<M: Mta>() {
    let site = Site::<M>::start();
    let mut client = site.session(66, "pc.spam.example");
    client.mail("a@wordy.example").unwrap();
    let reply = client.rcpt("joe@example.org").unwrap();
    assert_eq!(codes(&reply), "550 5.7.23");
    for line in &reply.lines {
        assert!(line.len() + "550-5.7.23 ".len() <= 510, "{line}");
    }
    let text = reply.lines.join(" ");
    let sentence = "Mail from anywhere else was not written by us;";
    assert!(text.matches(sentence).count() >= 5, "{text}");
    // What follows is still understood.
    client.rset().unwrap();
    let letter = Letter::new();
    let sent = client.message("a@friend.example", "postmaster@example.org", &letter.bytes);
    assert_eq!(sent.unwrap().code, 250);
}

/// What is legal but seldom, and what is neither: judged as any other, delivered where nothing speaks against it.
fn odd_addresses<M: Mta>() {
    let site = Site::<M>::start();
    let mut client = site.friend();
    for sender in [
        "\"bob of friend\"@friend.example",
        "\"a@b\"@friend.example",
        "bob%x+y=z/{}@friend.example",
        "prvs=0123cfcd40=bob@friend.example",
        &format!("{}@friend.example", "x".repeat(64)),
    ] {
        let letter = Letter::new();
        let sent = client
            .message(sender, "joe@example.org", &letter.bytes)
            .unwrap();
        assert_eq!(sent.code, 250, "{sender}: {sent:?}");
        site.delivered("joe@example.org", &letter);
    }
    for sender in ["\"bob of bank\"@bank.example", "bob%s%n@bank.example"] {
        client.mail(sender).unwrap();
        let reply = client.rcpt("joe@example.org").unwrap();
        assert_eq!(codes(&reply), "550 5.7.23", "{sender}: {reply:?}");
        client.rset().unwrap();
    }
}

/// Postfix has milter_default_action, Sendmail F=T, in the lines we ship.
fn a_stopped_backstop_loses_nothing<M: Mta>() {
    let mut site = Site::<M>::start();
    let letter = Letter::new();
    site.backstop.stop().unwrap();
    let refused = once(&site, &letter);
    assert_eq!(refused.code, 451, "{refused:?}");
    assert!(site.copies("joe@example.org", &letter).is_empty());
    site.restart_backstop();
    assert_eq!(once(&site, &letter).code, 250);
    site.delivered("joe@example.org", &letter);
}

/// Ten senders that come again whenever they are asked to, while Backstop ends and starts twice.
fn restarts_lose_nothing<M: Mta>() {
    let mut site = Site::<M>::start();
    let letters: Vec<Letter> = (0..60).map(|_| Letter::new()).collect();
    for part in letters.chunks(20) {
        let (backstop, mta, taken) = (&mut site.backstop, &site.mta, &AtomicUsize::new(0));
        thread::scope(|scope| {
            for letters in part.chunks(5) {
                scope.spawn(move || {
                    for letter in letters {
                        until_taken(mta, letter);
                        taken.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            // In the middle of it.
            wait_until(Duration::from_secs(20), || {
                Ok(taken.load(Ordering::Relaxed) > 0)
            })
            .unwrap();
            backstop.stop().unwrap();
            let config = fs::read_to_string(backstop.config()).unwrap();
            *backstop = crate::site::start_backstop(&config);
        });
    }
    for letter in &letters {
        site.delivered("joe@example.org", letter);
        assert_eq!(site.copies("joe@example.org", letter).len(), 1);
    }
}

/// A silent client is closed after `drain.limit`, and the MTA answers it; one that goes on is answered at once.
fn a_message_held_open_delays_no_end_and_loses_nothing<M: Mta>() {
    let mut site = Site::<M>::start();
    let [mut silent, mut talking] = [(); 2].map(|()| {
        let mut client = site.friend();
        client.mail(SENDER).unwrap();
        assert_eq!(codes(&client.rcpt("joe@example.org").unwrap()), OK);
        client
    });
    site.backstop.terminate().unwrap();
    site.backstop
        .wait_for_log("stopping; messages in progress: 2")
        .unwrap();
    let begun = Instant::now();
    let letters = [Letter::new(), Letter::new()];
    let told = talking.data(&letters[0].bytes).unwrap();
    assert_eq!(codes(&told), "451 4.3.2", "{told:?}");
    let ended = site.backstop.ended(Duration::from_secs(20)).unwrap();
    assert_eq!(ended.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(15));
    let told = silent.data(&letters[1].bytes).unwrap();
    assert_eq!(told.code, 451, "{told:?}");
    site.restart_backstop();
    for letter in &letters {
        assert!(site.copies("joe@example.org", letter).is_empty());
        assert_eq!(once(&site, letter).code, 250);
        site.delivered("joe@example.org", letter);
    }
}

fn until_taken<M: Mta>(mta: &M, letter: &Letter) {
    let begun = Instant::now();
    loop {
        match try_once(mta, letter) {
            Ok(reply) if reply.code == 250 => return,
            Ok(reply) => assert!((400..500).contains(&reply.code), "{reply:?}"),
            // The connection ended before a reply: the message is still the sender's.
            Err(_) => {}
        }
        assert!(begun.elapsed() < Duration::from_secs(20));
        thread::sleep(Duration::from_millis(50));
    }
}

fn try_once<M: Mta>(mta: &M, letter: &Letter) -> std::io::Result<Reply> {
    let mut client = mta.connect(20);
    let greeted = client.ehlo("mx.friend.example")?;
    if !greeted.is_positive() {
        return Ok(greeted);
    }
    client.message(SENDER, "joe@example.org", &letter.bytes)
}

fn once<M: Mta>(site: &Site<M>, letter: &Letter) -> Reply {
    try_once(&site.mta, letter).unwrap()
}

/// A message keeps the policy that it began under; the next one of the same connection has the new one.
fn a_reload_between_two_messages<M: Mta>() {
    let site = Site::<M>::start();
    let mut client = site.friend();
    client.mail(SENDER).unwrap();
    assert_eq!(codes(&client.rcpt("joe@example.org").unwrap()), OK);
    site.reconfigure(&[(
        "'shop-[a-z0-9]+', mail: accept",
        "'shop-[a-z0-9]+', mail: reject",
    )]);
    assert_eq!(codes(&client.rcpt("shop-acme@example.org").unwrap()), OK);
    let letter = Letter::new();
    assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
    site.delivered("shop-acme@example.org", &letter);

    client.mail(SENDER).unwrap();
    assert_eq!(
        codes(&client.rcpt("shop-acme@example.org").unwrap()),
        "550 5.7.1"
    );
    assert_eq!(codes(&client.rcpt("joe@example.org").unwrap()), OK);
}

fn a_reload_that_fails<M: Mta>() {
    let site = Site::<M>::start();
    site.reconfigure(&[("mode: enforce", "mode: enfroce")]);
    let said = site.backstop.wait_for_log("reload failed").unwrap();
    assert!(said.contains("the running configuration stays"), "{said}");
    let mut client = site.friend();
    client.mail("alice@bank.example").unwrap();
    assert_eq!(
        codes(&client.rcpt("joe@example.org").unwrap()),
        "550 5.7.23"
    );
}

/// Each waits half a second for a DNS answer of its own; none waits for another's.
fn thirty_sessions_at_a_time<M: Mta>() {
    let site = Site::<M>::start_with(&[("timeout: 500ms, budget: 2s", "timeout: 8s, budget: 20s")]);
    let begun = Instant::now();
    let letters: Vec<Letter> = thread::scope(|scope| {
        let sessions: Vec<_> = (0..30)
            .map(|number| {
                let site = &site;
                scope.spawn(move || {
                    let letter = Letter::new();
                    let mut client = site.friend();
                    client
                        .mail(&format!("bob@host{number}.slow.example"))
                        .unwrap();
                    let asked = Instant::now();
                    assert_eq!(codes(&client.rcpt("joe@example.org").unwrap()), OK);
                    assert!(asked.elapsed() >= Duration::from_millis(500));
                    assert_eq!(client.data(&letter.bytes).unwrap().code, 250);
                    letter
                })
            })
            .collect();
        sessions
            .into_iter()
            .map(|session| session.join().unwrap())
            .collect()
    });
    // One after the other would take 15 s and more.
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    for letter in &letters {
        site.delivered("joe@example.org", letter);
    }
}
