//! The page, in a real browser: light and dark, on a screen and on a phone.

use std::fs;

use super::{HOSTILE, attacked};
use crate::browser::{Scheme, console, file, kept, looked_at, open, picture};

/// What there is to see in the page.
const LOOK: &str = r#"
  const fates = ["refused", "refused_by_mta", "would_refuse", "accepted", "deferred", "proven"];
  const pane = page.querySelector(".latest").getBoundingClientRect();
  const bars = [...page.querySelectorAll("svg.chart rect")].map(bar => bar.getBoundingClientRect());
  const right = Math.max(...bars.map(bar => bar.right)), left = Math.min(...bars.map(bar => bar.left));
  return {
    fates: fates.map(fate => [fate, contrast(style(page.querySelector("svg.chart ." + fate), "fill"), card)]),
    newest: right <= pane.right && right > pane.right - 20,
    oldest: left >= pane.left,
    tables: page.querySelectorAll("table").length,
    titles: [...page.querySelectorAll("svg g")].every(bar => bar.querySelector("title").textContent.includes("UTC")),
  };
"#;

#[test]
fn it_is_legible_light_and_dark() {
    let site = attacked();
    site.text(&["--html", "page.html"]);
    let page = fs::read_to_string(site.path("page.html")).unwrap();
    let mut papers = Vec::new();
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
        assert!(
            found["chart"][0].as_f64().unwrap() > 500.0
                && found["chart"][1].as_f64().unwrap() > 150.0,
            "{found}"
        );
        assert!(found["bars"].as_u64().unwrap() > 60, "{found}");
        // On a phone the oldest are what is off the screen.
        assert_eq!(found["newest"], true, "{found}");
        assert_eq!(found["oldest"], width > 600, "{found}");
        assert_eq!(found["titles"], true, "{found}");
        assert!(found["tables"].as_u64().unwrap() >= 6);
        let text = found["text_of_page"].as_str().unwrap();
        for words in [
            HOSTILE,
            "No proof that it returns mail of yours",
            "A valid tag in the address",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        papers.push((found["paper"].clone(), found["ink"].clone()));
    }
    assert_eq!(papers[0], papers[2]);
    assert!(
        papers[0].0 != papers[1].0 && papers[0].1 != papers[1].1,
        "{papers:?}"
    );
}

#[test]
fn the_browser_has_nothing_to_complain_about() {
    let site = attacked();
    site.text(&["--html", "page.html"]);
    let page = fs::read_to_string(site.path("page.html")).unwrap();
    assert!(page.contains("default-src 'none'; style-src 'sha256-"));
    let elsewhere = ["http:", "https:", "src=", "url(", "@import", "javascript"];
    assert!(!elsewhere.iter().any(|word| page.contains(word)), "{page}");
    kept(&site.path("page.html"));
    let seen = |name: &str, size, scheme| {
        let path = site.path(name);
        assert_eq!(picture(&page, size, scheme, &path), Vec::<String>::new());
        fs::read(path).unwrap()
    };
    let pictures = [
        seen("light.png", (1200, 2000), Scheme::Light),
        seen("dark.png", (1200, 2000), Scheme::Dark),
        seen("phone.png", (390, 2000), Scheme::Light),
    ];
    for picture in &pictures {
        assert!(picture.starts_with(b"\x89PNG") && picture.len() > 20_000);
    }
    assert!(pictures[0] != pictures[1]);
    // Its policy is what keeps scripts and foreign styles out, should one ever get in.
    let broken = page.replace("</main>", "<script>1</script><style>p{}</style></main>");
    fs::write(site.path("broken.html"), broken).unwrap();
    let output = open(
        &file(&site.path("broken.html")),
        Scheme::Light,
        &["--dump-dom"],
    );
    assert_eq!(console(&output).len(), 2, "{:?}", console(&output));
}

#[test]
fn a_page_without_bounces_says_so() {
    let site = attacked();
    site.text(&[
        "--since",
        "1h",
        "--domain",
        "example.org",
        "--html",
        "page.html",
    ]);
    let page = fs::read_to_string(site.path("page.html")).unwrap();
    assert!(page.contains("No bounces came.") && !page.contains("<svg"));
    let output = open(
        &file(&site.path("page.html")),
        Scheme::Dark,
        &["--dump-dom"],
    );
    assert_eq!(console(&output), Vec::<String>::new());
}
