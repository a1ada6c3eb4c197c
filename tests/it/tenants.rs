//! What the commands say of clients' rows.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

struct Site(TempDir);

impl Site {
    /// One with this below `tenants:`.
    fn new(tenants: &str) -> Self {
        let site = Self(lab::mta::folder_in_memory().unwrap());
        let yaml = format!(
            "listen: unix:{}/s\nsocket: {{mode: 0660, group: root}}\nstore: sqlite:{}/state.db\n\
             local: {{domains: [example.org, example.net, .example]}}\ndns: {{nameservers: ['127.0.0.1:9'], timeout: 100ms, budget: 200ms}}\n\
             siege: {{unproven: tag}}\ntenants: {tenants}\n",
            site.path().display(),
            site.path().display(),
        );
        fs::write(site.path().join("milter.yaml"), yaml).unwrap();
        site
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(arguments)
            .current_dir(self.path())
            .env_remove("RUST_LOG")
            .output()
            .unwrap()
    }

    fn says(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.run(arguments).stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.run(arguments).stdout).unwrap()
    }
}

const CHECK: [&str; 3] = ["--config=milter.yaml", "check", "--offline"];

#[test]
fn check_shows_each_wrong_row_with_its_line() {
    for (name, text, expected) in [
        (
            "rows.yaml",
            "example.org: {mode: enforce}\n\
             example.net:\n  mode: enfroce\n  unproven: \"a\\u0007b\"\n\
             a.example: {never_send: [x@b.example]}\n\
             '*': {mode: enforce}\n",
            vec![
                (
                    2,
                    "example.net: mode is `enfroce`: unknown variant `enfroce`",
                    "expected monitor or enforce",
                ),
                (
                    2,
                    "example.net: unproven is `\"a\\u0007b\"`",
                    "expected accept, tag",
                ),
                (
                    5,
                    "a.example: never_send is `[x@b.example]`: `x@b.example` is not of a.example",
                    "a list of addresses",
                ),
                (
                    6,
                    "*: it is no domain name",
                    "one domain, such as example.org",
                ),
            ],
        ),
        (
            "rows.csv",
            "domain,mode,unproven\nexample.org,enforce,reject\nexample.net,enforce\nexample.org,monitor,\n",
            vec![
                (
                    3,
                    "example.net: it has more or fewer values than the header line",
                    "one value for each column",
                ),
                (
                    4,
                    "example.org: there is another row for this domain in line 2",
                    "one row for a domain",
                ),
            ],
        ),
    ] {
        let site = Site::new(&format!(
            "{{allow: [mode, unproven, never_send], file: {name}}}"
        ));
        site.write(name, text);
        let shown = site.json(&[&CHECK[..], &["--json"]].concat());
        let of_file = |problem: &&Value| {
            problem["file"]
                .as_str()
                .is_some_and(|file| file.ends_with(name))
        };
        let warnings = shown["warnings"].as_array().unwrap();
        let warnings: Vec<_> = warnings.iter().filter(of_file).collect();
        assert_eq!(warnings.len(), expected.len(), "{shown}");
        for (warning, (line, message, help)) in warnings.iter().zip(expected) {
            assert_eq!(warning["line"], line, "{warning}");
            assert!(
                warning["message"].as_str().unwrap().starts_with(message),
                "{warning}"
            );
            assert!(
                warning["help"].as_str().unwrap().contains(help),
                "{warning}"
            );
        }
        let said = site.says(&CHECK);
        assert!(said.contains(&format!("{name}:")), "{said}");
        assert!(
            !said.contains(|c: char| c.is_control() && c != '\n'),
            "{said:?}"
        );
        assert!(said.contains("tenants' own answers: from "), "{said}");
    }
    // A file that is no such file is a problem.
    let site = Site::new("{allow: [mode], file: rows.csv}");
    site.write("rows.csv", "domain,modus\n");
    let output = site.run(&CHECK);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("line 1: `modus` is no key; expected domain and some of mode"),
        "{said}"
    );
}

#[test]
fn check_warns_of_clients_that_refuse_without_coverage() {
    let site = Site::new("{allow: [unproven], file: rows.yaml}");
    let rows: String = (0..7)
        .map(|number| format!("c{number}.example: {{unproven: reject}}\n"))
        .collect();
    site.write(
        "rows.yaml",
        &format!("{rows}example.org: {{unproven: tag}}\n"),
    );
    let said = site.says(&CHECK);
    let lines: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("tenants: unproven of "))
        .collect();
    let [line] = lines[..] else {
        panic!("{said}");
    };
    assert!(
        line.contains(
            "unproven of c0.example is reject, but no outgoing mail of example has been counted"
        ),
        "{line}"
    );
    assert!(
        line.contains("; and 2 more (see `backstop report coverage`)"),
        "{line}"
    );
}

#[cfg(feature = "sql")]
#[test]
fn check_shows_the_columns_that_a_query_answers_with() {
    use sqlx::{ConnectOptions, Connection, Executor, sqlite::SqliteConnectOptions};
    for (columns, code, says) in [
        ("mode, unproven", 1, "with the columns mode, unproven"),
        (
            "domain, mode, unproven",
            1,
            "with the columns domain, mode, unproven",
        ),
        (
            "mode, domain AS owner",
            1,
            "the column `owner` is no key, so every row is wrong",
        ),
        (
            "mode, never_send",
            1,
            "tenants.allow does not name the column `never_send`, so every row is wrong",
        ),
        ("mode, nonesuch", 1, "no such column: nonesuch"),
    ] {
        let site = Site::new("{}");
        let file = site.path().join("panel.db");
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let options = SqliteConnectOptions::new()
                .filename(&file)
                .create_if_missing(true);
            let mut connection = options.connect().await.unwrap();
            let table =
                "CREATE TABLE answers (domain TEXT, mode TEXT, unproven TEXT, never_send TEXT)";
            connection.execute(table).await.unwrap();
            connection.close().await.unwrap();
        });
        let yaml = fs::read_to_string(site.path().join("milter.yaml")).unwrap();
        let sql = format!(
            "{{allow: [mode, unproven], sql: {{url: 'sqlite:{}', query: 'SELECT {columns} FROM answers WHERE domain = :domain'}}}}",
            file.display()
        );
        site.write(
            "milter.yaml",
            &yaml.replace("tenants: {}", &format!("tenants: {sql}")),
        );
        let output = site.run(&CHECK[..2]);
        // No name server answers here.
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains(says), "{columns}: {said}");
        assert_eq!(
            said.contains("every row is wrong"),
            says.contains("every row is wrong"),
            "{said}"
        );
        let status = site.says(&["--config=milter.yaml", "status"]);
        let answers = format!("tenants: sqlite:{}: answers in", file.display());
        assert_eq!(
            status.contains(&answers),
            !columns.contains("nonesuch"),
            "{status}"
        );
    }
}

#[test]
fn status_shows_how_many_rows_there_are() {
    let site = Site::new("{allow: [mode], file: rows.yaml}");
    site.write(
        "rows.yaml",
        "example.org: {mode: enforce}\nexample.net: {mode: x}\n",
    );
    let status = || {
        let status = site.json(&["--config=milter.yaml", "status", "--json"]);
        status["tenants"].clone()
    };
    let tenants = status();
    assert_eq!(tenants["is_well"], true, "{tenants}");
    let says = tenants["says"].as_str().unwrap();
    assert!(
        says.contains("rows.yaml: 2 rows read, 1 of them wrong"),
        "{says}"
    );
    assert!(says.contains("line 2: example.net: mode is `x`"), "{says}");
    site.write("rows.yaml", "- example.org\n");
    let tenants = status();
    assert_eq!(tenants["is_well"], false, "{tenants}");
    assert!(
        tenants["says"]
            .as_str()
            .unwrap()
            .contains("every domain is in monitor"),
        "{tenants}"
    );
    assert!(
        Site::new("{}").json(&["--config=milter.yaml", "status", "--json"])["tenants"].is_null()
    );
}

/// What is judged is judged by the row: of a file and of a database, right, wrong, missing and out of reach.
#[test]
fn explain_judges_by_the_row() {
    let more = "mode: enforce\nrecipients: [{domain: '*', known: [{addresses: [joe]}], unknown: {mail: reject, bounces: reject}}]\n";
    let explain = |site: &Site, domain: &str| {
        let rcpt = format!("nobody@{domain}");
        let said = site.says(&[
            "--config=milter.yaml",
            "explain",
            "--no-dns",
            "--client-ip=192.0.2.1",
            "--helo=client.example",
            "--mail-from=a@pass.test",
            "--rcpt",
            &rcpt,
        ]);
        let verdict = said.lines().find(|line| line.contains("verdict: "));
        verdict.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let with = |tenants: &str| {
        let site = Site::new(tenants);
        let yaml = fs::read_to_string(site.path().join("milter.yaml")).unwrap();
        site.write("milter.yaml", &format!("{more}{yaml}"));
        site
    };
    let site = with("{allow: [mode, unknown], file: rows.yaml}");
    site.write(
        "rows.yaml",
        "example.org: {mode: monitor}\nexample.net: {mode: x}\na.example: {unknown: {mail: tempfail}}\n",
    );
    for (domain, verdict) in [
        ("example.org", "would reject if enforced; mode monitor"),
        ("example.net", "would reject if enforced; mode monitor"),
        (
            "a.example",
            "verdict: tempfail (unknown_mail); mode enforce",
        ),
        ("b.example", "verdict: reject (unknown_mail); mode enforce"),
    ] {
        let said = explain(&site, domain);
        assert!(said.contains(verdict), "{domain}: {said}");
    }
    let shown = site.says(&[
        "--config=milter.yaml",
        "check",
        "--offline",
        "--domain=example.org",
    ]);
    assert!(
        shown.contains("tenants: ") && shown.contains("rows.yaml:1: mode monitor"),
        "{shown}"
    );
    let output = site.run(&[
        "--config=milter.yaml",
        "check",
        "--offline",
        "--domain=example.net",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains("problem: tenants: line 2: example.net: mode is `x`"),
        "{shown}"
    );
    // A file that is none: nobody's mail is refused for it.
    site.write("rows.yaml", "- x\n");
    assert!(explain(&site, "b.example").contains("mode monitor"));
    // Neither does a server that is down and was never asked.
    if cfg!(feature = "sql") {
        let site = with(
            "{allow: [mode], sql: {url: 'postgres://x@127.0.0.1:9/x', query: 'SELECT mode FROM t WHERE d = :domain'}}",
        );
        assert!(explain(&site, "b.example").contains("would reject if enforced; mode monitor"));
    }
}

/// A misspelt domain is no mistake in the row, but its tenant believes that it counts.
#[test]
fn check_tells_rows_of_domains_that_are_not_ours() {
    let site = Site::new("{allow: [mode], file: rows.csv}");
    let told = |said: &str| {
        let line = said
            .lines()
            .find(|line| line.contains("not in local.domains"));
        line.unwrap_or_default()
            .replace(&format!("{}/", site.path().display()), "")
    };
    for (domains, wanted) in [
        (&["example.org", "a.example", "EXAMPLE.net."][..], ""),
        (
            &["exmaple.org", "example.org"],
            "rows.csv: 1 row for domains that are not in local.domains: exmaple.org",
        ),
        (
            &["f.test", "e.test", "d.test", "c.test", "b.test", "a.test"],
            "rows.csv: 6 rows for domains that are not in local.domains: a.test, b.test, c.test, d.test, e.test, ...",
        ),
    ] {
        let rows = domains.iter().map(|domain| format!("{domain},monitor\n"));
        site.write(
            "rows.csv",
            &format!("domain,mode\n{}", String::from_iter(rows)),
        );
        assert_eq!(told(&site.says(&CHECK)), wanted);
    }
}

/// What applies to a domain, is what its row says where it says something, and what the file says elsewhere.
#[test]
fn check_shows_what_applies_with_the_row() {
    let allow = "[mode, catch_all, unknown, never_send, unproven, unproven_replies, siege.unproven, siege.catch_all, \
                 exempt.recipients]";
    let site = Site::new(&format!(
        "{{allow: {allow}, file: rows.csv}}\nrecipients:\n\
         \x20 - {{domain: '*', known: [{{addresses: [joe]}}], unknown: {{mail: tag}}}}\n\
         \x20 - {{domain: example.net, catch_all: {{mail: accept}}}}"
    ));
    let line = |said: &str, key: &str| {
        let line = said
            .lines()
            .find(|line| line.starts_with(&format!("{key}: ")));
        line.unwrap_or_default().to_owned()
    };
    let without = |key: &str| {
        site.write("rows.csv", "domain,mode\n");
        line(
            &site.says(&[&CHECK[..], &["--domain=example.org"]].concat()),
            key,
        )
    };
    for (column, value, key, wanted) in [
        (
            "mode",
            "enforce",
            "mode",
            "mode: enforce: verdicts act, as `tenants` says",
        ),
        (
            "unknown",
            "{mail: reject}",
            "recipients.unknown",
            "recipients.unknown: all others: mail reject, bounces accept, as `tenants` says",
        ),
        (
            "catch_all",
            "{mail: tempfail}",
            "recipients.catch_all",
            "recipients.catch_all: all others: mail tempfail, bounces accept, as `tenants` says",
        ),
        (
            "never_send",
            "[noreply]",
            "null_sender.never_send",
            "null_sender.never_send: `noreply`: bounces: reject, as `tenants` says",
        ),
        (
            "exempt_recipients",
            "[joe]",
            "exempt.recipients",
            "exempt.recipients: `joe`: gets all its mail, as `tenants` says",
        ),
        (
            "unproven",
            "tempfail",
            "proof",
            "unproven bounces: tempfail",
        ),
        (
            "UNPROVEN",
            "tempfail",
            "proof",
            "; unproven, as `tenants` says",
        ),
        (
            "unproven_replies",
            "tempfail",
            "proof",
            "; unproven_replies, as `tenants` says",
        ),
        (
            "siege.unproven",
            "tempfail",
            "siege",
            "unproven notifications: tempfail",
        ),
        (
            "siege_unproven",
            "tempfail",
            "siege",
            "; siege.unproven, as `tenants` says",
        ),
        (
            "siege.catch_all",
            "{mail: tag}",
            "siege",
            "mail tag, bounces reject; siege.catch_all, as `tenants` says",
        ),
    ] {
        let before = without(key);
        assert!(
            !before.contains(wanted) && !before.contains("as `tenants`"),
            "{before}"
        );
        site.write(
            "rows.csv",
            &format!("Domain,{column}\nexample.org,\"{value}\"\n"),
        );
        let said = site.says(&[&CHECK[..], &["--domain=example.org"]].concat());
        let shown = line(&said, key);
        assert!(shown.contains(wanted), "{column}: {said}");
        // It stands nowhere in the file.
        assert!(!shown.contains("milter.yaml"), "{shown}");
    }
}

/// Nor are answers shown as if they were in force that are not; and a file that can't be read is told with its reason.
#[test]
fn check_shows_what_of_a_row_is_not_in_force() {
    let site = Site::new(
        "{allow: [unknown], file: rows.csv}\nrecipients: [{domain: example.net, catch_all: {mail: accept}}]",
    );
    site.write("rows.csv", "domain,unknown\nexample.net,{mail: reject}\n");
    let of_net = [&CHECK[..], &["--domain=example.net"]].concat();
    let said = site.says(&of_net);
    for line in [
        "recipients.catch_all: all others: mail accept, bounces accept (milter.yaml:",
        "tenants: its `unknown` would refuse all its mail, as no list and no rule has an address: it is not in force",
    ] {
        assert!(said.contains(line), "{said}");
    }
    for (text, why) in [
        (
            "domain;unknown\n",
            "problem: tenants: rows.csv: line 1: `domain;unknown` is no key; expected commas",
        ),
        (
            "domain,unknwon\n",
            "problem: tenants: rows.csv: line 1: `unknwon` is no key",
        ),
    ] {
        site.write("rows.csv", text);
        let said = site.says(&of_net);
        assert!(
            said.replace(&format!("{}/", site.path().display()), "")
                .contains(why),
            "{said}"
        );
        assert!(
            said.contains(
                "mode: monitor: every message is judged, none is refused, as `tenants` says"
            ),
            "{said}"
        );
    }
}
