//! Tests that the pages for developers name files and tests that exist.

use regex::Regex;

use crate::package::{path, text};

const PAGES: [&str; 3] = [
    ".github/CONTRIBUTING.md",
    ".github/SECURITY.md",
    "packaging/doc/flow.md",
];

/// What a dry run adds, as an example.
const NEW: [&str; 1] = ["src/core/proof/envid.rs"];

#[test]
fn each_path_in_them_exists() {
    let paths = Regex::new(
        r"`((?:\.github|src|tests|packaging)/[^`\s]*|milter\.yaml|Cargo\.toml)(?:\s[^`]*)?`",
    )
    .unwrap();
    for page in PAGES {
        let text = text(page);
        let mut count = 0;
        for named in paths.captures_iter(&text) {
            let named = &named[1];
            let is_new = NEW.contains(&named);
            assert_ne!(path(named).exists(), is_new, "{page}: {named}");
            count += 1;
        }
        assert!(count > 20, "{page}: only {count} paths");
    }
}

/// A row of the page's tables, which has a test in its last column.
#[test]
fn each_test_in_them_exists() {
    const PAGE: &str = "packaging/doc/security.md";
    let page = text(PAGE);
    let named = Regex::new(r"`((?:src|tests)/[\w/]+\.rs)::(\w+)`").unwrap();
    let mut count = 0;
    for test in named.captures_iter(&page) {
        let (file, name) = (&test[1], &test[2]);
        assert!(path(file).exists(), "{PAGE}: there is no {file}");
        let function = Regex::new(&format!(
            r"#\[(?:tokio::)?test(?:\([^)]*\))?\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn {name}\("
        ));
        assert!(
            function.unwrap().is_match(&text(file)),
            "{PAGE}: {file} has no test `{name}`"
        );
        count += 1;
    }
    assert!(count > 80, "only {count} tests");
    let (_, attacks) = page.split_once("\n## Known attacks\n").unwrap();
    let attacks = attacks.split("\n## ").next().unwrap();
    for row in attacks.lines().filter(|line| line.starts_with("| ")) {
        let is_head = row == "| attack | what comes of it | test |";
        assert!(is_head || named.is_match(row), "{PAGE}: no test: {row}");
    }
}
