//! The page, in a real browser: light and dark, on a screen and on a phone.

use std::fs;

use tokio::runtime::Runtime;

use super::senders::reported;
use crate::browser::{Scheme, kept, looked_at, picture};

const LOOK: &str = r#"
  const classes = ["yours", "service_or_list", "unproven", "forger"];
  return {
    classes: classes.map(one => [one, contrast(style(page.querySelector("svg.chart ." + one), "fill"), card)]),
    tables: page.querySelectorAll("table").length,
    titles: [...page.querySelectorAll("svg g")].every(bar => bar.querySelector("title").textContent.includes("UTC")),
  };
"#;

#[test]
fn it_is_legible_light_and_dark() {
    let runtime = Runtime::new().unwrap();
    let (desk, _dns) = reported(&runtime);
    desk.text(&["report", "senders", "--html", "senders.html"]);
    let page = fs::read_to_string(desk.path("senders.html")).unwrap();
    kept(&desk.path("senders.html"));
    for (width, scheme) in [
        (1000, Scheme::Light),
        (1000, Scheme::Dark),
        (360, Scheme::Light),
    ] {
        let found = looked_at(&page, width, scheme, LOOK);
        // WCAG 2.1, 1.4.11.
        for class in found["classes"].as_array().unwrap() {
            assert!(class[1].as_f64().unwrap() >= 3.0, "{scheme:?}: {class}");
        }
        assert_eq!(found["titles"], true, "{found}");
        assert_eq!(found["tables"], 6, "{found}");
        assert!(found["bars"].as_u64().unwrap() >= 9, "{found}");
        let text = found["text_of_page"].as_str().unwrap();
        for words in [
            "Who sends as your domains",
            "Also behind 37 bounces of 37 networks",
            "One reporter says: forger",
            "The mail of big.example",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        let picture_of = desk.path(&format!("senders-{width}-{scheme:?}.png"));
        let said = picture(&page, (width, 1600), scheme, &picture_of);
        assert_eq!(said, Vec::<String>::new());
    }
}
