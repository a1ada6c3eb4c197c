//! Tests that the documentation agrees with the program.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, process::Command};

use backstop::core::{notification::NotificationKind, verdict::reason_words};
use regex::Regex;
use serde_yaml::Value;

use crate::package::{own, path, text, word};

const COMMANDS: [&str; 21] = [
    "run",
    "reload",
    "setup",
    "status",
    "check",
    "explain",
    "replay",
    "spf",
    "advise",
    "report",
    "report tenants",
    "report coverage",
    "report would",
    "report senders",
    "reports import",
    "report letter",
    "trace",
    "siege",
    "ledger import",
    "keygen",
    "completions",
];

#[test]
fn the_manual_page_names_each_option_that_help_names() {
    let page = text("packaging/man/backstop.8");
    let page = page.replace("Fl -", "--");
    for command in COMMANDS {
        let helped = options(&help(command));
        assert!(helped.contains("--help"), "{command}: {helped:?}");
        for option in helped {
            assert!(
                page.contains(&format!("{option} ")) || page.contains(&format!("{option}\n")),
                "{command} {option}"
            );
        }
    }
    let all: BTreeSet<String> = COMMANDS
        .map(help)
        .iter()
        .flat_map(|text| options(text))
        .collect();
    for option in options(&page) {
        assert!(
            all.contains(&option) || option == "--version",
            "the manual page has {option}, and no command does"
        );
    }
}

#[test]
fn the_unit_uses_options_that_exist() {
    let unit = text("packaging/systemd/backstop.service");
    let commands: Vec<&str> = unit
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ExecStart=")
                .or(line.strip_prefix("ExecReload="))
        })
        .filter_map(|command| command.strip_prefix("/usr/sbin/backstop "))
        .collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in commands {
        let command_name = command.split(' ').next().unwrap();
        let helped = options(&help(command_name));
        for option in options(command) {
            assert!(helped.contains(&option), "{command}");
        }
    }
    assert!(unit.contains("\nUser=backstop\n"));
    // `socket: {group: postfix}` is a chown(2) to a group other than its own.
    let allowed = unit.find("\nSystemCallFilter=@chown\n");
    assert!(allowed > unit.find("\nSystemCallFilter=~@privileged"));
    assert!(!unit.contains("\nPrivateUsers=yes"));
    assert!(text("packaging/systemd/backstop.sysusers").contains("\nu backstop "));
}

#[test]
fn the_mtas_connect_to_the_address_of_the_shipped_file() {
    let shipped: Value = serde_yaml::from_str(&text("milter.yaml")).unwrap();
    let listen = shipped["listen"].as_str().unwrap();
    let (port, host) = listen
        .strip_prefix("inet:")
        .unwrap()
        .split_once('@')
        .unwrap();
    assert!(text("packaging/sendmail/backstop.mc").contains(&format!("`S={listen}, F=T")));
    assert!(
        text("packaging/postfix/main.cf")
            .contains(&format!("\nsmtpd_milters = inet:{host}:{port}\n"))
    );
    assert!(
        text("packaging/systemd/backstop.socket")
            .contains(&format!("\nListenStream={host}:{port}\n"))
    );
}

#[test]
fn the_timers_run_commands_that_exist() {
    let rules = text("packaging/debian/rules");
    for (unit, of, begin, end) in [
        (
            "backstop-reports@",
            "reports import",
            "reports import ",
            " %f",
        ),
        ("backstop-pages", "report", "report ", " --days 30"),
    ] {
        let service = text(&format!("packaging/systemd/{unit}.service"));
        let command = service
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart="));
        let command = command
            .unwrap()
            .strip_prefix("/usr/sbin/backstop ")
            .unwrap();
        assert!(
            command.starts_with(begin) && command.ends_with(end),
            "{command}"
        );
        let helped = options(&help(of));
        assert!(
            options(command)
                .iter()
                .all(|option| helped.contains(option)),
            "{command}"
        );
        assert!(service.contains("\nUser=backstop\n"));
        for kind in ["service", "timer"] {
            let unit = format!("{unit}.{kind}");
            let installed =
                format!("packaging/systemd/{unit} $(root)/usr/lib/systemd/system/{unit}\n");
            assert!(rules.contains(&installed), "{installed}");
        }
    }
}

/// The lines in README.md are those of packaging/postfix/main.cf.
#[test]
fn the_readme_has_the_lines_for_postfix() {
    let readme = text("README.md");
    for line in text("packaging/postfix/main.cf").lines() {
        if !line.is_empty() && !line.starts_with('#') {
            assert!(
                readme.contains(&format!("\n{line}\n")),
                "README.md lacks: {line}"
            );
        }
    }
}

#[test]
fn the_readme_says_what_each_dependency_is_for() {
    let readme = text("README.md");
    let table = readme.split("\n## Packages\n").nth(1).unwrap();
    let names = Regex::new("`([^`]+)`").unwrap();
    let said: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split('|').nth(1))
        .flat_map(|names_of_row| names.captures_iter(names_of_row))
        .map(|name| name.get(1).unwrap().as_str())
        .collect();
    let needed: BTreeSet<&str> = own()["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| {
            dependency["rename"]
                .as_str()
                .unwrap_or_else(|| word(dependency, "name"))
        })
        .collect();
    assert_eq!(said, needed);
}

#[test]
fn the_readme_is_short() {
    assert!(text("README.md").lines().count() <= 150);
}

/// The README and the pages in packaging/doc, with their names.
fn pages() -> Vec<(String, String)> {
    let folder = fs::read_dir(path("packaging/doc")).unwrap();
    let pages = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = pages.map(|page| format!("packaging/doc/{page}")).collect();
    names.sort();
    names.insert(0, "README.md".to_owned());
    let pages = names.into_iter().map(|name| {
        let page = text(&name);
        (name, page)
    });
    pages.collect()
}

/// The fenced blocks of a page in this language.
pub fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    page.split(&format!("\n```{language}\n"))
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect()
}

#[test]
fn links_lead_to_files_that_exist() {
    let links = Regex::new(r"\]\(([^)#:]+)\)").unwrap();
    let mut linked = BTreeSet::new();
    for (name, page) in pages() {
        let folder = path(&name).parent().unwrap().to_owned();
        for link in links.captures_iter(&page) {
            let target = folder.join(&link[1]).canonicalize();
            linked.insert(target.unwrap_or_else(|_| panic!("{name}: {}", &link[1])));
        }
    }
    let contributing = path(".github/CONTRIBUTING.md");
    let contributing = fs::read_to_string(contributing).unwrap_or_default();
    for (name, _) in pages().iter().skip(1) {
        let is_linked = linked.contains(&path(name).canonicalize().unwrap());
        assert!(
            is_linked || contributing.contains(name.as_str()),
            "no page links to {name}"
        );
    }
}

#[test]
fn commands_have_the_options_that_the_pages_use() {
    let commands = Regex::new(
        r"(?m)^backstop (run|reload|setup|status|check|explain|trace|replay|spf|report|siege|keygen|completions)([^#\n]*)",
    )
    .unwrap();
    let mut count = 0;
    for (name, page) in pages() {
        for block in blocks(&page, "sh") {
            for command in commands.captures_iter(block) {
                let helped = options(&help(&command[1]));
                for option in options(&command[2]) {
                    assert!(
                        helped.contains(&option),
                        "{name}: backstop {} {option}",
                        &command[1]
                    );
                }
                count += 1;
            }
        }
    }
    assert!(count > 8, "only {count} commands");
}

/// Keys in backticks, such as `siege.factor`, are in the manual page of the file.
#[test]
fn keys_in_the_pages_exist() {
    let manual = text("packaging/man/milter.yaml.5");
    let entries = Regex::new(r"(?m)^\.It Va (.+)$").unwrap();
    let keys: BTreeSet<&str> = entries
        .captures_iter(&manual)
        .flat_map(|entry| entry.get(1).unwrap().as_str().split(" , "))
        .collect();
    let shipped: Value = serde_yaml::from_str(&text("milter.yaml")).unwrap();
    let words = Regex::new(r"`([a-z_]+)\.([a-z0-9_.]+)`").unwrap();
    let mut pages = pages();
    let changes = "packaging/CHANGELOG.md".to_owned();
    pages.push((changes.clone(), text(&changes)));
    let mut count = 0;
    for (name, page) in pages {
        for word in words.captures_iter(&page) {
            let key = word[0].trim_matches('`');
            let is_file = key == "milter.yaml" || key == "backstop.service";
            if is_file || shipped.get(&word[1]).is_none() {
                continue;
            }
            let below = format!("{key}.");
            let exists = keys
                .iter()
                .any(|known| *known == key || known.starts_with(&below));
            assert!(exists, "{name}: no key `{key}`");
            count += 1;
        }
    }
    assert!(count > 20, "only {count} keys");
}

#[test]
fn examples_of_the_configuration_are_accepted() {
    let manual = text("packaging/man/milter.yaml.5");
    let manual = manual
        .split(".Bd -literal -offset indent\n")
        .nth(1)
        .unwrap();
    let manual = manual.split(".Ed").next().unwrap();
    let pages = pages();
    let of_pages = pages.iter().flat_map(|(_, page)| blocks(page, "yaml"));
    let examples: Vec<&str> = of_pages.chain([manual]).collect();
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let folder = tempfile::tempdir().unwrap();
        let [map, keys, password, config] =
            ["virtual", "keys", "password", "milter.yaml"].map(|name| folder.path().join(name));
        fs::write(&map, "joe@example.org joe\n").unwrap();
        fs::write(&password, "word\n").unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
        let made = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(["keygen", "--file"])
            .arg(&keys)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let example = example
            .replace("/etc/postfix/virtual", map.to_str().unwrap())
            .replace("/etc/backstop/keys", keys.to_str().unwrap())
            .replace("/etc/backstop/panel.password", password.to_str().unwrap());
        fs::write(&config, &example).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(["check", "--offline", "--config"])
            .arg(&config)
            .output()
            .unwrap();
        assert!(output.status.success(), "{example}\n{output:?}");
    }
}

/// The decision line has the fields that the program writes, in their order.
#[test]
fn the_pages_show_the_decision_line() {
    let fields = |line: &str| -> Vec<String> {
        line.split(' ')
            .filter_map(|word| word.split_once('='))
            .map(|(name, _)| name.to_owned())
            .collect()
    };
    let source = text("src/observe/decision.rs");
    let format = source
        .lines()
        .find(|line| line.contains("\"id={} queue_id={}"))
        .unwrap();
    for page in ["README.md", "packaging/doc/operation.md"] {
        let page = text(page);
        let shown = page.lines().find(|line| line.starts_with("id=")).unwrap();
        assert_eq!(
            fields(shown),
            fields(format.trim().trim_matches(['"', ',']))
        );
    }
}

/// The manual page has each field of the decision line, each reason, and each kind of notification.
#[test]
fn the_manual_page_has_each_word_of_the_decision_line() {
    let page = text("packaging/man/backstop.8");
    let told = |word: &str| {
        let word = Regex::new(&format!(
            r"(?m)^\.(It )?(Va|Cm)\b.* {word}( |$)|^\.Cm {word}$"
        ))
        .unwrap();
        word.is_match(&page)
    };
    let fields = Regex::new(r"([a-z_]+)=<?\{\}").unwrap();
    let decision = text("src/observe/decision.rs");
    let found = fields.captures_iter(&decision);
    let fields: Vec<String> = found.map(|found| found[1].to_owned()).collect();
    let reasons = reasons();
    assert!(
        fields.len() >= 14 && reasons.len() >= 49,
        "{fields:?} {reasons:?}"
    );
    let kinds = NotificationKind::ALL.map(|kind| kind.as_str().to_owned());
    for word in fields.into_iter().chain(reasons).chain(kinds) {
        let result = word.starts_with("spf_") && page.contains("spf_helo_ Ns Ar RESULT");
        assert!(result || told(&word), "backstop(8) lacks `{word}`");
    }
}

#[test]
fn each_reason_has_words_of_its_own() {
    for reason in reasons() {
        assert!(reason_words(&reason).is_some(), "no words for {reason}");
    }
}

/// The codes of all reasons, as the program writes them.
fn reasons() -> Vec<String> {
    let between = |file: &str, from: &str, to: &str| -> String {
        let text = text(file);
        let rest = text.split(from).nth(1).unwrap();
        rest.split(to).next().unwrap().to_owned()
    };
    let reasons = between("src/core/verdict/reason.rs", "impl Reason {", "\n}\n")
        + &between("src/core/recipients.rs", "pub fn code(self", "\n    }\n")
        + &between(
            "src/core/proof/evidence.rs",
            "pub fn code(&self",
            "\n    }\n",
        );
    let words = Regex::new(r#"=> "([a-z0-9_]+)""#).unwrap();
    let found = words.captures_iter(&reasons);
    found.map(|found| found[1].to_owned()).collect()
}

#[test]
fn the_changes_have_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let changes = text("packaging/CHANGELOG.md");
    assert!(changes.contains(&format!("\n## {version}")));
    assert!(changes.contains("\n## Incompatible changes\n"));
}

fn help(command: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
        .args(command.split(' '))
        .arg("--help")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn options(text: &str) -> BTreeSet<String> {
    Regex::new(r"--[a-z][a-z-]+")
        .unwrap()
        .find_iter(text)
        .map(|found| found.as_str().to_owned())
        .collect()
}
