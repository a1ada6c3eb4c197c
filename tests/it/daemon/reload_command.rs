//! `backstop reload`: the daemon's own answer to it.

use std::{
    fs,
    io::{Read, Write},
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use lab::{backstop::Backstop, mta};

use super::{ENFORCE, STRANGER, Stage, asking, assert_refused, binary, dns, zone};

impl Stage {
    /// A daemon with a folder for its control socket, as systemd makes it, started by this shell command.
    fn controlled(script: &str, more: &str) -> Self {
        let (dns, folder) = (dns(zone()), mta::folder_in_memory().unwrap());
        let mut launcher = Command::new("sh");
        launcher
            .args(["-c", script])
            .arg(binary())
            .env("RUNTIME_DIRECTORY", folder.path())
            .env_remove("JOURNAL_STREAM")
            .env_remove("RUST_LOG")
            .stdout(Stdio::null());
        let yaml = asking(dns.addr(), more);
        let backstop = Backstop::start_by(launcher, &yaml, folder).unwrap();
        let stage = Self { backstop, dns };
        // It is made after the log says that it listens.
        lab::process::wait_until(lab::mta::PATIENCE, || Ok(stage.control().exists())).unwrap();
        stage
    }

    fn control(&self) -> std::path::PathBuf {
        self.backstop.folder().join("control")
    }

    fn ask_to_reload(&self, more: &[&str]) -> Output {
        reload(self.backstop.folder(), more)
    }

    fn write(&self, more: &str) {
        let yaml = asking(self.dns.addr(), more);
        self.backstop.configure(&yaml).unwrap();
    }
}

const PLAIN: &str = r#"exec "$0" "$@""#;

fn reload(folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command
        .arg("reload")
        .args(more)
        .env("RUNTIME_DIRECTORY", folder)
        .env_remove("JOURNAL_STREAM");
    command.output().unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn it_answers_what_the_daemon_did() {
    let stage = Stage::controlled(PLAIN, ENFORCE);
    let mode = fs::metadata(stage.control()).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    stage.write("mode: monitor\n");
    let (code, out, err) = said(&stage.ask_to_reload(&[]));
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.ends_with(", mode monitor\n"), "{out}");
    // A warning of the file is told, too.
    assert!(out.contains("local.domains"), "{out}");

    stage.write("mode: monitor\nspf: {mail_form: {fail: tag}}\nnull_sander: {}\n");
    let (code, out, err) = said(&stage.ask_to_reload(&[]));
    assert_eq!((code, out.as_str()), (Some(1), ""));
    let place = format!("{}:4:7: error: ", stage.backstop.config().display());
    assert!(err.contains(&place) && err.contains("^"), "{err}");
    assert!(err.ends_with("the running configuration stays\n"), "{err}");
    // The log has it in one line.
    let log = stage.backstop.log();
    let errors: Vec<_> = log
        .lines()
        .filter(|line| line.contains(" ERROR "))
        .collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(
        errors[0].contains("reload failed") && errors[0].contains(":4:7: "),
        "{log}"
    );
    assert!(!log.contains("^^^"), "{log}");
}

/// An editor that has opened the file to write it, or a disk that was full, must not make the daemon stop enforcing.
#[test]
fn a_file_that_says_nothing_is_no_configuration() {
    let mut stage = Stage::controlled(PLAIN, ENFORCE);
    for empty in ["", "# mode: enforce\n"] {
        fs::write(stage.backstop.config(), empty).unwrap();
        let (code, out, err) = said(&stage.ask_to_reload(&[]));
        assert_eq!((code, out.as_str()), (Some(1), ""), "{empty:?}");
        for part in [
            "the file says nothing",
            "`mode: monitor`",
            "the running configuration stays",
        ] {
            assert!(err.contains(part), "{empty:?}: {err}");
        }
        let mut client = stage.session(STRANGER);
        client.mail("a@fail.example", &[]).unwrap();
        assert_refused(client.rcpt("joe@example.org", &[]), "550 5.7.23 ");
    }
    // Nor does it start with one.
    let config = stage.backstop.config();
    for command in ["check", "run"] {
        let ended = Command::new(binary())
            .arg("--config")
            .arg(&config)
            .arg(command)
            .output()
            .unwrap();
        let (code, _, err) = said(&ended);
        assert_eq!(code, Some(78), "{command}: {err}");
        assert!(err.contains("the file says nothing"), "{command}: {err}");
    }
    assert!(stage.backstop.is_running().unwrap());
}

/// Whom the journal hears has no need to say again what the daemon logs.
#[test]
fn in_the_journal_it_leaves_the_words_to_the_daemon() {
    let journal = r#"JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$0" "$@""#;
    let stage = Stage::controlled(journal, ENFORCE);
    stage.write("mode: sleep\n");
    let log = fs::OpenOptions::new()
        .append(true)
        .open(stage.backstop.folder().join("log"))
        .unwrap();
    let asked = Command::new("sh")
        .args(["-c", journal])
        .arg(binary())
        .arg("reload")
        .env("RUNTIME_DIRECTORY", stage.backstop.folder())
        .stderr(log)
        .output()
        .unwrap();
    assert_eq!((asked.status.code(), &*asked.stdout), (Some(1), &b""[..]));
    let log = stage.backstop.log();
    let errors = log.lines().filter(|line| line.starts_with("<3>"));
    let errors: Vec<_> = errors.collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("reload failed"), "{log}");
}

/// systemd 253 and later send SIGHUP, and run the command.
#[test]
fn a_hangup_just_before_it_is_answered_by_the_same_reload() {
    // What it says to systemd is lost.
    let by_systemd = r#"NOTIFY_SOCKET=/nonexistent exec "$0" "$@""#;
    let stage = Stage::controlled(by_systemd, ENFORCE);
    for _ in 0..5 {
        let mut command = UnixStream::connect(stage.control()).unwrap();
        stage.backstop.reload().unwrap();
        command.write_all(b"reload\n").unwrap();
        let mut answer = String::new();
        command.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("done\n"), "{answer}");
    }
    // On a machine that is so busy that the command comes too late, there may be one more.
    let log = stage.backstop.log();
    let reloads = log.matches(" reloaded ").count();
    assert!((5..10).contains(&reloads), "{log}");
}

#[test]
fn commands_that_come_together_are_all_answered() {
    let stage = Stage::controlled(PLAIN, ENFORCE);
    let asked: Vec<_> = (0..8)
        .map(|_| {
            Command::new(binary())
                .arg("reload")
                .env("RUNTIME_DIRECTORY", stage.backstop.folder())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for one in asked {
        let output = one.wait_with_output().unwrap();
        assert_eq!(said(&output).0, Some(0));
    }
}

#[test]
fn a_daemon_that_hangs_or_is_not_there_is_said_to_be() {
    let folder = mta::folder_in_memory().unwrap();
    let (code, _, err) = said(&reload(folder.path(), &[]));
    assert_eq!(code, Some(69));
    assert!(err.contains("it does not run"), "{err}");
    // It accepts, and says nothing.
    let control = folder.path().join("control");
    let silent = UnixListener::bind(&control).unwrap();
    let begun = Instant::now();
    let (code, _, err) = said(&reload(folder.path(), &["--timeout", "1s"]));
    assert_eq!(code, Some(69));
    assert!(err.contains("it did not answer within 1s"), "{err}");
    assert!(begun.elapsed() < Duration::from_secs(15));
    drop(silent);
    // It ends before it answers.
    fs::remove_file(&control).unwrap();
    let ending = UnixListener::bind(&control).unwrap();
    let asked = std::thread::spawn(move || {
        let (mut asked, _) = ending.accept().unwrap();
        let mut word = [0; 7];
        asked.read_exact(&mut word).unwrap();
        asked.write_all(b"done\nrelo").unwrap();
        word
    });
    let (code, _, err) = said(&reload(folder.path(), &[]));
    assert_eq!(&asked.join().unwrap(), b"reload\n");
    assert_eq!(code, Some(69));
    assert!(err.contains("it ended before it answered"), "{err}");
}

#[test]
fn who_says_something_else_gets_no_answer_and_does_no_harm() {
    let stage = Stage::controlled(PLAIN, ENFORCE);
    let long = "x".repeat(4096);
    for word in ["", "reloaf\n", "\0\0\0\0\0\0\0", &long] {
        let mut stream = UnixStream::connect(stage.control()).unwrap();
        // It may have hung up by then.
        let _ = stream.write_all(word.as_bytes());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(answer, b"");
    }
    let silent: Vec<_> = (0..40)
        .map(|_| UnixStream::connect(stage.control()).unwrap())
        .collect();
    stage.serves();
    drop(silent);
    lab::process::wait_until(Duration::from_secs(20), || {
        Ok(said(&stage.ask_to_reload(&[])).0 == Some(0))
    })
    .unwrap();
}

#[test]
fn the_control_socket_goes_with_the_daemon() {
    let mut stage = Stage::controlled(PLAIN, ENFORCE);
    let control = stage.control();
    stage.backstop.terminate().unwrap();
    assert_eq!(
        stage
            .backstop
            .ended(Duration::from_secs(10))
            .unwrap()
            .code(),
        Some(0)
    );
    assert!(!control.exists());
}
