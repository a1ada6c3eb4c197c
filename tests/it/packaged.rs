//! What is shipped beside the program, read by the programs that it is for.

use std::{
    fs,
    process::{Command, Output},
};

use crate::package::{path, text};

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{program}: {error}"))
}

#[test]
fn manual_pages_are_mdoc() {
    for page in ["backstop.8", "milter.yaml.5"] {
        let page = path("packaging/man").join(page);
        let told = run(
            "mandoc",
            &["-T", "lint", "-W", "warning", page.to_str().unwrap()],
        );
        assert!(told.stdout.is_empty() && told.status.success(), "{told:?}");
    }
}

#[test]
fn the_apparmor_profile_is_one() {
    let profile = path("packaging/apparmor/usr.sbin.backstop");
    let skip = ["--skip-kernel-load", "--skip-cache", "--quiet"];
    let told = run(
        "/usr/sbin/apparmor_parser",
        &[&skip[..], &[profile.to_str().unwrap()]].concat(),
    );
    assert!(told.status.success(), "{told:?}");
}

/// As far as that can be told without installing them.
#[test]
fn systemd_knows_every_line_of_the_units() {
    let folder = tempfile::tempdir().unwrap();
    for (unit, unit_text) in [
        ("backstop.service", "backstop.service"),
        ("backstop.socket", "backstop.socket"),
        (
            "backstop-reports@home-dmarc.service",
            "backstop-reports@.service",
        ),
        (
            "backstop-reports@home-dmarc.timer",
            "backstop-reports@.timer",
        ),
        ("backstop-pages.service", "backstop-pages.service"),
        ("backstop-pages.timer", "backstop-pages.timer"),
    ] {
        let unit_text = text(&format!("packaging/systemd/{unit_text}"));
        let lines = unit_text
            .lines()
            .filter(|line| !line.starts_with("Documentation="))
            .map(|line| line.replace("/usr/sbin/backstop", env!("CARGO_BIN_EXE_backstop")) + "\n");
        fs::write(folder.path().join(unit), lines.collect::<String>()).unwrap();
        let unit = folder.path().join(unit);
        let told = run("systemd-analyze", &["verify", unit.to_str().unwrap()]);
        // Debian 12 stays with the line before, `Type=notify`.
        let newer = "Failed to parse service type, ignoring: notify-reload";
        let said = String::from_utf8_lossy(&told.stderr);
        let said = said.lines().filter(|line| !line.ends_with(newer));
        let said: String = said.collect();
        // Units of this machine may be wrong, too.
        assert!(!said.contains("backstop"), "{said}");
    }
}
