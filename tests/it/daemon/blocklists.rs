//! Lists of hosts that send backscatter, as the daemon asks them and believes them.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use lab::{
    backstop::Backstop,
    dns::{Fault, RecordType, Scope, Zone},
    milter::{Client, Reply},
    mta::PATIENCE,
    process::wait_until,
};

use super::{SENDER, STRANGER, Stage, assert_refused, binary, dns, field, refusal, zone};

/// The client under the zones of the lists: 198.51.100.1, and 2001:db8::1.
const LISTED: &str = "1.100.51.198";
const LISTED_V6: &str = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2";

/// The test points that a list must have (RFC 5782 section 5).
fn list(zone: Zone, name: &str) -> Zone {
    zone.a(&format!("2.0.0.127.{name}"), [127, 0, 0, 2].into())
}

fn entry(zone: Zone, client: &str, list: &str, code: [u8; 4]) -> Zone {
    zone.a(&format!("{client}.{list}"), code.into())
}

fn config(server: SocketAddr, mode: &str, lists: &str) -> String {
    format!(
        "listen: inet:0@127.0.0.1\nmode: {mode}\n\
         local: {{domains: [example.org], networks: [10.0.0.0/8]}}\n\
         dns: {{nameservers: [\"{server}\"], timeout: 1s, budget: 3s}}\n\
         null_sender: {{not_a_notification: accept}}\nlog: {{level: debug}}\ndnsbl: {lists}\n"
    )
}

impl Stage {
    /// A daemon with these lists, which it has tested.
    fn with_lists(zone: Zone, mode: &str, lists: &str) -> Self {
        let dns = dns(zone);
        let config = config(dns.addr(), mode, lists);
        let backstop = Backstop::start(binary(), &config).unwrap();
        let stage = Self { backstop, dns };
        stage.await_self_test();
        stage
    }

    fn await_self_test(&self) {
        wait_until(PATIENCE, || {
            let told = self.bounce("203.0.113.250", "probe@example.org").1;
            Ok(!told.contains("has not been tested yet"))
        })
        .unwrap();
    }

    /// A bounce of this client to this recipient: the answer, and all that was found about it.
    fn bounce(&self, client: &str, rcpt: &str) -> (Reply, String) {
        self.mail(client, "", rcpt)
    }

    fn mail(&self, client: &str, from: &str, rcpt: &str) -> (Reply, String) {
        let since = self.backstop.log().len();
        let mut client: Client = self.session(client);
        client.mail(from, &[]).unwrap();
        let reply = client.rcpt(rcpt, &[]).unwrap();
        client.quit().unwrap();
        let told = |log: &str| log[since..].contains(&format!(" rcpt=<{rcpt}> "));
        wait_until(PATIENCE, || Ok(told(&self.backstop.log()))).unwrap();
        (reply, self.backstop.log()[since..].to_owned())
    }
}

#[test]
fn a_listed_client_is_answered_as_the_file_says() {
    for (action, starts, verdict) in [
        (
            "reject",
            "550 5.7.1 198.51.100.1 sends backscatter, says ips.example",
            "reject",
        ),
        (
            "tempfail",
            "450 4.7.1 198.51.100.1 sends backscatter, says ips.example",
            "tempfail",
        ),
        ("tag", "", "tag"),
    ] {
        let zone = entry(
            list(zone(), "ips.example"),
            LISTED,
            "ips.example",
            [127, 0, 0, 2],
        );
        let lists = format!("[{{zone: ips.example, action: {action}}}]");
        let stage = Stage::with_lists(zone, "enforce", &lists);
        for from in [
            "",
            "postmaster@client.example",
            "MAILER-DAEMON@client.example",
        ] {
            let (reply, told) = stage.mail(STRANGER, from, "joe@example.org");
            match starts {
                "" => assert_eq!(reply, Reply::Continue),
                starts => assert!(refusal(reply).starts_with(starts), "{from}"),
            }
            let line = told.lines().last().unwrap();
            assert_eq!(
                (field(line, "verdict"), field(line, "reason")),
                (verdict, "dnsbl")
            );
            assert!(
                told.contains("check=dnsbl ips.example: listed (127.0.0.2)"),
                "{told}"
            );
        }
        // One who isn't listed, and whoever is always reached.
        let (reply, told) = stage.bounce("198.51.100.2", "joe@example.org");
        assert_eq!(reply, Reply::Continue);
        assert!(told.contains("ips.example: not listed"), "{told}");
        let (reply, _) = stage.bounce(STRANGER, "postmaster@example.org");
        assert_eq!(reply, Reply::Continue);
    }
}

#[test]
fn only_bounces_cost_a_question() {
    let zone = entry(
        list(zone(), "ips.example"),
        LISTED,
        "ips.example",
        [127, 0, 0, 2],
    );
    let stage = Stage::with_lists(zone, "enforce", "[{zone: ips.example, action: reject}]");
    let asked = || {
        stage
            .dns
            .count(&format!("{LISTED}.ips.example"), RecordType::A)
    };
    for from in [
        "a@pass.example",
        "bounces@client.example",
        "postmaster+x@client.example",
    ] {
        stage.mail(STRANGER, from, "joe@example.org");
    }
    let outgoing = stage.bounce("10.0.0.1", "far@elsewhere.example");
    assert_eq!(outgoing.0, Reply::Continue);
    assert_eq!(asked(), 0);
    assert_eq!(stage.dns.count("1.0.0.10.ips.example", RecordType::A), 0);
    // Once for all that follow: the answer is remembered.
    for number in 0..3 {
        let (reply, _) = stage.bounce(STRANGER, &format!("joe{number}@example.org"));
        assert_refused(Ok(reply), "550 5.7.1 ");
    }
    assert_eq!(asked(), 1);
    for number in 0..3 {
        stage.bounce("198.51.100.2", &format!("ann{number}@example.org"));
    }
    assert_eq!(
        stage.dns.count("2.100.51.198.ips.example", RecordType::A),
        1
    );
}

/// RFC 5782 section 2.4.
#[test]
fn ipv6_clients_are_looked_up_by_nibbles() {
    let zone = entry(
        list(zone(), "ips.example"),
        LISTED_V6,
        "ips.example",
        [127, 0, 0, 2],
    );
    let stage = Stage::with_lists(zone, "enforce", "[{zone: ips.example, action: reject}]");
    let (reply, _) = stage.bounce("2001:db8::1", "joe@example.org");
    assert_refused(Ok(reply), "550 5.7.1 2001:db8::1 sends backscatter");
    let (reply, _) = stage.bounce("2001:db8::2", "joe@example.org");
    assert_eq!(reply, Reply::Continue);
}

/// RFC 5782 sections 2.1 and 5; and 127.255.255.0/24, by which a list says that it doesn't answer us.
#[test]
fn only_what_is_an_entry_counts() {
    let name = "ips.example";
    let mut zone = list(zone(), name);
    for (host, code) in [
        (1, [127, 0, 0, 1]),
        (2, [192, 0, 2, 1]),
        (3, [127, 255, 255, 254]),
        (4, [127, 0, 0, 3]),
        (5, [127, 0, 0, 7]),
    ] {
        zone = entry(zone, &format!("{host}.100.51.198"), name, code);
    }
    // A refusal spoils what stands beside it.
    zone = entry(zone, "3.100.51.198", name, [127, 0, 0, 7]);
    let lists = "[{zone: ips.example, codes: [127.0.0.7], action: reject}]";
    let stage = Stage::with_lists(zone, "enforce", lists);
    for host in 1..=4 {
        let (reply, told) = stage.bounce(&format!("198.51.100.{host}"), "joe@example.org");
        assert_eq!(reply, Reply::Continue, "{told}");
        let refuses = told.contains("ips.example refuses to answer (127.255.255.254)");
        assert_eq!(refuses, host == 3, "{told}");
    }
    let (reply, _) = stage.bounce("198.51.100.5", "joe@example.org");
    assert_refused(Ok(reply), "550 5.7.1 ");
}

/// The first list that acts decides; those that only tag or are monitored don't.
#[test]
fn several_lists_are_asked_at_once() {
    let slow = |zone: Zone, name: &str| {
        let zone = entry(list(zone, name), LISTED, name, [127, 0, 0, 2]);
        let client = format!("{LISTED}.{name}");
        zone.fault(
            &client,
            Scope::Every,
            Fault::Delay(Duration::from_millis(600)),
        )
    };
    let letters = b'a'..=b'h';
    let names = letters.map(|letter| format!("{}.example", char::from(letter)));
    let names: Vec<_> = names.collect();
    let zone = names.iter().map(String::as_str).fold(zone(), slow);
    let stage = Stage::with_lists(
        zone,
        "enforce",
        "[{zone: a.example}, {zone: b.example, action: reject, monitor: true}, \
          {zone: c.example, action: reject}, {zone: d.example, action: reject}, \
          {zone: e.example}, {zone: f.example}, {zone: g.example}, {zone: h.example}]",
    );
    let begun = Instant::now();
    let (reply, told) = stage.bounce(STRANGER, "joe@example.org");
    let took = begun.elapsed();
    assert_refused(
        Ok(reply),
        "550 5.7.1 198.51.100.1 sends backscatter, says c.example",
    );
    // One after the other would take 4.8 s.
    assert!(took < Duration::from_millis(3_500), "{took:?}");
    assert!(told.contains("b.example: listed"), "{told}");
}

#[test]
fn monitoring_tells_of_a_listing() {
    let zone = entry(
        list(zone(), "ips.example"),
        LISTED,
        "ips.example",
        [127, 0, 0, 2],
    );
    let stage = Stage::with_lists(zone, "monitor", "[{zone: ips.example, action: reject}]");
    let (reply, told) = stage.bounce(STRANGER, "joe@example.org");
    assert_eq!(reply, Reply::Continue);
    let line = told.lines().last().unwrap();
    let fields = ["verdict", "reason", "would"].map(|name| field(line, name));
    assert_eq!(fields, ["tag", "dnsbl", "reject"]);
}

/// Neither is a reason to refuse, or to let anybody wait for long.
#[test]
fn a_list_that_is_dead_or_dies_is_as_good_as_none() {
    let zone = list(zone(), "dying.example")
        .fault(
            &format!("{LISTED}.dying.example"),
            Scope::Every,
            Fault::Silence,
        )
        .fault("2.100.51.198.dying.example", Scope::Every, Fault::Servfail)
        .fault("2.0.0.127.dead.example", Scope::Every, Fault::Silence);
    let stage = Stage::with_lists(
        zone,
        "enforce",
        "[{zone: dying.example, action: reject}, {zone: dead.example, action: reject}]",
    );
    let off = stage
        .backstop
        .wait_for_log("dnsbl dead.example is off")
        .unwrap();
    assert!(off.contains(" WARN "), "{off}");
    for (client, most) in [
        (STRANGER, 5_500),
        ("198.51.100.2", 1_800),
        ("198.51.100.3", 1_800),
    ] {
        let begun = Instant::now();
        let (reply, told) = stage.bounce(client, "joe@example.org");
        assert_eq!(reply, Reply::Continue, "{told}");
        assert!(
            begun.elapsed() < Duration::from_millis(most),
            "{:?}",
            begun.elapsed()
        );
        assert!(told.contains("dead.example is off"), "{told}");
    }
    assert_eq!(
        stage
            .dns
            .count(&format!("{LISTED}.dead.example"), RecordType::A),
        0
    );
}

/// What a dead list's new owner answers, and what a list that was closed on purpose did.
#[test]
fn a_list_that_has_everybody_is_switched_off_until_it_is_sane_again() {
    let everybody = |name: &str| {
        let any = format!("*.{name}");
        zone().a(&any, [127, 0, 0, 2].into()).ttl(&any, 0)
    };
    let lists = "[{zone: ips.example, action: reject}]";
    let stage = Stage::with_lists(everybody("ips.example"), "enforce", lists);
    let line = stage
        .backstop
        .wait_for_log("dnsbl ips.example is off")
        .unwrap();
    assert!(
        line.contains("it lists 127.0.0.1, which no list must"),
        "{line}"
    );
    let (reply, _) = stage.bounce(STRANGER, "joe@example.org");
    assert_eq!(reply, Reply::Continue);

    // A reload that brings a list tests them all, as every hour does.
    let reload = |more: &str| {
        let lists = format!("[{{zone: ips.example, action: reject}}, {{zone: {more}}}]");
        let config = config(stage.dns.addr(), "enforce", &lists);
        fs::write(stage.backstop.config(), config).unwrap();
        stage.backstop.reload().unwrap();
        let zone = format!("dnsbl {more} is off");
        stage.backstop.wait_for_log(&zone).unwrap();
    };
    reload("second.example");
    let off = |log: &str| log.matches("dnsbl ips.example is off").count();
    assert_eq!(off(&stage.backstop.log()), 1);
    let sane = list(zone(), "ips.example");
    stage
        .dns
        .set_zone(entry(sane, LISTED, "ips.example", [127, 0, 0, 2]));
    reload("third.example");
    let log = stage.backstop.log();
    assert_eq!(
        (
            off(&log),
            log.matches("dnsbl ips.example is on again").count()
        ),
        (1, 1)
    );
    let (reply, _) = stage.bounce(STRANGER, "joe@example.org");
    assert_refused(Ok(reply), "550 5.7.1 ");
    let (reply, _) = stage.bounce(SENDER, "joe@example.org");
    assert_eq!(reply, Reply::Continue);
}

/// RFC 5782 section 5: 127.0.0.2 must be on it. One that has nobody is switched off likewise.
#[test]
fn a_list_that_has_nobody_is_off() {
    let stage = Stage::with_lists(zone(), "enforce", "[{zone: empty.example, action: reject}]");
    let line = stage
        .backstop
        .wait_for_log("dnsbl empty.example is off")
        .unwrap();
    assert!(
        line.contains("it does not list 127.0.0.2, which every list must"),
        "{line}"
    );
}

/// Who is spared the rules for null senders, and who isn't judged.
#[test]
fn exemptions_hold_for_lists() {
    let zone = entry(
        list(zone(), "ips.example"),
        LISTED,
        "ips.example",
        [127, 0, 0, 2],
    );
    let lists = "[{zone: ips.example, action: reject}]\nexempt: {recipients: [abuse@example.org]}";
    let stage = Stage::with_lists(zone, "enforce", lists);
    let (reply, _) = stage.bounce(STRANGER, "abuse@example.org");
    assert_eq!(reply, Reply::Continue);
    let config = fs::read_to_string(stage.backstop.config())
        .unwrap()
        .replace(
            "not_a_notification: accept",
            "not_a_notification: accept, exempt: {clients: [198.51.100.1]}",
        );
    fs::write(stage.backstop.config(), config).unwrap();
    stage.backstop.reload().unwrap();
    stage.backstop.wait_for_log(" reloaded ").unwrap();
    let (reply, _) = stage.bounce(STRANGER, "joe@example.org");
    assert_eq!(reply, Reply::Continue);
}
