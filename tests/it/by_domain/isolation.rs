//! Nobody sees anything of another client: not on its page, and not in the letter about its domain.

use std::{collections::BTreeMap, fs};

use super::{Tenant, hosting};
use crate::attack::Site;

/// The pages, by their names.
fn pages(site: &Site) -> BTreeMap<String, String> {
    let files = fs::read_dir(site.path("pages")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let pages = files.map(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    });
    pages.collect()
}

/// No text has a secret of a client other than this one.
fn assert_keeps_secrets(name: &str, text: &str, of: Option<&Tenant>, all: &[Tenant]) {
    for other in all {
        if of.is_some_and(|of| of.domain == other.domain) {
            continue;
        }
        for secret in other.secrets() {
            assert!(
                !holds(text, &secret),
                "{name} has {secret} of {}: {text}",
                other.domain
            );
        }
    }
}

/// Whether it is there, and not by chance within a longer number: a time of day has many of them.
fn holds(text: &str, secret: &str) -> bool {
    let is_digit = |next: Option<char>| next.is_some_and(|c| c.is_ascii_digit());
    text.match_indices(secret).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        !is_digit(before) && !is_digit(text[at + found.len()..].chars().next())
    })
}

#[test]
fn a_secret_is_found_as_a_whole_only() {
    for text in ["1302", "of 1302 all", "x1302,", "(1302)"] {
        assert!(holds(text, "1302"), "{text}");
    }
    for text in ["", "013022Z", "11302", "13025", "1,302"] {
        assert!(!holds(text, "1302"), "{text}");
    }
}

#[test]
fn a_page_has_its_own_domain_and_no_other() {
    let (site, tenants) = hosting("mode: enforce\n");
    site.text(&["--html-dir", "pages"]);
    let pages = pages(&site);
    let names: Vec<&str> = pages.keys().map(String::as_str).collect();
    let mut expected: Vec<String> = tenants
        .iter()
        .map(|tenant| format!("{}.html", tenant.domain))
        .collect();
    for more in [
        ".backstop-pages",
        "below.example.html",
        "index.html",
        "quiet.example.html",
    ] {
        expected.push(more.to_owned());
    }
    expected.sort();
    assert_eq!(names, expected);
    for tenant in &tenants {
        let name = format!("{}.html", tenant.domain);
        let page = &pages[&name];
        // Its own marks are there, so the search for those of others finds what there is.
        for own in tenant.secrets() {
            let is_number = own.starts_with(|c: char| c.is_ascii_digit()) && !own.contains('.');
            assert!(
                is_number || page.contains(&own),
                "{name} lacks {own}: {page}"
            );
        }
        for own in [
            tenant.address(),
            format!("{}-boss@{}", tenant.mark, tenant.domain),
            format!("{}h {}m", tenant.minutes / 60, tenant.minutes % 60),
            format!("{},{:03}", tenant.shared / 1_000, tenant.shared % 1_000),
            super::SHARED.to_owned(),
        ] {
            assert!(page.contains(&own), "{name} lacks {own}: {page}");
        }
        // The host's own words for its rules are in no page.
        assert!(!page.contains("header_rule"), "{name}: {page}");
        assert_keeps_secrets(&name, page, Some(tenant), &tenants);
    }
    for name in ["below.example.html", "quiet.example.html"] {
        assert_keeps_secrets(name, &pages[name], None, &tenants);
        assert!(pages[name].contains("No bounces came."), "{}", pages[name]);
    }
    // The index has the names and the numbers of all, and nothing else of anybody.
    let index = &pages["index.html"];
    for tenant in &tenants {
        assert!(
            index.contains(&format!("<a href=\"{0}.html\">{0}</a>", tenant.domain)),
            "{index}"
        );
        for secret in [
            &tenant.host,
            &tenant.address(),
            &format!("{}-boss", tenant.mark),
        ] {
            assert!(!index.contains(secret), "{secret}: {index}");
        }
        let mentions = index.matches(&tenant.mark).count();
        assert_eq!(mentions, 2, "{}: {index}", tenant.mark);
    }
    assert!(
        index.contains("it is for the host, and not for clients"),
        "{index}"
    );
}

#[test]
fn a_letter_about_a_domain_says_nothing_of_another() {
    let (site, tenants) = hosting("mode: enforce\n");
    for tenant in &tenants {
        let about = ["letter", "--domain", &tenant.domain];
        // Its own account is suspected, and so are those of the others.
        let refused = site.report(&about);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("{}-boss@", tenant.mark)), "{said}");
        assert_keeps_secrets("the refusal", &said, Some(tenant), &tenants);
        let written = site.report(&[&about[..], &["--force"]].concat());
        let text = String::from_utf8([written.stdout, written.stderr].concat()).unwrap();
        assert_eq!(written.status.code(), Some(0), "{text}");
        assert!(
            text.contains(&format!("Postmaster of {}", tenant.domain)),
            "{text}"
        );
        assert!(text.contains(&(tenant.shared + 1).to_string()), "{text}");
        assert_keeps_secrets("the letter", &text, Some(tenant), &tenants);
        let json = site.json(&[&about[..], &["--force"]].concat()).to_string();
        assert_keeps_secrets("the letter as JSON", &json, Some(tenant), &tenants);
        let attack = site
            .json(&["attack", "--domain", &tenant.domain])
            .to_string();
        assert_keeps_secrets("the report", &attack, Some(tenant), &tenants);
    }
    // A client without trouble gets its letter although others have some: that there is nothing to say.
    let quiet = site.report(&["letter", "--domain", "quiet.example"]);
    let said = String::from_utf8(quiet.stderr).unwrap();
    assert_eq!(quiet.status.code(), Some(1), "{said}");
    assert!(said.contains("nothing to say"), "{said}");
    assert_keeps_secrets("the letter of a quiet one", &said, None, &tenants);
}

#[test]
fn each_domain_has_its_own_reports_for_abuse_desks() {
    let (site, tenants) = hosting("report: {keep_samples: true}\n");
    for tenant in &tenants {
        let folder = format!("export-{}", tenant.mark);
        site.text(&["--domain", &tenant.domain, "--export", &folder]);
        for file in fs::read_dir(site.path(&folder)).unwrap() {
            let text = fs::read(file.unwrap().path()).unwrap();
            let text = String::from_utf8_lossy(&text);
            assert_keeps_secrets("a report", &text, Some(tenant), &tenants);
        }
    }
}
