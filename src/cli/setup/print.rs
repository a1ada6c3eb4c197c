//! A plan, and what came of it, for people and as JSON.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::setup::{
    apply::{self, Present},
    backscatter::Finding,
    decide::{Change, Plan, What},
    facts::{Facts, Mta},
};

/// How wide reasons are.
const WIDTH: usize = 100;

/// The JSON object.
#[derive(Serialize)]
pub(super) struct Report {
    file: PathBuf,
    /// `new`, `replaced` or `kept`.
    action: &'static str,
    milter_yaml: String,
    password_files: Vec<PathBuf>,
    changes: Vec<ChangeReport>,
    blocked: Option<String>,
    notes: Vec<String>,
    backscatter: Vec<FindingReport>,
    unread: Vec<String>,
    written: Vec<PathBuf>,
}

#[derive(Serialize)]
struct ChangeReport {
    file: PathBuf,
    change: String,
    reason: String,
}

#[derive(Serialize)]
struct FindingReport {
    file: PathBuf,
    line: Option<usize>,
    message: String,
    help: String,
}

pub(super) fn report(file: &Path, present: Present, plan: &Plan, written: &[PathBuf]) -> Report {
    let change = |change: &Change| ChangeReport {
        file: plan.file_of(change),
        change: shown(&change.what),
        reason: change.reason.clone(),
    };
    Report {
        file: file.to_owned(),
        action: match present {
            Present::Nothing => "new",
            Present::Replaceable => "replaced",
            Present::Theirs => "kept",
        },
        milter_yaml: plan.yaml.clone(),
        password_files: plan
            .passwords
            .iter()
            .map(|(path, _)| path.clone())
            .collect(),
        changes: plan.changes.iter().map(change).collect(),
        blocked: plan.blocked.clone(),
        notes: plan.notes.clone(),
        backscatter: plan.backscatter.iter().map(finding).collect(),
        unread: plan.unread.clone(),
        written: written.to_vec(),
    }
}

fn finding(finding: &Finding) -> FindingReport {
    FindingReport {
        file: finding.file.clone(),
        line: finding.line,
        message: finding.message.clone(),
        help: finding.help(),
    }
}

fn shown(what: &What) -> String {
    match what {
        What::Parameter { name, value } => format!("{name} = {value}"),
        What::Option {
            service,
            name,
            value,
        } if value.is_empty() => format!("{service}: -o {name}="),
        What::Option {
            service,
            name,
            value,
        } => format!("{service}: -o {{ {name} = {value} }}"),
        What::First { service } => {
            format!("{service}: $backstop_milter first in its smtpd_milters")
        }
        What::Mc { line } => line.clone(),
    }
}

pub(super) fn plan(facts: &Facts, file: &Path, present: Present, plan: &Plan) {
    let mta = match &facts.mta {
        Mta::Postfix {
            settings, folder, ..
        } => {
            let version = settings.raw("mail_version");
            format!("Postfix {version} in {}", folder.display()).replace("  ", " ")
        }
        Mta::Sendmail(_) => "Sendmail in /etc/mail".to_owned(),
    };
    println!("{mta}, {}\n", facts.host);
    let state = match present {
        Present::Nothing => "new",
        Present::Replaceable => "nobody has changed it, so it is replaced",
        Present::Theirs => {
            "it is yours, so it stays as it is; this is what would be written in its place"
        }
    };
    println!("{} ({state}):\n", file.display());
    plan.yaml
        .lines()
        .for_each(|line| println!("{}", format!("  {line}").trim_end()));
    for (path, _) in plan.passwords.iter().filter(|_| present != Present::Theirs) {
        println!(
            "\n{} (new): a password that is in a table of the MTA, for the daemon alone",
            path.display()
        );
    }
    changes(plan);
    remarks(plan);
    match (
        &plan.blocked,
        plan.changes.is_empty() && present == Present::Theirs,
    ) {
        (Some(why), _) => println!("\nThis can't be written: {why}"),
        (None, true) => println!("\nThere is nothing to write."),
        (None, false) => println!(
            "\nNothing is written yet: `backstop setup --apply` writes it, and `--undo` takes it back."
        ),
    }
}

fn changes(plan: &Plan) {
    let mut last = None;
    for change in &plan.changes {
        let path = plan.file_of(change);
        if last.as_ref() != Some(&path) {
            println!("\n{}:", path.display());
            last = Some(path);
        }
        println!();
        wrapped("  # ", &change.reason);
        println!("  {}", shown(&change.what));
    }
}

fn remarks(plan: &Plan) {
    let findings = plan.backscatter.iter().map(|finding| {
        let place = finding.file.display();
        let line = finding
            .line
            .map_or(String::new(), |line| format!(":{line}"));
        format!("{place}{line}: {}; {}", finding.message, finding.help())
    });
    for (title, lines) in [
        ("Remarks", &plan.notes),
        (
            "What the MTA accepts first and bounces later",
            &findings.collect(),
        ),
        ("What could not be read", &plan.unread),
    ] {
        if lines.is_empty() {
            continue;
        }
        println!("\n{title}:\n");
        for line in lines {
            wrapped("  - ", line);
        }
    }
}

/// Lines of at most [`WIDTH`] characters. Those behind the first are indented, or comments as well.
fn wrapped(begin: &str, text: &str) {
    let indent = if begin.contains('#') {
        begin.to_owned()
    } else {
        " ".repeat(begin.len())
    };
    let mut line = begin.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        let length = line.chars().count() + 1 + word.chars().count();
        if !is_empty && length > WIDTH {
            println!("{line}");
            line.clone_from(&indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.extend(word.chars().map(|c| if c.is_control() { '?' } else { c }));
        is_empty = false;
    }
    println!("{line}");
}

pub(super) fn written(
    file: &Path,
    present: Present,
    plan: &Plan,
    written: &[PathBuf],
    has_daemon: bool,
) {
    if present == Present::Theirs {
        println!("{} is yours, and stays as it is.", file.display());
    }
    for path in written {
        println!("{} is written.", path.display());
    }
    remarks(plan);
    if written.is_empty() {
        println!("All is as it should be already; nothing was written.");
        return;
    }
    println!("\nNow:");
    if !has_daemon {
        println!("  systemd-sysusers                   # there is no user `backstop` yet");
        for (path, _) in &plan.passwords {
            println!("  chown backstop {}", path.display());
        }
    }
    println!("  backstop check                     # finds mistakes");
    println!(
        "  systemctl restart backstop         # first: until it runs, the MTA refuses mail for now"
    );
    if plan
        .changes
        .iter()
        .any(|change| matches!(change.what, What::Mc { .. }))
    {
        println!("  make -C /etc/mail && systemctl restart sendmail");
    } else if !plan.changes.is_empty() {
        println!("  postfix reload");
    }
    println!("`backstop setup --undo` takes all of it back.");
}

/// The JSON object of an undo.
#[derive(Serialize)]
pub(super) struct Undone {
    restored: Vec<PathBuf>,
    cleaned: Vec<PathBuf>,
    kept: Vec<PathBuf>,
}

impl Undone {
    pub(super) fn of(undone: &apply::Undone) -> Self {
        Self {
            restored: undone.restored.clone(),
            cleaned: undone.cleaned.clone(),
            kept: undone.kept.clone(),
        }
    }
}

pub(super) fn undone(undone: &apply::Undone) {
    let apply::Undone {
        restored,
        cleaned,
        kept,
    } = undone;
    if restored.is_empty() && cleaned.is_empty() && kept.is_empty() {
        println!("No set-up was written, so there is nothing to take back.");
        return;
    }
    for path in restored {
        println!("{} is as it was before.", path.display());
    }
    for path in cleaned {
        println!(
            "{} was changed since: only our lines are taken out.",
            path.display()
        );
    }
    for path in kept {
        println!("{} was changed since, and stays as it is.", path.display());
    }
    println!(
        "\nNow: `postfix reload` (or make -C /etc/mail, and restart Sendmail), and then `systemctl disable --now backstop`."
    );
}
