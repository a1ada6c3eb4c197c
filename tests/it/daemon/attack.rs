//! A small joe job against the daemon, and what `backstop report` tells of it afterwards.

use std::{fs, process::Command};

use lab::{
    dns::{Fault, Scope},
    milter::{Client, Reply, wire::command},
    mta,
};
use serde_json::Value;

use super::{SENDER, STRANGER, Stage, asking, assert_refused, binary, dns, headers};
use crate::{
    batv::key_file,
    bounce::{BOUNCE, Ours, SELECTOR, SIGNED, body, now, record},
};

/// Of a network of its own.
const OTHER: &str = "2001:db8:77::5";

/// A daemon that looks for proofs, and counts.
struct Scene {
    stage: Stage,
    hour: u64,
}

impl Scene {
    fn set(mode: &str) -> Self {
        let folder = mta::folder_in_memory().unwrap();
        let keys = key_file(folder.path());
        let dns = dns(super::zone().txt(SELECTOR, record()));
        let yaml = format!(
            "mode: {mode}\nlocal: {{domains: [example.org], networks: [203.0.114.0/28]}}\nnull_sender: {{never_send: [noreply@example.org]}}\n\
             proof: {{key_file: {}, unproven: reject}}\nreport: {{keep_samples: true}}\nstore: sqlite:{}\n",
            keys.display(),
            folder.path().join("state.db").display(),
        );
        let yaml = asking(dns.addr(), &yaml);
        let backstop = lab::backstop::Backstop::start_in(binary(), &yaml, folder).unwrap();
        Self {
            stage: Stage { backstop, dns },
            hour: now() / 3600,
        }
    }

    /// One bounce, up to its end; a recipient that is refused has none.
    fn bounce(&self, client: &str, sender: &str, rcpt: &str, content: &str) {
        let mut client = self.stage.session(client);
        client.mail(sender, &[]).unwrap();
        if client.rcpt(rcpt, &[]).unwrap() == Reply::Continue {
            client.data().unwrap();
            if headers(&mut client, BOUNCE).unwrap() == Reply::Continue {
                client.body(content.as_bytes()).unwrap();
                client.eom().unwrap();
            }
        }
        client.quit().unwrap();
    }

    fn refused_by_mta(&self, rcpt: &str) {
        let mut client: Client = self.stage.session(STRANGER);
        client.mail("", &[]).unwrap();
        let refused = [
            ("{rcpt_mailer}", "error"),
            ("{rcpt_host}", "5.1.1"),
            ("{rcpt_addr}", "no such user"),
        ];
        client.macros(command::RCPT, &refused).unwrap();
        client.rcpt(rcpt, &[]).unwrap();
        client.quit().unwrap();
    }

    /// What the report says when all is written, in a period that no change of the hour parts.
    fn report(mut self, arguments: &[&str]) -> (Value, lab::backstop::Backstop) {
        self.stage.backstop.stop().unwrap();
        let output = Command::new(binary())
            .args(["report", "--since", "3h", "--json", "--config"])
            .arg(self.stage.backstop.config())
            .args(arguments)
            .current_dir(self.stage.backstop.folder())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(
            now() / 3600 <= self.hour + 1,
            "the test took more than an hour"
        );
        (
            serde_json::from_slice(&output.stdout).unwrap(),
            self.stage.backstop,
        )
    }
}

fn names(list: &Value) -> Vec<(&str, u64)> {
    let top = list["top"].as_array().unwrap().iter();
    top.map(|one| {
        (
            one["name"].as_str().unwrap(),
            one["suspect"].as_u64().unwrap(),
        )
    })
    .collect()
}

#[test]
fn a_joe_job_is_told_afterwards() {
    let scene = Scene::set("enforce");
    let strange = body("victim@far.example", &Ours::new("1", "victim@far.example"));
    for number in 0..7 {
        scene.bounce(
            STRANGER,
            "",
            &format!("joe{}@example.org", number % 2),
            &strange,
        );
    }
    scene.bounce(
        OTHER,
        "MAILER-DAEMON@far.example",
        "joe0@example.org",
        &strange,
    );
    scene.bounce(OTHER, "", "noreply@example.org", &strange);
    scene.bounce(OTHER, "", "postmaster@example.org", &strange);
    for number in 0..3 {
        scene.refused_by_mta(&format!("guess{number}@example.org"));
    }
    // What is none of it: a bounce of our own mail is told apart, ordinary mail and mail to others are not counted.
    let ours = body(
        "far@friend.example",
        &Ours::new("2", "far@friend.example").signed(SIGNED),
    );
    scene.bounce(SENDER, "", "jane@example.org", &ours);
    scene.bounce(SENDER, "", "jane@elsewhere.example", &strange);
    let mut client = scene.stage.session(SENDER);
    client.mail("a@pass.example", &[]).unwrap();
    client.rcpt("jane@example.org", &[]).unwrap();
    client.eom().unwrap();
    client.quit().unwrap();
    // Who only asks brings nothing.
    let mut client = scene.stage.session(SENDER);
    client.mail("", &[]).unwrap();
    client.rcpt("jane@example.org", &[]).unwrap();
    client.quit().unwrap();

    let hour = scene.hour;
    let (told, backstop) = scene.report(&["--html", "page.html", "--export", "samples"]);
    let turned = now() / 3600 > hour;
    let bounces = &told["bounces"];
    let of = |fate: &str| bounces[fate].as_u64().unwrap();
    assert_eq!(
        (
            of("refused"),
            of("refused_by_mta"),
            of("would_refuse"),
            of("accepted"),
            of("proven")
        ),
        (9, 3, 0, 1, 1),
        "{told:#}"
    );
    assert_eq!(names(&told["hosts"]), [(STRANGER, 10), (OTHER, 3)]);
    assert_eq!(
        names(&told["networks"]),
        [("198.51.100.0/24", 10), ("2001:db8:77::/48", 3)]
    );
    let recipients = names(&told["recipients"]);
    assert_eq!(
        recipients[..2],
        [("joe0@example.org", 5), ("joe1@example.org", 3)]
    );
    assert_eq!(recipients.len(), 2 + 3 + 2);
    let reasons = told["reasons"].as_array().unwrap();
    let why = |why: &str| {
        reasons
            .iter()
            .find(|one| one["why"] == why)
            .map(|one| one["bounces"].as_u64().unwrap())
    };
    assert_eq!(why("reject unproven"), Some(8), "{reasons:?}");
    assert_eq!(
        (
            why("reject never_sends"),
            why("reject refused_by_mta"),
            why("accept dkim")
        ),
        (Some(1), Some(3), Some(1)),
        "{reasons:?}"
    );
    assert_eq!(
        (
            told["proofs"]["unproven"].as_u64(),
            told["proofs"]["dkim"].as_u64()
        ),
        (Some(8), Some(1)),
        "{told:#}"
    );

    // Five of the stranger's network, one of the other's: what was refused at RCPT leaves none.
    let samples: Vec<_> = fs::read_dir(backstop.folder().join("samples"))
        .unwrap()
        .collect();
    let most = if turned { 7 } else { 5 };
    assert!(
        (5 + 1 + 1..=most + 1 + 1).contains(&samples.len()),
        "{samples:?}"
    );
    let sample = samples
        .iter()
        .map(|file| file.as_ref().unwrap().path())
        .find(|path| path.ends_with("README.txt") || path.to_string_lossy().contains(STRANGER))
        .unwrap();
    let text = fs::read_to_string(sample).unwrap();
    assert!(!text.contains("joe0@") && !text.contains("joe1@"), "{text}");
    let page = fs::read_to_string(backstop.folder().join("page.html")).unwrap();
    assert!(page.contains("joe0@example.org") && page.contains(OTHER));
}

#[test]
fn who_only_watches_is_told_what_would_have_been() {
    let scene = Scene::set("monitor");
    let strange = body("victim@far.example", &Ours::new("1", "victim@far.example"));
    scene.bounce(STRANGER, "", "joe@example.org", &strange);
    scene.bounce(STRANGER, "", "noreply@example.org", &strange);
    let (told, backstop) = scene.report(&["--export", "samples"]);
    assert_eq!(
        (&told["bounces"]["would_refuse"], &told["bounces"]["all"]),
        (&2.into(), &2.into()),
        "{told:#}"
    );
    let list = fs::read_to_string(backstop.folder().join("samples/README.txt")).unwrap();
    assert_eq!(
        list.matches("but accepted: monitored only").count(),
        2,
        "{list}"
    );
}

/// A bounce of our own mail comes while its key can't be had: it is asked to come again, and accuses nobody.
#[test]
fn our_own_outage_is_laid_to_nobody() {
    let scene = Scene::set("enforce");
    let down = super::zone().fault(SELECTOR, Scope::Every, Fault::Servfail);
    scene.stage.dns.set_zone(down);
    let to = "far@friend.example";
    let ours = body(to, &Ours::new("2", to).signed(SIGNED));
    for _ in 0..2 {
        scene.bounce(SENDER, "", "jane@example.org", &ours);
    }
    let (told, backstop) = scene.report(&["--export", "samples"]);
    let bounces = &told["bounces"];
    assert_eq!(
        (&bounces["deferred"], &bounces["all"], &bounces["suspect"]),
        (&2.into(), &2.into(), &0.into()),
        "{told:#}"
    );
    assert_eq!(told["reasons"][0]["why"], "tempfail unproven", "{told:#}");
    for list in ["hosts", "networks", "recipients"] {
        assert_eq!(names(&told[list]), [], "{list}");
    }
    let samples = fs::read_dir(backstop.folder().join("samples")).unwrap();
    assert_eq!(samples.count(), 1, "README.txt");
}

#[test]
fn strangers_can_not_write_into_a_report() {
    let scene = Scene::set("enforce");
    let mut client = scene.stage.client();
    client
        .connect("x", lab::milter::Peer::at(STRANGER.parse().unwrap()))
        .unwrap();
    client.helo("<b>\x1b[31m\r\nx: y").unwrap();
    client.mail("", &[]).unwrap();
    client
        .rcpt("\"<i>%n\x1b]0;x\x07\r\n\u{e9}\"@example.org", &[])
        .unwrap();
    client.data().unwrap();
    headers(&mut client, BOUNCE).unwrap();
    client.body(b"nothing").unwrap();
    assert_refused(client.eom().map(|outcome| outcome.reply), "550 ");
    client.quit().unwrap();
    let (told, backstop) = scene.report(&["--html", "page.html", "--export", "samples"]);
    let [(name, 1)] = names(&told["recipients"])[..] else {
        panic!("{told:#}");
    };
    assert!(
        name.ends_with("\\xc3\\xa9\\x22@example.org") && name.contains("\\x1b]0;x\\x07\\x0d\\x0a"),
        "{name}"
    );
    let page = fs::read_to_string(backstop.folder().join("page.html")).unwrap();
    assert!(page.contains("\\x22&lt;i&gt;%n\\x1b") && !page.contains("<i>"));
    for file in fs::read_dir(backstop.folder().join("samples")).unwrap() {
        let octets = fs::read(file.unwrap().path()).unwrap();
        assert!(!octets.contains(&0x1b) && !octets.windows(3).any(|three| three == b"\nx:"));
    }
}

/// What a bot sent, as a host that calls itself `by` returns it. The bot has written a line of its own below.
fn returned(bot: &str, by: &str) -> String {
    let mut ours = Ours::new("1", "victim@far.example");
    ours.headers = format!(
        "Received: from pc.bot.example (unknown [{bot}]) by {by} (Postfix) with ESMTP id 1; x\r\n\
         Received: from innocent.example (innocent.example [192.0.2.200]) by innocent.example; x\r\n{}",
        ours.headers
    );
    body("victim@far.example", &ours)
}

/// The client of a test is called client.example.
#[test]
fn who_sent_in_our_name_opens_the_report() {
    let scene = Scene::set("enforce");
    for (reporter, bot, by, times) in [
        ("198.51.100.1", "203.0.115.9", "mx.client.example", 2),
        ("198.18.5.1", "203.0.115.9", "mx.client.example", 1),
        ("2001:db8:77::5", "203.0.115.9", "mx.other.example", 1),
        ("198.18.5.2", "203.0.115.77", "mx.client.example", 9),
        ("198.18.5.3", "203.0.114.5", "mx.client.example", 1),
    ] {
        for _ in 0..times {
            scene.bounce(reporter, "", "joe@example.org", &returned(bot, by));
        }
    }
    let (told, backstop) = scene.report(&["--html", "page.html"]);
    let top = told["origins"]["top"].as_array().unwrap();
    let numbers = ["reporting_networks", "bounces", "reported"];
    let top: Vec<_> = top
        .iter()
        .map(|one| {
            let numbers = numbers.map(|name| one[name].as_u64().unwrap());
            (
                one["address"].as_str().unwrap(),
                one["ours"].as_bool().unwrap(),
                numbers,
            )
        })
        .collect();
    let expected = [
        ("203.0.114.5", true, [1, 1, 1]),
        ("203.0.115.9", false, [3, 4, 3]),
        ("203.0.115.77", false, [1, 9, 9]),
    ];
    assert_eq!(top, expected, "{told:#}");
    assert_eq!(told["origins"]["top"][1]["helo"], "pc.bot.example");
    assert!(!told.to_string().contains("192.0.2.200"), "{told:#}");
    let page = fs::read_to_string(backstop.folder().join("page.html")).unwrap();
    let place = |text: &str| {
        page.find(text)
            .unwrap_or_else(|| panic!("no {text}: {page}"))
    };
    assert!(place("Sent in your name by: 3") < place("By hour"));
    assert!(place("203.0.114.5") < place("through your own hosts"));
}
