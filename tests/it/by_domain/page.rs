//! The pages, in a real browser: light and dark, on a screen and on a phone.

use std::fs;

use super::hosting;
use crate::browser::{Scheme, kept, looked_at, picture};

const LOOK: &str = r#"
  const fates = ["refused", "accepted"];
  return {
    fates: fates.map(fate => [fate, contrast(style(page.querySelector("svg.chart ." + fate), "fill"), card)]),
    tables: page.querySelectorAll("table").length,
  };
"#;

#[test]
fn it_is_legible_light_and_dark_and_on_a_phone() {
    let (site, tenants) = hosting("mode: enforce\n");
    site.text(&["--html-dir", "pages", "--days", "30"]);
    let path = site
        .path("pages")
        .join(format!("{}.html", tenants[0].domain));
    let page = fs::read_to_string(&path).unwrap();
    kept(&path);
    kept(&site.path("pages").join("index.html"));
    for (width, scheme) in [
        (1000, Scheme::Light),
        (1000, Scheme::Dark),
        (360, Scheme::Light),
    ] {
        let found = looked_at(&page, width, scheme, LOOK);
        // WCAG 2.1, 1.4.11.
        for fate in found["fates"].as_array().unwrap() {
            assert!(fate[1].as_f64().unwrap() >= 3.0, "{scheme:?}: {fate}");
        }
        assert!(found["tables"].as_u64().unwrap() >= 6, "{found}");
        let text = found["text_of_page"].as_str().unwrap();
        for words in [
            "Bounces to amberquay.example",
            "1,302 bounces came. 1,302 of them did not prove",
            "Bounces that are not yours are refused (mode: enforce)",
            "An account of yours may be abused",
            "Outgoing mail was counted for only",
            "When it was besieged",
            "1h 7m",
            "1 message left from your domain",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let picture_of = site.path(&format!("client-{width}-{scheme:?}.png"));
        let said = picture(&page, (width, 1600), scheme, &picture_of);
        assert_eq!(said, Vec::<String>::new());
    }
    // All of them stand alone: no script, nothing from elsewhere.
    for file in fs::read_dir(site.path("pages")).unwrap() {
        let path = file.unwrap().path();
        let page = fs::read_to_string(&path).unwrap();
        if path.extension().is_some() {
            assert!(
                page.contains("default-src 'none'; style-src 'sha256-"),
                "{path:?}"
            );
        }
        let elsewhere = [
            "http:",
            "https:",
            "src=",
            "url(",
            "@import",
            "javascript",
            "<script",
        ];
        assert!(
            !elsewhere.iter().any(|word| page.contains(word)),
            "{path:?}"
        );
    }
}

/// Each page has the mode of its own client.
#[test]
fn a_client_reads_what_its_row_says() {
    let rows = "tenants: {file: rows.yaml, allow: [mode]}\n";
    let (site, tenants) = hosting(rows);
    let row = format!("{}: {{mode: enforce}}\n", tenants[0].domain);
    fs::write(site.path("rows.yaml"), row).unwrap();
    site.text(&["--html-dir", "pages"]);
    let of = |domain: &str| {
        let page = site.path("pages").join(format!("{domain}.html"));
        fs::read_to_string(page).unwrap()
    };
    let (one, other) = (of(&tenants[0].domain), of(&tenants[1].domain));
    let (enforces, watches) = (
        "are refused (mode: enforce)",
        "is only watched (mode: monitor)",
    );
    assert!(one.contains(enforces) && !one.contains(watches), "{one}");
    assert!(
        other.contains(watches) && !other.contains(enforces),
        "{other}"
    );
}

#[test]
fn a_client_that_is_only_watched_reads_so() {
    let (site, tenants) = hosting("");
    site.text(&["--html-dir", "pages"]);
    let page = site
        .path("pages")
        .join(format!("{}.html", tenants[0].domain));
    let page = fs::read_to_string(page).unwrap();
    assert!(
        page.contains("Your mail is only watched (mode: monitor)"),
        "{page}"
    );
    let quiet = fs::read_to_string(site.path("pages").join("quiet.example.html")).unwrap();
    assert!(
        quiet.contains("No mail from your domain was counted."),
        "{quiet}"
    );
}
