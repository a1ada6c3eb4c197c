//! The page, in a real browser: light and dark, on a screen and on a phone.

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    HOSTILE, attacked,
    browser::{Scheme, console, file, open, serve},
};

/// Looks into the page from outside: its own policy lets no script run in it.
const LOOK: &str = r#"<!DOCTYPE html><html><head><meta name="color-scheme" content="light dark"></head><body>
<iframe src="/page" width="1000" height="900"></iframe><pre></pre><script>
const rgb = text => text.match(/[\d.]+/g).slice(0, 3).map(Number);
const light = text => { const [r, g, b] = rgb(text).map(c => { c /= 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; });
  return .2126 * r + .7152 * g + .0722 * b; };
const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((x, y) => y - x); return (x + .05) / (y + .05); };
onload = () => {
  const page = document.querySelector("iframe").contentDocument, look = page.defaultView;
  const style = (element, name) => look.getComputedStyle(element)[name];
  const card = style(page.querySelector("section"), "backgroundColor");
  const fates = ["refused", "refused_by_mta", "would_refuse", "accepted", "deferred", "proven"];
  const bars = [...page.querySelectorAll("svg.hours rect")].map(bar => bar.getBoundingClientRect());
  const chart = page.querySelector("svg.hours").getBoundingClientRect();
  const soft = page.querySelector(".soft");
  const found = {
    dark: look.matchMedia("(prefers-color-scheme: dark)").matches,
    paper: style(page.body, "backgroundColor"),
    ink: style(page.body, "color"),
    text: contrast(style(page.body, "color"), card),
    soft: contrast(style(soft, "color"), style(page.body, "backgroundColor")),
    label: contrast(style(page.querySelector("svg text"), "fill"), card),
    fates: fates.map(fate => [fate, contrast(style(page.querySelector("svg.hours ." + fate), "fill"), card)]),
    chart: [chart.width, chart.height],
    bars: bars.length,
    empty: bars.filter(bar => bar.width < 1 || bar.height < .5).length,
    outside: bars.filter(bar => bar.left < chart.left || bar.right > chart.right || bar.top < chart.top || bar.bottom > chart.bottom).length,
    tables: page.querySelectorAll("table").length,
    titles: [...page.querySelectorAll("svg g")].every(bar => bar.querySelector("title").textContent.includes("UTC")),
    scripts: page.querySelectorAll("script, iframe, img, link, [style], [onload], a").length,
    wide: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    text_of_page: page.body.textContent,
  };
  console.error("looked");
  document.querySelector("pre").textContent = JSON.stringify(found);
};
</script></body></html>"#;

fn looked_at(page: &str, width: u32, scheme: Scheme) -> Value {
    let frame = LOOK.replace("width=\"1000\"", &format!("width=\"{width}\""));
    let pages = vec![("/look", frame), ("/page", page.to_owned())];
    let address = serve(pages.leak());
    let output = open(&format!("http://{address}/look"), scheme, &["--dump-dom"]);
    // So that no silence of the console is taken for peace.
    let said = console(&output);
    assert!(said.len() == 1 && said[0].contains("looked"), "{said:?}");
    let dom = String::from_utf8(output.stdout).unwrap();
    let text = dom
        .split("<pre>")
        .nth(1)
        .unwrap()
        .split("</pre>")
        .next()
        .unwrap();
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {dom}"))
}

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
        let found = looked_at(&page, width, scheme);
        assert_eq!(found["dark"], scheme == Scheme::Dark);
        for (what, least) in [("text", 7.0), ("soft", 4.5), ("label", 4.5)] {
            assert!(
                found[what].as_f64().unwrap() >= least,
                "{what}, {scheme:?}: {found}"
            );
        }
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
        assert_eq!(
            (&found["empty"], &found["outside"]),
            (&0.into(), &0.into()),
            "{found}"
        );
        assert_eq!(
            (&found["scripts"], &found["wide"], &found["titles"]),
            (&0.into(), &0.into(), &true.into()),
            "{found}"
        );
        assert!(found["tables"].as_u64().unwrap() >= 6);
        assert!(found["text_of_page"].as_str().unwrap().contains(HOSTILE));
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
    let picture = |name: &str, scheme| {
        let path = site.path(name);
        let output = open(
            &file(&site.path("page.html")),
            scheme,
            &[
                &format!("--screenshot={}", path.display()),
                "--window-size=1200,1600",
            ],
        );
        assert_eq!(console(&output), Vec::<String>::new());
        kept(&path);
        fs::read(path).unwrap()
    };
    kept(&site.path("page.html"));
    let (light, dark) = (
        picture("light.png", Scheme::Light),
        picture("dark.png", Scheme::Dark),
    );
    assert!(light.starts_with(b"\x89PNG") && dark.starts_with(b"\x89PNG"));
    assert!(light.len() > 20_000 && dark.len() > 20_000 && light != dark);
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

/// Keeps a picture where somebody wants to look at it.
fn kept(path: &Path) {
    if let Some(folder) = std::env::var_os("BACKSTOP_PICTURES") {
        fs::copy(path, Path::new(&folder).join(path.file_name().unwrap())).unwrap();
    }
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
