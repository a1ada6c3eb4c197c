//! What a client answers for its own domain, as a table: for each key that a row may set, a file that says the opposite.

mod shared;

use backstop::core::{
    policy::{Judgement, Policy, WasLearned},
    spf::SpfResult::Fail,
    tenant::TenantAnswers,
};
use serde::de::DeserializeOwned;

use crate::scenario::{DSN, Scenario, answer, bounce, keys, mail, policy};

const SITE: &str = "
mode: enforce
local: {domains: [example.org, example.net]}
exempt: {recipients: [abuse]}
spf: {mail_from: {fail: reject}}
forgery: {header_from: accept}
null_sender: {never_send: [nobody], not_a_notification: accept, unauthenticated_reports: accept}
recipients:
  - domain: example.org
    known: [{addresses: [joe]}]
    catch_all: {mail: accept, bounces: accept}
headers: [{header: Subject, match: casino, when: always, action: reject}]
proof: {unproven: accept, unproven_replies: accept}
siege: {unproven: accept, catch_all: {mail: accept, bounces: accept}, extra_recipients: accept, listed: accept}
";
const RECEIPT: &str = "From: bob@friend.example\nSubject: Read: hello\n\
    Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n";
/// Nothing in them says that it is a notification; but two signs that newsletters have, too.
const LIKE_A_REPLY: &str = "From: bob@friend.example\nSubject: Re: hello\nPrecedence: bulk\nX-Auto-Response-Suppress: All\n";

pub fn yaml<T: DeserializeOwned>(text: &str) -> T {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A row that sets this key.
pub fn row(key: &str, value: &str) -> TenantAnswers {
    let mut row = TenantAnswers {
        from: "tenants.yaml".into(),
        ..TenantAnswers::default()
    };
    match key {
        "mode" => row.mode = Some(yaml(value)),
        "catch_all" => row.catch_all = Some(yaml(value)),
        "unknown" => row.unknown = Some(yaml(value)),
        "never_send" => row.never_send = Some(Box::new(yaml(value))),
        "unproven" => row.unproven = Some(yaml(value)),
        "unproven_replies" => row.unproven_replies = Some(yaml(value)),
        "siege.unproven" => row.siege_unproven = Some(yaml(value)),
        "siege.catch_all" => row.siege_catch_all = Some(yaml(value)),
        "exempt.recipients" => row.exempt_recipients = Some(Box::new(yaml(value))),
        other => panic!("{other} is no key of a row"),
    }
    row
}

/// A key, what the file says and in which words, and mail that is answered otherwise by the two values.
struct Line {
    key: &'static str,
    /// What stands in the file, and in its place for each value.
    file: (&'static str, [&'static str; 2]),
    /// The same in a row.
    row: [&'static str; 2],
    sent: Scenario,
    /// The stage that answers otherwise, and what both answer.
    stage: &'static str,
    answers: [&'static str; 2],
}

fn lines() -> Vec<Line> {
    let casino = "From: bob@friend.example\nSubject: casino\n";
    let daemon = || mail().headers(DSN).to("any@example.org");
    let besieged = |sent: Scenario| sent.besieged(WasLearned::No);
    let soft = "{mail: accept, bounces: accept}";
    let hard = "{mail: tempfail, bounces: reject}";
    let mode = ("mode: enforce", ["mode: monitor", "mode: enforce"]);
    let catch_all = (
        "    catch_all: {mail: accept, bounces: accept}",
        [
            "    catch_all: {mail: accept, bounces: accept}",
            "    catch_all: {mail: tempfail, bounces: reject}",
        ],
    );
    let bounces = (
        "    catch_all: {mail: accept, bounces: accept}",
        [
            "    catch_all: {mail: accept, bounces: accept}",
            "    catch_all: {mail: accept, bounces: reject}",
        ],
    );
    let unknown = (
        "    catch_all: {mail: accept, bounces: accept}",
        [
            "    unknown: {mail: accept, bounces: accept}",
            "    unknown: {mail: tempfail, bounces: reject}",
        ],
    );
    let never_send = (
        "never_send: [nobody]",
        ["never_send: [x]", "never_send: [joe]"],
    );
    let unproven = (
        "{unproven: accept",
        ["{unproven: accept", "{unproven: reject"],
    );
    let replies = (
        "unproven_replies: accept",
        ["unproven_replies: accept", "unproven_replies: reject"],
    );
    let siege_unproven = (
        "siege: {unproven: accept",
        ["siege: {unproven: accept", "siege: {unproven: reject"],
    );
    let siege_catch_all = (
        "accept, catch_all: {mail: accept, bounces: accept}",
        [
            "accept, catch_all: {mail: accept, bounces: accept}",
            "accept, catch_all: {mail: tempfail, bounces: reject}",
        ],
    );
    let exempt = (
        "exempt: {recipients: [abuse]}",
        ["exempt: {recipients: [joe]}", "exempt: {recipients: []}"],
    );
    let nothing = "accept nothing_found";
    let joe = |sent: Scenario| sent.to("joe@example.org").listed(&["joe"]);
    let required = |policy: &mut Policy| {
        policy.proof.batv.required = true;
        policy.proof.keys = keys();
    };
    let refuses_unproven = |policy: &mut Policy| policy.proof.unproven = yaml("reject");
    [
        // Of each stage one that refuses.
        (
            "mode",
            mode,
            ["monitor", "enforce"],
            joe(mail().spf(Fail)),
            "rcpt",
            ["tag spf_fail would=reject", "reject spf_fail"],
        ),
        (
            "mode",
            mode,
            ["monitor", "enforce"],
            joe(bounce())
                .with_policy(required)
                .with_policy(refuses_unproven),
            "data",
            ["tag unproven would=reject", "reject unproven"],
        ),
        (
            "mode",
            mode,
            ["monitor", "enforce"],
            joe(mail().headers(casino)),
            "headers",
            ["tag header_rule would=reject", "reject header_rule"],
        ),
        (
            "mode",
            mode,
            ["monitor", "enforce"],
            joe(bounce()).with_policy(refuses_unproven),
            "content",
            ["tag unproven would=reject", "reject unproven"],
        ),
        (
            "catch_all",
            catch_all,
            [soft, hard],
            mail().to("any@example.org"),
            "rcpt",
            [nothing, "tempfail catch_all_mail"],
        ),
        (
            "catch_all",
            catch_all,
            [soft, hard],
            bounce().to("any@example.org"),
            "rcpt",
            [nothing, "reject catch_all_bounce"],
        ),
        (
            "catch_all",
            bounces,
            [
                "{mail: accept, bounces: accept}",
                "{mail: accept, bounces: reject}",
            ],
            daemon(),
            "headers",
            [nothing, "reject catch_all_bounce"],
        ),
        (
            "unknown",
            unknown,
            [soft, hard],
            mail().to("any@example.org"),
            "rcpt",
            [nothing, "tempfail unknown_mail"],
        ),
        (
            "unknown",
            unknown,
            [soft, hard],
            bounce().to("any@example.org"),
            "rcpt",
            [nothing, "reject unknown_bounce"],
        ),
        (
            "never_send",
            never_send,
            ["[x]", "[joe]"],
            joe(bounce()),
            "rcpt",
            [nothing, "reject never_sends"],
        ),
        (
            "never_send",
            never_send,
            ["[]", "{addresses: [joe], action: reject}"],
            joe(bounce().to("joe+shop@example.org")),
            "rcpt",
            [nothing, "reject never_sends"],
        ),
        (
            "never_send",
            never_send,
            ["[x]", "[joe]"],
            joe(daemon()),
            "headers",
            [nothing, "reject never_sends"],
        ),
        (
            "unproven",
            unproven,
            ["accept", "reject"],
            joe(bounce()),
            "content",
            [nothing, "reject unproven"],
        ),
        (
            "unproven",
            unproven,
            ["accept", "reject"],
            joe(daemon()),
            "content",
            [nothing, "reject unproven"],
        ),
        (
            "unproven",
            unproven,
            ["accept", "reject"],
            joe(bounce()).with_policy(required),
            "data",
            [nothing, "reject unproven"],
        ),
        (
            "unproven_replies",
            replies,
            ["accept", "reject"],
            joe(bounce().headers(RECEIPT)),
            "content",
            [nothing, "reject unproven"],
        ),
        (
            "unproven_replies",
            replies,
            ["accept", "reject"],
            joe(bounce().headers(LIKE_A_REPLY)),
            "content",
            [nothing, "reject unproven"],
        ),
        (
            "siege.unproven",
            siege_unproven,
            ["accept", "reject"],
            besieged(joe(bounce())),
            "content",
            [nothing, "reject siege_unproven"],
        ),
        (
            "siege.unproven",
            siege_unproven,
            ["accept", "reject"],
            besieged(joe(bounce())).with_policy(required),
            "data",
            [nothing, "reject siege_unproven"],
        ),
        (
            "siege.unproven",
            siege_unproven,
            ["accept", "reject"],
            besieged(joe(bounce().headers(LIKE_A_REPLY))),
            "content",
            [nothing, "reject siege_unproven"],
        ),
        (
            "siege.catch_all",
            siege_catch_all,
            [soft, hard],
            besieged(mail().to("any@example.org")),
            "rcpt",
            [nothing, "tempfail siege_catch_all_mail"],
        ),
        (
            "siege.catch_all",
            siege_catch_all,
            [soft, hard],
            besieged(bounce().to("any@example.org")),
            "rcpt",
            [nothing, "reject siege_catch_all_bounce"],
        ),
        (
            "exempt.recipients",
            exempt,
            ["[joe]", "[]"],
            joe(mail().spf(Fail)),
            "rcpt",
            ["accept exempt_recipient", "reject spf_fail"],
        ),
        (
            "exempt.recipients",
            exempt,
            ["[joe]", "[]"],
            joe(bounce())
                .with_policy(required)
                .with_policy(refuses_unproven),
            "data",
            [nothing, "reject unproven"],
        ),
        (
            "exempt.recipients",
            exempt,
            ["[joe]", "[]"],
            joe(mail().headers(casino)),
            "headers",
            ["accept exempt_recipient", "reject header_rule"],
        ),
        (
            "exempt.recipients",
            exempt,
            ["[joe]", "[]"],
            joe(bounce()).with_policy(refuses_unproven),
            "content",
            ["not judged", "reject unproven"],
        ),
    ]
    .into_iter()
    .map(|(key, file, row, sent, stage, answers)| Line {
        key,
        file,
        row,
        sent,
        stage,
        answers,
    })
    .collect()
}

/// What each stage answered, and by which rules; an entry of a row is one of the file's list.
fn course(sent: &Scenario, policy: &Policy) -> Vec<(&'static str, String)> {
    let stages = sent.stages(policy);
    let named = [
        ("rcpt", Some(stages.rcpt)),
        ("data", stages.data),
        ("headers", stages.headers),
        ("content", stages.content),
    ];
    let shown = |judgement: &Judgement| {
        let by = judgement.verdict.by.as_ref().map(ToString::to_string);
        let by = by.unwrap_or_default();
        let by = by.replace("tenants.never_send", "null_sender.never_send");
        let by = by.replace("tenants.exempt", "exempt");
        let checks = judgement.checks.iter();
        let checks = checks.filter(|check| check.name != "tenants");
        let checks: Vec<_> = checks.map(|check| (check.name, check.rule)).collect();
        format!("{}, {by}, {checks:?}", answer(&judgement.verdict))
    };
    named
        .into_iter()
        .map(|(name, judged)| (name, judged.as_ref().map_or("not judged".to_owned(), shown)))
        .collect()
}

/// The row decides whatever the file says, at the stage that asks, and the file where the row says nothing.
#[test]
fn each_key_of_a_row_stands_in_the_place_of_the_file() {
    let lines = lines();
    let mut wrong = Vec::new();
    for line in &lines {
        let Line {
            key,
            row: values,
            sent,
            ..
        } = line;
        let (from, to) = line.file;
        let files = to.map(|to| policy(SITE, &[(from, to)]));
        let by_file = [0, 1].map(|place: usize| course(sent, &files[place]));
        for place in [0, 1] {
            let what = format!("{key} {} at {}", values[place], line.stage);
            let mut stages = by_file[place].iter();
            let (_, found) = stages.find(|(name, _)| *name == line.stage).unwrap();
            if !found.starts_with(line.answers[place]) {
                wrong.push(format!("{what}: not {} but {found}", line.answers[place]));
            }
            let mut compare = |how: &str, row: &TenantAnswers, file: &Policy| {
                let found = course(&sent.clone().tenant(row), file);
                if found != by_file[place] {
                    wrong.push(format!(
                        "{what}, {how}: {found:#?}\ninstead of {:#?}",
                        by_file[place]
                    ));
                }
            };
            compare("soft file", &row(key, values[place]), &files[0]);
            compare("strict file", &row(key, values[place]), &files[1]);
            compare("no row", &TenantAnswers::default(), &files[place]);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let mut keys: Vec<_> = lines.iter().map(|line| line.key).collect();
    keys.dedup();
    let all = [
        "mode",
        "catch_all",
        "unknown",
        "never_send",
        "unproven",
        "unproven_replies",
        "siege.unproven",
        "siege.catch_all",
        "exempt.recipients",
    ];
    assert_eq!(keys, all);
}

/// As the file may not say it either: no list and no rule has an address, so all its mail would be refused.
#[test]
fn a_row_does_not_refuse_all_mail_of_a_domain() {
    const NONE: &str = "recipients: []";
    let list = "recipients:\n  - domain: example.org\n    known: [{addresses: [joe]}]";
    let rule = "recipients:\n  - domain: example.org\n    rules: [{match: 'a.*', mail: accept}]";
    let bare = "recipients:\n  - domain: example.org\n    unknown: {mail: tag}";
    let site = format!("mode: enforce\nlocal: {{domains: [example.org]}}\n{NONE}\n");
    for (entry, key, value, expected) in [
        (
            NONE,
            "unknown",
            "{mail: reject, bounces: reject}",
            "accept nothing_found",
        ),
        (NONE, "catch_all", "{mail: reject}", "accept nothing_found"),
        (bare, "unknown", "{mail: reject}", "tag unknown_mail"),
        (bare, "catch_all", "{mail: tempfail}", "tag unknown_mail"),
        (bare, "unknown", "{mail: accept}", "accept nothing_found"),
        (
            list,
            "unknown",
            "{mail: reject}",
            "reject unknown_mail 550 5.1.1",
        ),
        (
            list,
            "catch_all",
            "{mail: tempfail}",
            "tempfail catch_all_mail 450 4.1.1",
        ),
        (
            rule,
            "unknown",
            "{mail: reject}",
            "reject unknown_mail 550 5.1.1",
        ),
    ] {
        let policy = policy(&site, &[(NONE, entry)]);
        let sent = mail().to("x@example.org").tenant(&row(key, value));
        let judged = sent.at_rcpt(&policy);
        assert_eq!(answer(&judged.verdict), expected, "{entry} {key} {value}");
    }
}

/// What the row says is shown where it is read, and an address of another domain that the mail is routed to is the file's.
#[test]
fn a_row_is_shown_and_is_its_own_domains() {
    let site = policy(
        SITE,
        &[("never_send: [nobody]", "never_send: [news@example.net]")],
    );
    let row = row("never_send", "{addresses: [news, ads], action: tempfail}");
    for (to, expected, by) in [
        (
            "news@example.org",
            "tempfail never_sends 450 4.7.1",
            "tenants.never_send:news",
        ),
        (
            "news%example.net@example.org",
            "reject never_sends 550 5.7.1",
            "null_sender.never_send:news@example.net",
        ),
        ("ads%example.net@example.org", "accept nothing_found", ""),
    ] {
        let judged = bounce().to(to).tenant(&row).at_rcpt(&site);
        let found = judged.verdict.by.as_ref().map(ToString::to_string);
        assert_eq!(
            (answer(&judged.verdict), found.unwrap_or_default()),
            (expected.to_owned(), by.to_owned()),
            "{to}"
        );
        let shown = judged
            .checks
            .iter()
            .find(|check| check.name == "tenants")
            .unwrap();
        assert_eq!(
            shown.finding, "tenants.yaml: never_send [news, ads]: tempfail",
            "{to}"
        );
    }
    let open = self::row("exempt.recipients", "[open]");
    for (to, by) in [
        ("open@example.org", Some("tenants.exempt.recipients:open")),
        ("postmaster@example.org", None),
    ] {
        let judged = mail().spf(Fail).to(to).tenant(&open).at_rcpt(&site);
        assert!(judged.verdict.is_accepted(), "{to}");
        let found = judged.verdict.by.as_ref().map(ToString::to_string);
        assert_eq!(found.as_deref(), by, "{to}");
    }
}
