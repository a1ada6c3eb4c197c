//! What is written about the program, held against the program.

use std::{collections::BTreeSet, fs, process::Command};

use backstop::core::notification::NotificationKind;
use regex::Regex;
use serde_yaml::Value;

use crate::package::{own, path, text, word};

const COMMANDS: [&str; 9] = [
    "run", "status", "check", "explain", "replay", "spf", "report", "siege", "keygen",
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
            "the manual page tells of {option}, and no command has it"
        );
    }
}

#[test]
fn the_unit_starts_the_program_as_it_wants_to_be_started() {
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
fn the_mtas_look_for_us_where_the_shipped_file_listens() {
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

/// The lines in README.md are those of packaging/postfix/main.cf.
#[test]
fn the_readme_gives_the_lines_for_postfix() {
    let readme = text("README.md");
    for line in text("packaging/postfix/main.cf").lines() {
        if !line.is_empty() && !line.starts_with('#') {
            assert!(
                readme.contains(&format!("\n    {line}\n")),
                "README.md lacks: {line}"
            );
        }
    }
}

#[test]
fn the_readme_tells_what_each_dependency_is_for() {
    let readme = text("README.md");
    let told: BTreeSet<&str> = readme
        .split("\n## What it stands on\n")
        .nth(1)
        .unwrap()
        .split("\n## ")
        .next()
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("| "))
        .flat_map(|line| line.split('|').next().unwrap().split(','))
        .filter_map(|name| name.trim().strip_prefix('`')?.strip_suffix('`'))
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
    assert_eq!(told, needed);
}

#[test]
fn the_readme_names_files_that_exist() {
    let readme = text("README.md");
    let links = Regex::new(r"\]\(([^)#:]+)\)").unwrap();
    let mut count = 0;
    for link in links.captures_iter(&readme) {
        assert!(path(&link[1]).exists(), "README.md: {}", &link[1]);
        count += 1;
    }
    assert!(count > 3, "only {count} links");
}

#[test]
fn the_readme_names_options_that_exist() {
    let commands = Regex::new(
        r"(?m)^ +(?:\$ )?backstop (run|status|check|explain|replay|spf|report|siege|keygen)((?:.*\\\n)*.*)$",
    )
    .unwrap();
    let readme = text("README.md");
    let mut count = 0;
    for command in commands.captures_iter(&readme) {
        let helped = options(&help(&command[1]));
        for option in options(&command[2]) {
            assert!(
                helped.contains(&option),
                "README.md: backstop {} {option}",
                &command[1]
            );
        }
        count += 1;
    }
    assert!(count > 2, "only {count} commands");
}

#[test]
fn the_examples_of_a_configuration_are_right() {
    let indented = |text: &str| {
        let lines = text.lines().skip_while(|line| *line != "    mode: enforce");
        let lines = lines.take_while(|line| line.starts_with("    "));
        lines
            .map(|line| format!("{}\n", &line[4..]))
            .collect::<String>()
    };
    let page = text("packaging/man/milter.yaml.5");
    let page = page.split(".Bd -literal -offset indent\n").nth(1).unwrap();
    for example in [
        indented(&text("README.md")),
        page.split(".Ed").next().unwrap().to_owned(),
    ] {
        assert!(
            example.contains("postfix_map: /etc/postfix/virtual"),
            "{example}"
        );
        let folder = tempfile::tempdir().unwrap();
        let map = folder.path().join("virtual");
        fs::write(&map, "joe@example.org joe\n").unwrap();
        let config = folder.path().join("milter.yaml");
        fs::write(
            &config,
            example.replace("/etc/postfix/virtual", map.to_str().unwrap()),
        )
        .unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(["check", "--no-dns", "--config"])
            .arg(&config)
            .output()
            .unwrap();
        assert!(output.status.success(), "{example}\n{output:?}");
    }
}

/// The decision line in README.md has the fields that the program writes, in their order.
#[test]
fn the_readme_shows_the_decision_line() {
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
    let readme = text("README.md");
    let shown = readme
        .lines()
        .find(|line| line.trim_start().starts_with("id="))
        .unwrap();
    assert_eq!(
        fields(shown.trim()),
        fields(format.trim().trim_matches(['"', ',']))
    );
}

/// The manual page has each field of the decision line, each reason, and each kind of notification.
#[test]
fn the_manual_page_tells_what_the_decision_line_says() {
    let page = text("packaging/man/backstop.8");
    let told = |word: &str| {
        let word = Regex::new(&format!(
            r"(?m)^\.(It )?(Va|Cm)\b.* {word}( |$)|^\.Cm {word}$"
        ))
        .unwrap();
        word.is_match(&page)
    };
    let fields = Regex::new(r"([a-z_]+)=<?\{\}").unwrap();
    let words = Regex::new(r#"=> "([a-z0-9_]+)""#).unwrap();
    let found = |pattern: &Regex, text: &str| -> Vec<String> {
        let found = pattern.captures_iter(text);
        found.map(|found| found[1].to_owned()).collect()
    };
    let decision = text("src/observe/decision.rs");
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
    let (fields, reasons) = (found(&fields, &decision), found(&words, &reasons));
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
fn the_changes_know_this_version() {
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
