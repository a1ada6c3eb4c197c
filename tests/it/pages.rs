//! Tests that the pages for developers name files that exist.

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
