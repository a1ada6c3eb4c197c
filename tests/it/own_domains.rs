//! Domains of ours in lists: the daemon follows them, and commands know them as it does.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Output},
};

use lab::{backstop::Backstop, mta, process::free_port};
use serde_json::Value;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr, sqlite::SqliteConnectOptions};

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_backstop"))
}

fn run(config: &Path, arguments: &[&str]) -> Output {
    Command::new(binary())
        .arg("--config")
        .arg(config)
        .args(arguments)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    String::from_utf8_lossy(&[out.as_slice(), err].concat()).into_owned()
}

fn page(port: u16, path: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

fn database(file: &Path, sql: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let options = SqliteConnectOptions::new();
        let options = options.filename(file).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        for sql in sql.split(';') {
            let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
            sqlx::query(sql).execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();
    });
}

#[test]
fn lists_are_followed_and_known_after_a_restart_without_them() {
    let folder = mta::folder_in_memory().unwrap();
    let (list, mail) = (folder.path().join("domains"), folder.path().join("mail.db"));
    fs::write(&list, "listed.example\nno domain\n").unwrap();
    database(
        &mail,
        "CREATE TABLE domain (name TEXT);INSERT INTO domain VALUES ('In.SQL.example.'), ('b.example')",
    );
    let yaml = format!(
        "listen: unix:{}\nsocket: {{mode: 0666}}\nlocal:\n  domains:\n    - example.org\n    - file: domains\n    \
         - sql: {{url: 'sqlite:{}', query: SELECT name FROM domain}}\n",
        folder.path().join("s").display(),
        mail.display()
    );
    let mut backstop = Backstop::start_in(binary(), &yaml, folder).unwrap();
    backstop.wait_for_log("domains: 1 domain read").unwrap();
    backstop
        .wait_for_log("1 entry skipped: line 2: more than one word")
        .unwrap();
    backstop.wait_for_log("mail.db: 2 domains read").unwrap();
    let config = backstop.config();

    // Commands know them.
    for (domain, is_ours) in [
        ("example.org", true),
        ("listed.example", true),
        ("in.sql.example", true),
        ("new.example", false),
    ] {
        let output = run(&config, &["siege", "on", domain]);
        assert_eq!(
            output.status.success(),
            is_ours,
            "{domain}: {}",
            text(&output)
        );
    }
    let output = run(&config, &["check", "--offline"]);
    let said = text(&output);
    assert!(
        said.contains("domains of ") && said.contains("mail.db: 2, as of "),
        "{said}"
    );
    let output = run(&config, &["status", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["domains"], serde_json::json!(["example.org"]));
    assert_eq!(told["domain_lists"][0]["domains"], 1);
    assert_eq!(told["domain_lists"][1]["domains"], 2);
    assert_eq!(told["domain_lists"][1]["is_well"], true);

    // A change needs no reload: the file of settings could not even be read.
    let settings = fs::read(&config).unwrap();
    fs::write(&config, "nonsense").unwrap();
    fs::write(&list, "listed.example\nnew.example\n").unwrap();
    backstop.wait_for_log("1 came: new.example").unwrap();
    backstop.wait_for_log("domains that are ours: 5").unwrap();
    fs::write(&config, settings).unwrap();
    let output = run(&config, &["siege", "on", "new.example"]);
    assert!(output.status.success(), "{}", text(&output));
    let said = text(&run(&config, &["status"]));
    for domain in ["listed.example", "in.sql.example", "new.example"] {
        let besieged = format!("siege of {domain}: siege");
        assert!(said.contains(&besieged), "{said}");
    }
    // Domains that go are followed, too; a file without any domain is none.
    fs::write(&list, "new.example\na.example\n").unwrap();
    backstop.wait_for_log("1 went: listed.example").unwrap();
    fs::write(&list, "").unwrap();
    backstop
        .wait_for_log("it lists no domain; the 2 domains of the last good answer stay")
        .unwrap();

    backstop.stop().unwrap();
    let folder = backstop.folder().to_owned();
    fs::remove_file(&list).unwrap();
    fs::remove_file(&mail).unwrap();
    let output = run(&config, &["check", "--offline"]);
    let said = text(&output);
    assert!(
        said.contains("can't be read") && said.contains("the 2 domains of the last good answer"),
        "{said}"
    );
    let mut again = Command::new(binary());
    again.arg("--config").arg(&config);
    let mut daemon = again
        .stderr(fs::File::create(folder.join("again")).unwrap())
        .spawn()
        .unwrap();
    let log = || fs::read_to_string(folder.join("again")).unwrap_or_default();
    lab::process::wait_until(std::time::Duration::from_secs(20), || {
        Ok(log().contains("listens on") && log().contains("are in use until it answers"))
    })
    .unwrap();
    let output = run(&config, &["siege", "on", "in.sql.example"]);
    assert!(output.status.success(), "{}", text(&output));
    let output = run(&config, &["siege", "on", "listed.example"]);
    assert!(!output.status.success(), "{}", text(&output));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    assert!(!log().contains("panicked"), "{}", log());
}

#[test]
fn what_was_never_read_is_told_and_stops_nothing() {
    let folder = mta::folder_in_memory().unwrap();
    let port = free_port().unwrap();
    let yaml = format!(
        "local:\n  domains:\n    - sql: {{url: 'sqlite:/nonexistent/mail.db', query: SELECT name FROM domain}}\n\
         recipients: [{{domain: lost.example}}]\nobserve: {{http: 127.0.0.1:{port}}}\n"
    );
    let backstop = Backstop::start_in(binary(), &yaml, folder).unwrap();
    backstop
        .wait_for_log("its domains are not known here, and their mail is judged as strangers'")
        .unwrap();
    backstop
        .wait_for_log("`recipients` has an entry for lost.example, which is neither in")
        .unwrap();
    backstop.wait_for_log(" listens on ").unwrap();
    let ready = page(port, "/readyz");
    assert!(
        ready.contains(" 503 ")
            && ready.contains("List of domains: ")
            && ready.contains("its domains are not known"),
        "{ready}"
    );
    let metrics = page(port, "/metrics");
    for line in [
        "backstop_domain_list_domains{list=\"sqlite:/nonexistent/mail.db\"} 0",
        "backstop_domain_list_failing{list=\"sqlite:/nonexistent/mail.db\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let config = backstop.config();
    let output = run(&config, &["status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output).contains("its domains are not known"),
        "{}",
        text(&output)
    );
    let output = run(&config, &["check", "--offline"]);
    let said = text(&output);
    assert!(
        said.contains("not asked (--offline), and no answer of it is kept"),
        "{said}"
    );
}
