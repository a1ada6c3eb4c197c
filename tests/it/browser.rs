//! Debian's Chromium, without a window, and a web server on loopback for it: what pages look like, light and dark, on a screen
//! and on a phone.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use serde_json::Value;

/// What people may have set in their system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Dark,
    Light,
}

/// Opens a page with what it takes beside; ends by itself.
pub fn open(url: &str, scheme: Scheme, arguments: &[&str]) -> Output {
    let profile = lab::mta::folder_in_memory().unwrap();
    let scheme = match scheme {
        Scheme::Dark => 0,
        Scheme::Light => 1,
    };
    let output = Command::new("timeout")
        .args(["120", "chromium"])
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--virtual-time-budget=5000",
        ])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(arguments)
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .expect("chromium is there: tests/run installs it");
    assert!(output.status.success(), "{output:?}");
    output
}

/// Looks into a page from outside: its own policy lets no script run in it. `LOOK` stands for what else there is to see.
const FRAME: &str = r#"<!DOCTYPE html><html><head><meta name="color-scheme" content="light dark"></head><body>
<iframe src="/page" width="WIDTH" height="900"></iframe><pre></pre><script>
const rgb = text => text.match(/[\d.]+/g).slice(0, 3).map(Number);
const light = text => { const [r, g, b] = rgb(text).map(c => { c /= 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; });
  return .2126 * r + .7152 * g + .0722 * b; };
const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((x, y) => y - x); return (x + .05) / (y + .05); };
onload = () => {
  const page = document.querySelector("iframe").contentDocument, look = page.defaultView;
  const style = (element, name) => look.getComputedStyle(element)[name];
  const card = style(page.querySelector("section"), "backgroundColor");
  const bars = [...page.querySelectorAll("svg.chart rect")].map(bar => bar.getBoundingClientRect());
  const chart = page.querySelector("svg.chart").getBoundingClientRect();
  const found = {
    dark: look.matchMedia("(prefers-color-scheme: dark)").matches,
    paper: style(page.body, "backgroundColor"),
    ink: style(page.body, "color"),
    text: contrast(style(page.body, "color"), card),
    soft: contrast(style(page.querySelector(".soft"), "color"), style(page.body, "backgroundColor")),
    label: contrast(style(page.querySelector("svg text"), "fill"), card),
    chart: [chart.width, chart.height],
    bars: bars.length,
    empty: bars.filter(bar => bar.width < 1 || bar.height < .5).length,
    outside: bars.filter(bar => bar.left < chart.left || bar.right > chart.right || bar.top < chart.top || bar.bottom > chart.bottom).length,
    scripts: page.querySelectorAll("script, iframe, img, link, [style], [onload]").length,
    wide: page.documentElement.scrollWidth - page.documentElement.clientWidth,
    small: [...page.querySelectorAll("body *")].filter(element => element.textContent.trim() && parseFloat(style(element, "fontSize")) < 12).length,
    text_of_page: page.body.textContent,
    ...(() => { LOOK })(),
  };
  console.error("looked");
  document.querySelector("pre").textContent = JSON.stringify(found);
};
</script></body></html>"#;

/// What a page with a chart looks like in this width, and what `look` finds in it. Holds what is true of all pages: that they are
/// legible, fit, and load nothing.
pub fn looked_at(page: &str, width: u32, scheme: Scheme, look: &str) -> Value {
    let frame = FRAME.replace("WIDTH", &width.to_string());
    let frame = frame.replace("LOOK", look);
    let pages = vec![("/look", frame), ("/page", page.to_owned())];
    let address = serve(pages.leak());
    let output = open(&format!("http://{address}/look"), scheme, &["--dump-dom"]);
    // So that no silence of the console is taken for peace.
    let said = console(&output);
    assert!(said.len() == 1 && said[0].contains("looked"), "{said:?}");
    let dom = String::from_utf8(output.stdout).unwrap();
    let text = dom.split("<pre>").nth(1).unwrap();
    let text = text.split("</pre>").next().unwrap();
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let found: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {dom}"));
    assert_eq!(found["dark"], scheme == Scheme::Dark);
    // WCAG 2.1, 1.4.3 and 1.4.6.
    for (what, least) in [("text", 7.0), ("soft", 4.5), ("label", 4.5)] {
        let contrast = found[what].as_f64().unwrap();
        assert!(contrast >= least, "{what}, {scheme:?}: {found}");
    }
    for nothing in ["empty", "outside", "scripts", "wide", "small"] {
        assert_eq!(found[nothing], 0, "{nothing}, {width}, {scheme:?}: {found}");
    }
    found
}

/// Makes a picture of a page, in a frame of this width and height: a window is never as narrow as a phone. Gives what the browser
/// wrote to its console.
pub fn picture(page: &str, (width, height): (u32, u32), scheme: Scheme, to: &Path) -> Vec<String> {
    let frame = format!(
        "<!DOCTYPE html><meta name=\"color-scheme\" content=\"light dark\"><body style=\"margin:0\">\
         <iframe src=\"/page\" width=\"{width}\" height=\"{height}\" style=\"border:0\"></iframe>"
    );
    let pages = vec![("/frame", frame), ("/page", page.to_owned())];
    let address = serve(pages.leak());
    let output = open(
        &format!("http://{address}/frame"),
        scheme,
        &[
            &format!("--screenshot={}", to.display()),
            &format!("--window-size={},{height}", width.max(500)),
        ],
    );
    kept(to);
    console(&output)
}

/// Keeps a picture where somebody wants to look at it.
pub fn kept(path: &Path) {
    if let Some(folder) = std::env::var_os("BACKSTOP_PICTURES") {
        std::fs::copy(path, Path::new(&folder).join(path.file_name().unwrap())).unwrap();
    }
}

/// What the browser wrote to its console.
pub fn console(output: &Output) -> Vec<String> {
    let log = String::from_utf8_lossy(&output.stderr);
    let lines = log.lines().filter(|line| line.contains("CONSOLE"));
    lines.map(str::to_owned).collect()
}

/// A page's address.
pub fn file(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Serves these pages, by their path, as long as the tests run.
pub fn serve(pages: &'static [(&'static str, String)]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            // A browser may open some before it asks on one of them.
            thread::spawn(move || answer(connection, pages));
        }
    });
    address
}

fn answer(mut connection: TcpStream, pages: &[(&str, String)]) {
    let mut request = String::new();
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    while reader
        .read_line(&mut request)
        .is_ok_and(|length| length > 2)
    {}
    let path = request.split(' ').nth(1).unwrap_or_default();
    let page = pages.iter().find(|(name, _)| *name == path);
    let (status, body) = page.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", body));
    // A browser that went away reads no more.
    let _ = write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
}
