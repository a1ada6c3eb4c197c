//! A real Postfix bounces what it accepts, before the lines that `backstop check --mta` names are put in, and not after.

use std::{fs, net::IpAddr, path::Path};

use lab::{
    dns,
    mta::folder,
    postfix::{Options, Postfix},
    process::wait_until,
    sink::Sink,
    smtp::{Client, Identity},
};
use tokio::runtime::Runtime;

/// A recipient, and what is found of the setting by which its mail is bounced.
const BOUNCED: [(&str, &str); 6] = [
    ("nosuch@relay.test", "relay_recipient_maps is empty"),
    ("nosuch@local.test", "local_recipient_maps is empty"),
    ("nosuch@box.test", "virtual_mailbox_maps has every address"),
    (
        "nosuch@alias.test",
        "@alias.test sends mail for every address on to @far.example",
    ),
    ("old@alias.test", "old@alias.test leads to gone@local.test"),
    (
        FORWARDED,
        "mail for info@alias.test is sent on to rejected@far.example",
    ),
];
/// It exists, and its mail is accepted afterwards as well.
const FORWARDED: &str = "info@alias.test";

struct Site {
    tables: tempfile::TempDir,
    dns: dns::Server,
    _runtime: Runtime,
    sink: Sink,
    postfix: Postfix,
}

/// Whom the hosts behind this Postfix refuse.
fn is_refused(address: &str) -> bool {
    ["nosuch", "rejected"]
        .iter()
        .any(|word| address.contains(word))
}

impl Site {
    fn start() -> Self {
        let tables = folder().unwrap();
        let runtime = Runtime::new().unwrap();
        let zone = dns::Zone::from_yaml("example.org:\n  - TXT: x\n").unwrap();
        let sink = Sink::start_refusing(is_refused).unwrap();
        let (here, hop) = (
            tables.path().display(),
            format!("lmtp:inet:{}", sink.addr()),
        );
        let postfix = Postfix::start(&Options {
            domains: Vec::new(),
            mailboxes: Vec::new(),
            main_cf: vec![format!(
                "mydestination = local.test localhost
myorigin = local.test
alias_maps = texthash:{here}/aliases
local_recipient_maps =
mailbox_transport = {hop}
relay_domains = relay.test
relay_transport = {hop}
virtual_alias_domains = alias.test
virtual_alias_maps = texthash:{here}/virtual
virtual_mailbox_domains = box.test
virtual_mailbox_maps = static:x
virtual_transport = {hop}
transport_maps = texthash:{here}/transport
default_transport = {hop}"
            )],
            master_cf: vec!["local unix - n n - - local\nlmtp unix - - n - - lmtp".to_owned()],
            ..Options::default()
        });
        let site = Self {
            tables,
            dns: runtime.block_on(dns::Server::start(zone)),
            _runtime: runtime,
            sink,
            postfix: postfix.unwrap(),
        };
        site.write(&[
            ("aliases", "postmaster joe\n"),
            (
                "virtual",
                "info@alias.test rejected@far.example\nold@alias.test gone@local.test\n@alias.test @far.example\n",
            ),
            ("transport", "gone@local.test error:5.1.1 gone\n"),
        ]);
        site
    }

    fn write(&self, tables: &[(&str, &str)]) {
        for (name, text) in tables {
            fs::write(self.tables.path().join(name), text).unwrap();
        }
    }

    /// The lines that were named.
    fn mend(&self) {
        self.write(&[
            ("relayed", "joe@relay.test x\n"),
            (
                "users",
                "joe x\npostmaster x\ninfo-away x\nowner-info-away x\n",
            ),
            ("mailboxes", "joe@box.test x\n"),
            (
                "aliases",
                "postmaster joe\ninfo-away rejected@far.example\nowner-info-away postmaster\n",
            ),
            (
                "virtual",
                "info@alias.test info-away@localhost\njoe@alias.test joe@local.test\n",
            ),
        ]);
        let main = self.postfix.config_dir().join("main.cf");
        let here = self.tables.path().display();
        let text = fs::read_to_string(&main).unwrap();
        let mended = text
            .replace(
                "local_recipient_maps =\n",
                &format!("local_recipient_maps = texthash:{here}/users\n"),
            )
            .replace(
                "virtual_mailbox_maps = static:x",
                &format!("virtual_mailbox_maps = texthash:{here}/mailboxes"),
            );
        let mended = format!("{mended}relay_recipient_maps = texthash:{here}/relayed\n");
        fs::write(&main, mended).unwrap();
        self.postfix.reload().unwrap();
    }

    /// The answers to a message of a stranger's, who forges this sender.
    fn answer(&self, sender: &str, recipient: &str) -> u16 {
        let mut client = Client::connect(self.postfix.smtp_addr()).unwrap();
        let stranger = Identity::stranger(IpAddr::from([198, 51, 100, 7]));
        client.xclient(&stranger).unwrap();
        client.ehlo("spam.example").unwrap();
        let text = format!("From: {sender}\r\nTo: {recipient}\r\n\r\nBuy.\r\n");
        client
            .message(sender, recipient, text.as_bytes())
            .unwrap()
            .code
    }

    fn bounces_to(&self, address: &str) -> usize {
        let mail = self.sink.mail().into_iter();
        mail.filter(|mail| mail.sender.is_empty() && mail.recipients.iter().any(|to| to == address))
            .count()
    }

    /// The exit code of `backstop check`, and what it prints.
    fn check(&self, more: &[&str]) -> (Option<i32>, String) {
        let config = self.tables.path().join("milter.yaml");
        let store = self.tables.path().join("state.db");
        let yaml = format!(
            "store: sqlite:{}\ndns: {{nameservers: [\"{}\"]}}\n",
            store.display(),
            self.dns.addr()
        );
        fs::write(&config, yaml).unwrap();
        let output = self
            .postfix
            .with_tools(Path::new(env!("CARGO_BIN_EXE_backstop")))
            .env("MAIL_CONFIG", self.postfix.config_dir())
            .arg("--config")
            .arg(config)
            .arg("check")
            .args(more)
            .output()
            .unwrap();
        let shown = [&output.stdout[..], &output.stderr].concat();
        (output.status.code(), String::from_utf8(shown).unwrap())
    }
}

#[test]
fn what_is_named_makes_bounces_and_what_mends_it_makes_none() {
    const NOTHING: &str = "nothing was found that makes it bounce mail which it has accepted";
    let site = Site::start();

    // Warnings are no failure.
    let (code, shown) = site.check(&["--mta"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(NOTHING), "{shown}");
    for (number, (recipient, finding)) in BOUNCED.iter().enumerate() {
        assert!(shown.contains(finding), "{finding}: {shown}");
        let victim = format!("victim{number}@victim.example");
        assert_eq!(site.answer(&victim, recipient), 250, "{recipient}");
        let bounce = site.sink.wait_for_mail(&victim);
        assert_eq!(bounce.unwrap().sender, "", "{recipient}");
    }

    site.mend();
    let (code, shown) = site.check(&["--mta"]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains(NOTHING), "{shown}");
    for (number, (recipient, _)) in BOUNCED.iter().enumerate() {
        let victim = format!("after{number}@victim.example");
        let expected = if *recipient == FORWARDED { 250 } else { 550 };
        assert_eq!(site.answer(&victim, recipient), expected, "{recipient}");
    }
    // What the far host refuses now goes to the owner.
    wait_until(lab::mta::PATIENCE, || {
        Ok(site.bounces_to("joe@local.test") == 1)
    })
    .unwrap();
    let emptied = wait_until(lab::mta::PATIENCE, || Ok(site.postfix.queue()?.is_empty()));
    assert!(emptied.is_ok(), "{}", site.postfix.log());
    for number in 0..BOUNCED.len() {
        assert_eq!(site.bounces_to(&format!("after{number}@victim.example")), 0);
    }
}

/// As JSON, with the place; and it is asked for, because it reads more than files of Backstop.
#[test]
fn findings_are_objects_with_their_place() {
    let site = Site::start();
    let (code, shown) = site.check(&["--mta", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let warnings = report["warnings"].as_array().unwrap();
    let found = warnings
        .iter()
        .find(|one| {
            one["message"]
                .as_str()
                .unwrap()
                .contains("local_recipient_maps is empty")
        })
        .unwrap();
    let main = fs::read_to_string(site.postfix.config_dir().join("main.cf")).unwrap();
    let line = main
        .lines()
        .position(|line| line.starts_with("local_recipient_maps"));
    assert_eq!(code, Some(0));
    assert!(
        found["file"].as_str().unwrap().ends_with("/main.cf"),
        "{found}"
    );
    assert_eq!(found["line"].as_u64(), line.map(|line| line as u64 + 1));
    assert!(
        found["help"]
            .as_str()
            .unwrap()
            .starts_with("use local_recipient_maps = "),
        "{found}"
    );

    let (code, shown) = site.check(&["--json"]);
    assert_eq!(code, Some(0));
    assert!(!shown.contains("local_recipient_maps is empty"), "{shown}");
    assert_eq!(site.check(&["--mta", "--offline"]).0, Some(64));
}
