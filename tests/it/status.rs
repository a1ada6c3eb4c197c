//! `backstop status`, of a daemon that runs and of one that doesn't.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use lab::{backstop::Backstop, mta, process::free_port};
use serde_json::Value;

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_backstop"))
}

fn status(config: &Path, arguments: &[&str]) -> Output {
    Command::new(binary())
        .arg("--config")
        .arg(config)
        .arg("status")
        .args(arguments)
        .output()
        .unwrap()
}

fn lines(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn it_tells_of_a_daemon_from_its_start_to_its_end() {
    let folder = mta::folder_in_memory().unwrap();
    let list = folder.path().join("list");
    fs::write(&list, "joe\nann\n").unwrap();
    let socket = folder.path().join("s");
    let yaml = format!(
        "listen: unix:{}\nsocket: {{mode: 0666}}\nmode: enforce\nlocal: {{domains: [example.org, .example.org]}}\n\
         recipients: [{{domain: example.org, known: [{{file: list}}]}}]\n",
        socket.display()
    );
    let mut backstop = Backstop::start_in(binary(), &yaml, folder).unwrap();
    backstop.wait_for_log(" listens on ").unwrap();
    let config = backstop.config();
    let store = backstop.folder().join("state.db");
    lab::process::wait_until(lab::mta::PATIENCE, || Ok(store.exists())).unwrap();

    let output = status(&config, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        lines(&output),
        [
            format!(
                "backstop {}, {}",
                env!("CARGO_PKG_VERSION"),
                config.display()
            ),
            "mode: enforce".to_owned(),
            "own domains: example.org, .example.org".to_owned(),
            format!("daemon on unix:{}: answers", socket.display()),
            format!("store sqlite:{}: answers", store.display()),
            format!("recipients: {}: 2 addresses read", list.display()),
            "sieges: none, and no bounces that could begin one".to_owned(),
            "fine".to_owned(),
        ]
    );

    let said = Command::new(binary())
        .arg("--config")
        .arg(&config)
        .args(["siege", "on", "example.org"])
        .output()
        .unwrap();
    assert!(said.status.success(), "{said:?}");
    let told = lines(&status(&config, &[]));
    let siege = told
        .iter()
        .find(|line| line.starts_with("siege of example.org: siege"));
    assert!(
        siege.is_some_and(|line| line.contains(", by hand until 20")),
        "{told:?}"
    );
    let told: Value = serde_json::from_slice(&status(&config, &["--json"]).stdout).unwrap();
    assert_eq!(told["sieges"][0]["domain"], "example.org");
    assert_eq!(told["sieges"][0]["state"], "siege");

    fs::remove_file(&list).unwrap();
    fs::create_dir(&list).unwrap();
    let output = status(&config, &["--json"]);
    // The configuration names it, so this is no configuration.
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    fs::remove_dir(&list).unwrap();
    fs::write(&list, "# nobody\n").unwrap();
    let output = status(&config, &["--json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["daemon"]["is_well"], true);
    assert_eq!(told["recipient_lists"][0]["is_well"], false);
    let says = told["recipient_lists"][0]["says"].as_str().unwrap();
    assert!(
        says.contains("can't be read: it holds no address"),
        "{says}"
    );
    assert_eq!(told["is_well"], false);
    fs::write(&list, "joe\n").unwrap();

    backstop.stop().unwrap();
    let output = status(&config, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = lines(&output);
    assert!(
        said[3].contains(": does not answer: No such file or directory"),
        "{said:?}"
    );
    assert_eq!(said.last().unwrap(), "not fine; see above");
    let told: Value = serde_json::from_slice(&status(&config, &["--json"]).stdout).unwrap();
    assert_eq!(told["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(told["mode"], "enforce");
    assert_eq!(told["daemon"]["is_well"], false);
    assert_eq!(told["store"]["is_well"], true);
    assert_eq!(told["metrics"], Value::Null);
}

#[test]
fn it_tells_of_a_port_and_of_a_store_that_is_down() {
    let folder = mta::folder_in_memory().unwrap();
    let (listen, redis) = (free_port().unwrap(), free_port().unwrap());
    let yaml = format!(
        "listen: inet:{listen}@127.0.0.1\nlocal: {{domains: [example.org]}}\nobserve: {{http: 127.0.0.1:8895}}\n\
         store: redis://127.0.0.1:{redis}/0\n"
    );
    let config = folder.path().join("milter.yaml");
    fs::write(&config, &yaml).unwrap();
    let output = status(&config, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = lines(&output);
    assert!(
        said[3].contains("does not answer: Connection refused"),
        "{said:?}"
    );
    assert!(
        said[4].starts_with(&format!("store redis://127.0.0.1:{redis}/0: is down: ")),
        "{said:?}"
    );
    assert_eq!(said[5], "metrics: http://127.0.0.1:8895/metrics");

    let yaml = yaml.replace("observe: {http: 127.0.0.1:8895}\n", "");
    let backstop = Backstop::start(binary(), &yaml).unwrap();
    let said = lines(&status(&backstop.config(), &[]));
    assert_eq!(
        said[3],
        format!("daemon on inet:{listen}@127.0.0.1: answers")
    );
}

#[test]
fn a_file_with_a_mistake_is_no_status() {
    let folder = mta::folder_in_memory().unwrap();
    let config = folder.path().join("milter.yaml");
    fs::write(&config, "mode: enfroce\n").unwrap();
    for arguments in [&[][..], &["--json"]] {
        assert_eq!(status(&config, arguments).status.code(), Some(78));
    }
    assert_eq!(status(&config, &["--jsno"]).status.code(), Some(64));
}

/// After a roll-back: the file of a newer version is left as it is, and mail goes on; the copy from before is found.
#[test]
fn the_store_of_a_newer_version_is_said_to_be_and_a_copy_put_back_is_found() {
    // sqlite.org/fileformat.html 1.3: the user version is a number of four octets at 60.
    const VERSION: std::ops::Range<usize> = 60..64;
    let folder = mta::folder_in_memory().unwrap();
    let store = folder.path().join("state.db");
    let yaml = format!(
        "listen: inet:0@127.0.0.1\nlocal: {{domains: [example.org]}}\nstore: sqlite:{}\n\
         dns: {{nameservers: [\"127.0.0.1:9\"], timeout: 300ms, budget: 1s}}\n",
        store.display()
    );
    let soon = std::time::Duration::from_secs(20);
    let start = || Backstop::start(binary(), &yaml).unwrap();
    let stop = |mut backstop: Backstop| {
        backstop.terminate().unwrap();
        assert!(backstop.ended(soon).unwrap().success());
    };
    let version = || fs::read(&store).ok()?.get(VERSION).map(<[u8]>::to_vec);
    let backstop = start();
    lab::process::wait_until(soon, || Ok(store.exists())).unwrap();
    stop(backstop);
    assert_eq!(version(), Some(vec![0, 0, 0, 1]));
    let former = fs::read(&store).unwrap();
    let mut newer = former.clone();
    newer[VERSION].copy_from_slice(&[0, 0, 0, 2]);
    fs::write(&store, &newer).unwrap();

    let backstop = start();
    let mut client = lab::milter::Client::tcp(backstop.addr()).unwrap();
    client
        .connect("x.example", lab::milter::Peer::at([192, 0, 2, 1].into()))
        .unwrap();
    client.helo("x.example").unwrap();
    client.mail("", &[]).unwrap();
    let reply = client.rcpt("postmaster@example.org", &[]).unwrap();
    assert_eq!(reply, lab::milter::Reply::Continue);
    // `status` connects to `listen`.
    let port = format!("inet:{}@", backstop.addr().port());
    let shown = backstop.folder().join("shown.yaml");
    fs::write(&shown, yaml.replace("inet:0@", &port)).unwrap();
    let output = status(&shown, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = lines(&output).join("\n");
    assert!(
        said.contains("has schema 2 of a newer Backstop: run that version, or move the file away"),
        "{said}"
    );
    assert_eq!(fs::read(&store).unwrap(), newer);

    fs::rename(&store, folder.path().join("state.db.newer")).unwrap();
    fs::write(&store, &former).unwrap();
    lab::process::wait_until(soon, || Ok(status(&shown, &[]).status.success())).unwrap();
    stop(backstop);
    assert_eq!(version(), Some(vec![0, 0, 0, 1]));
    assert_eq!(
        fs::read(folder.path().join("state.db.newer")).unwrap(),
        newer
    );
}
