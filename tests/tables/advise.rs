//! Each zone in `fixtures/advise` has beside it the exact text that `backstop advise` prints about it. The zones are served
//! over the wire, and every record that is printed was tried by our engine.

use std::{
    fs,
    net::IpAddr,
    path::{Path, PathBuf},
};

use backstop::{
    cli::advise::{Known, Lists, advise_on, facts, text},
    core::{
        address::Domain,
        advise::{
            Advice,
            contradiction::{contradictions, unanswered},
            facts::{Claim, NotCounted, Purpose, Traffic},
            reported::Reported,
        },
        aggregate::{AggregateReport, Checked, ReportKey, Row, Senders},
        dnsbl::Dnsbl,
        forgery::Forgery,
        spf::SpfResult,
    },
    dns::{Blocklists, DnsSettings, Resolver},
    spf::try_record,
};
use lab::dns::{Server, Zone};
use serde::Deserialize;
use serde_yaml::Value;
use tokio::time::{Duration, Instant};

/// A zone, and what else is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    /// What it is an example of.
    about: String,
    domain: Domain,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    senders: Vec<String>,
    /// Hosts that mail leaves by.
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    unknown_hosts: Vec<String>,
    /// Selectors, and how many messages left with them.
    #[serde(default)]
    selectors: Vec<(String, Option<u64>)>,
    #[serde(default)]
    rua: Option<String>,
    #[serde(default)]
    mailing_lists: Vec<String>,
    #[serde(default)]
    dnsbl: Vec<Dnsbl>,
    #[serde(default)]
    mail: Option<Mail>,
    /// What DMARC reports tell.
    #[serde(default)]
    reports: Vec<Source>,
    /// `forgery` of milter.yaml, for what `check` says.
    #[serde(default)]
    forgery: Option<Forgery>,
    zone: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mail {
    days: u64,
    messages: u64,
    signed: u64,
    /// The client, MAIL FROM, whether SPF passes for that, and the messages; none in mode enforce.
    claims: Option<Vec<(String, String, bool, u64)>>,
    /// Mailing lists, and the posts that they brought back.
    #[serde(default)]
    posts: Vec<(String, u64)>,
}

/// A row of a report, and who reports it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    address: IpAddr,
    messages: u64,
    reporters: usize,
    /// The domains that SPF and DKIM passed for.
    #[serde(default)]
    spf: Option<Domain>,
    #[serde(default)]
    dkim: Option<Domain>,
}

impl Fixture {
    /// What reports with these rows tell.
    fn reported(&self) -> Result<Reported, NotCounted> {
        let mut senders = Senders::default();
        for (at, source) in self.reports.iter().enumerate() {
            for reporter in 0..source.reporters {
                let share = source.messages / source.reporters as u64;
                let rest = source.messages % source.reporters as u64;
                let is_ours = |passed: &Option<Domain>| {
                    passed
                        .as_ref()
                        .is_some_and(|passed| passed.is_in_line_with(&self.domain))
                };
                let checked = |passed: &Option<Domain>| {
                    let passed = passed.iter().cloned();
                    let checked = passed.map(|domain| Checked {
                        domain,
                        selector: String::new(),
                        passes: true,
                    });
                    checked.collect::<Vec<_>>()
                };
                let row = Row {
                    source: source.address,
                    header_from: self.domain.clone(),
                    spf_aligned: is_ours(&source.spf),
                    dkim_aligned: is_ours(&source.dkim),
                    spf: checked(&source.spf),
                    dkim: checked(&source.dkim),
                    messages: share + if reporter == 0 { rest } else { 0 },
                };
                let key = ReportKey {
                    reporter: format!("reporter{reporter}.example").parse().unwrap(),
                    domain: self.domain.clone(),
                    id: at.to_string(),
                    begin: 0,
                    end: 86_399,
                };
                senders.add(&AggregateReport::new(key, "Reporter".to_owned(), [row]));
            }
        }
        let reported = Reported::of(&senders, &self.domain, 28);
        match self.reports.is_empty() {
            true => Err(NotCounted::Off("no DMARC report of it was imported")),
            false => Ok(reported),
        }
    }

    fn known(&self) -> Known {
        let unknown = NotCounted::Off("only mode monitor counts that");
        let mail = self.mail.as_ref().map(|mail| Traffic {
            days: mail.days,
            messages: mail.messages,
            signed: mail.signed,
            posts: mail.posts.clone(),
            claims: mail.claims.as_ref().ok_or(unknown).map(|claims| {
                let claims = claims.iter().cloned();
                claims
                    .map(|(client, mail_from, answers_for_itself, messages)| Claim {
                        client,
                        mail_from,
                        answers_for_itself,
                        messages,
                    })
                    .collect()
            }),
        });
        Known {
            purpose: match self.purpose.as_str() {
                "" => Purpose::People,
                "transactional" => Purpose::Transactional,
                "never_sends" => Purpose::NeverSends,
                other => panic!("{other}"),
            },
            senders: self
                .senders
                .iter()
                .map(|text| text.parse().unwrap())
                .collect(),
            selectors: self.selectors.clone(),
            hosts: self
                .hosts
                .iter()
                .map(|text| (text.parse().unwrap(), "smtp_bind_address".to_owned()))
                .collect(),
            unknown_hosts: self.unknown_hosts.clone(),
            reports_to: self.rua.clone(),
            mailing_lists: self.mailing_lists.clone(),
            mail: mail.ok_or(NotCounted::Off("no outgoing mail has been counted yet")),
            reported: self.reported(),
        }
    }
}

fn fixtures() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/advise");
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
}

/// The text about a zone, after what holds for every one was checked.
async fn said(file: &Path) -> String {
    let fixture: Fixture = serde_yaml::from_str(&fs::read_to_string(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(!fixture.about.is_empty());
    let zone = serde_yaml::to_string(&fixture.zone).unwrap();
    let zone = Zone::from_yaml(&zone).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let server = Server::start(zone).await;
    let settings = DnsSettings {
        nameservers: vec![server.addr().to_string().parse().unwrap()],
        timeout: "3s".parse().unwrap(),
        budget: "6s".parse().unwrap(),
        ..DnsSettings::default()
    };
    let resolver = Resolver::new(&settings).unwrap();
    let tested = Blocklists::default();
    let _ = tested.self_test(&fixture.dnsbl, &resolver).await;
    let lookup = resolver.budgeted(Instant::now() + Duration::from_secs(20));
    let lists = Lists {
        lists: &fixture.dnsbl,
        tested: &tested,
    };
    let advice = advise_on(&fixture.domain, fixture.known(), lists, &lookup).await;
    let printed = text(&advice);
    check(file, &printed, &advice);
    for record in advice.steps.iter().flat_map(|step| &step.records) {
        if record.value.starts_with("v=spf1") {
            let domain: Domain = record.name.parse().unwrap();
            for client in named(&record.value) {
                let result = try_record(&lookup, &domain, record.value.as_bytes(), client).await;
                assert_eq!(
                    result.result,
                    SpfResult::Pass,
                    "{}: {client}",
                    file.display()
                );
            }
        }
    }
    // A port of the system's choosing.
    let mut said = printed.replace(&server.addr().to_string(), "127.0.0.1:53535");
    if let Some(forgery) = &fixture.forgery {
        let facts = facts(&fixture.domain, fixture.known(), &lookup).await;
        said.push_str("\n\n`backstop check` warns:");
        for warning in contradictions(&facts, forgery) {
            said.push_str(&format!("\n{warning}"));
        }
        for silent in unanswered(&facts) {
            let silent = silent.replace(&server.addr().to_string(), "127.0.0.1:53535");
            said.push_str(&format!("\n(not known: {silent})"));
        }
    }
    said
}

/// The addresses that a record names by themselves.
fn named(record: &str) -> Vec<IpAddr> {
    let terms = record.split(' ');
    let networks = terms.filter_map(|term| term.strip_prefix("ip4:").or(term.strip_prefix("ip6:")));
    let addresses = networks.map(|network| network.split('/').next().unwrap());
    addresses.map(|address| address.parse().unwrap()).collect()
}

/// What holds for every text: it fits a terminal, which it does not command; and JSON has the same.
fn check(file: &Path, printed: &str, advice: &Advice) {
    for line in printed.lines() {
        assert!(line.chars().count() <= 100, "{}: {line}", file.display());
        assert!(
            !line.chars().any(char::is_control),
            "{}: {line:?}",
            file.display()
        );
        assert!(line.is_ascii(), "{}: {line:?}", file.display());
        assert_eq!(line.trim_end(), line, "{}: {line:?}", file.display());
    }
    let json = serde_json::to_value(advice).unwrap();
    let keys: Vec<&str> = json
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = [
        "domain",
        "purpose",
        "published",
        "findings",
        "counted",
        "questions",
        "steps",
        "end",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

/// With BLESS=1 in the environment it writes the texts; read the difference before you commit it.
#[tokio::test(flavor = "multi_thread")]
async fn each_zone_gets_its_advice() {
    let files = fixtures();
    assert!(files.len() >= 40, "only {} zones", files.len());
    let running: Vec<_> = files
        .iter()
        .cloned()
        .map(|file| tokio::spawn(async move { said(&file).await }))
        .collect();
    let mut wrong = Vec::new();
    for (file, running) in files.iter().zip(running) {
        let said = format!("{}\n", running.await.unwrap());
        let expected = file.with_extension("expected");
        if std::env::var_os("BLESS").is_some() {
            fs::write(expected, said).unwrap();
        } else if fs::read_to_string(expected).unwrap_or_default() != said {
            wrong.push(format!("{}:\n{said}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nobody enters a record by what was counted: only by the owner's word, or because the record has it already.
#[tokio::test(flavor = "multi_thread")]
async fn who_only_claims_enters_no_record() {
    for file in fixtures() {
        let fixture: Fixture = serde_yaml::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let claims = fixture.mail.iter().filter_map(|mail| mail.claims.as_ref());
        let claims = claims.flatten().map(|(client, ..)| client.clone());
        let reported = fixture
            .reports
            .iter()
            .map(|source| source.address.to_string());
        let all: Vec<String> = claims.chain(reported).collect();
        let expected = fs::read_to_string(file.with_extension("expected")).unwrap();
        let records = expected.lines().filter(|line| line.starts_with("    "));
        let records: Vec<&str> = records.collect();
        for client in &all {
            let is_named = [&fixture.senders, &fixture.hosts]
                .into_iter()
                .any(|named| named.contains(client));
            let is_named = is_named || fixture.zone_has(client);
            let enters = records
                .iter()
                .any(|line| line.contains(&format!(":{client}")));
            assert!(is_named || !enters, "{}: {client}", file.display());
        }
    }
}

/// Words that records are made of, right, wrong and hostile ones.
const WORDS: [&str; 40] = [
    "v=spf1",
    "v=spf1",
    "a",
    "mx",
    "ptr",
    "all",
    "-all",
    "~all",
    "?all",
    "+all",
    "ip4:192.0.2.0/28",
    "ip4:198.51.100.7",
    "ip6:2001:db8::/32",
    "ipv4:203.0.113.9",
    "ip4=203.0.113.8",
    "ip4:0.0.0.0/0",
    "ip4:300.1.1.1",
    "a:mx.example.org",
    "mx:none.example.org",
    "-ip4:192.0.2.3",
    "?include:d1.test",
    "include:d2.test",
    "include:d3.test",
    "include:gone.test",
    "redirect=d4.test",
    "redirect=d5.test",
    "exists:%{i}.d1.test",
    "exp=why.test",
    "unknown=%{d}",
    "%{",
    "\"",
    "\\",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{e4}",
    "ip4:192.0.2.1ip4:192.0.2.9",
    "spf2.0/pra",
    "include:",
    "a//",
    "mx/33",
];
const TAGS: [&str; 24] = [
    "v=DMARC1",
    "v=DMARC1",
    "v=dmarc1",
    "p=none",
    "p=quarantine",
    "p=reject",
    "p=",
    "sp=reject",
    "sp=none",
    "np=none",
    "t=y",
    "t=n",
    "t=z",
    "pct=10",
    "rua=mailto:a@example.org",
    "rua=mailto:a@d1.test,b",
    "ruf=mailto:x@y.example",
    "fo=1:d",
    "fo=9",
    "adkim=s",
    "aspf=x",
    "psd=y",
    "\u{1b}]0;x\u{7}",
    "=",
];

/// A generator whose numbers are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn text(&mut self, words: &[&str], between: &str) -> String {
        let length = 1 + self.roll(9);
        let chosen: Vec<&str> = (0..length).map(|_| words[self.roll(words.len())]).collect();
        chosen.join(between)
    }
}

/// Whatever stands there: the text fits a terminal, and each record that is printed lets those pass whom it names, and no
/// stranger. Records lead to one another, also in circles.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_printed_holds_whatever_is_published() {
    const DOMAINS: usize = 250;
    let mut dice = Dice(20_261_130);
    let mut zone = Zone::new().a("mx.example.org", "192.0.2.25".parse().unwrap());
    for at in 0..DOMAINS {
        let name = format!("d{at}.test");
        for _ in 0..1 + dice.roll(4) / 3 {
            let first = if dice.roll(5) > 0 { "v=spf1 " } else { "" };
            zone = zone.txt(&name, format!("{first}{}", dice.text(&WORDS, " ")));
        }
        let first = if dice.roll(5) > 0 { "v=DMARC1; " } else { "" };
        zone = zone.txt(
            &format!("_dmarc.{name}"),
            format!("{first}{}", dice.text(&TAGS, "; ")),
        );
        if dice.roll(3) > 0 {
            zone = zone.mx(
                &name,
                10,
                ["mx.example.org", "mx.gone.test", "."][dice.roll(3)],
            );
        }
    }
    let server = Server::start(zone).await;
    let settings = DnsSettings {
        nameservers: vec![server.addr().to_string().parse().unwrap()],
        ..DnsSettings::default()
    };
    let resolver = Resolver::new(&settings).unwrap();
    let tested = Blocklists::default();
    let lists = Lists {
        lists: &[],
        tested: &tested,
    };
    let (mut printed, mut withheld) = (0, 0);
    for at in 0..DOMAINS {
        let lookup = resolver.budgeted(Instant::now() + Duration::from_secs(20));
        let yaml = format!("about: x\ndomain: d{at}.test\nhosts: [192.0.2.25]\nzone: {{}}\n");
        let mut fixture: Fixture = serde_yaml::from_str(&yaml).unwrap();
        let purposes = ["", "transactional", "never_sends"];
        purposes[dice.roll(3)].clone_into(&mut fixture.purpose);
        let advice = advise_on(&fixture.domain, fixture.known(), lists, &lookup).await;
        check(Path::new(&format!("d{at}.test")), &text(&advice), &advice);
        let records = advice.steps.iter().flat_map(|step| &step.records);
        let spf: Vec<_> = records
            .filter(|record| record.value.starts_with("v=spf1"))
            .collect();
        withheld += usize::from(spf.is_empty());
        for record in spf {
            printed += 1;
            let domain: Domain = record.name.parse().unwrap();
            let of = async |client: IpAddr| {
                let value = record.value.as_bytes();
                try_record(&lookup, &domain, value, client).await.result
            };
            for client in named(&record.value) {
                assert_eq!(
                    of(client).await,
                    SpfResult::Pass,
                    "{domain}: {client}: {record:?}"
                );
            }
            for stranger in ["198.51.100.200", "2001:db9::1"] {
                let result = of(stranger.parse().unwrap()).await;
                let expected = [SpfResult::Softfail, SpfResult::Fail];
                assert!(
                    expected.contains(&result),
                    "{domain}: {stranger}: {result}: {record:?}"
                );
            }
        }
    }
    assert!(printed > 300 && withheld > 0, "{printed} {withheld}");
}

impl Fixture {
    fn zone_has(&self, client: &str) -> bool {
        serde_yaml::to_string(&self.zone).unwrap().contains(client)
    }
}
