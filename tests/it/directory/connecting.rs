//! Sockets, TLS and passwords; and what `backstop check` says of them.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

use lab::directory::{BASE, BIND_DN, Kind, PASSWORD, USER};

use super::{KINDS, LOCAL, RUNTIME, clock::Clock, directory, is_listed, known, lent, recipients};

const QUERY: &str = "SELECT 1 FROM mailbox WHERE address = :address";

fn probe(entry: &str) -> Result<(), String> {
    let mut answers = RUNTIME.block_on(directory(entry).probe(&LOCAL.domains));
    assert_eq!(answers.len(), 1);
    answers.remove(0).1.map(drop)
}

#[test]
fn sockets_of_the_file_system_are_reached() {
    for kind in KINDS {
        let server = lent(kind);
        let (here, port) = (server.folder().display(), server.port());
        let entry = match kind {
            Kind::Postgresql => format!(
                "{{sql: {{url: \"postgres://{USER}:p%2fw's%201@localhost:{port}/mail?socket={here}\", query: \"{QUERY}\"}}}}"
            ),
            Kind::Mariadb => format!(
                "{{sql: {{url: \"mysql://{USER}:p%2fw's%201@localhost/mail?socket={here}/mysqld.sock\", query: \"{QUERY}\"}}}}"
            ),
            Kind::Openldap => {
                let socket = format!("{here}/ldapi").replace('/', "%2f");
                format!(
                    "{{ldap: {{url: \"ldapi://{socket}\", bind_dn: \"{BIND_DN}\", password: \"{PASSWORD}\", \
                     base: \"{BASE}\", scope: one, filter: \"(mail=:local@:domain)\"}}}}"
                )
            }
        };
        let directory = directory(&entry);
        assert!(is_listed(&directory, "joe@example.org"), "{kind:?}");
        assert!(!is_listed(&directory, "nobody@example.org"), "{kind:?}");
    }
}

#[test]
fn with_tls_the_server_must_be_the_one_that_is_meant() {
    for kind in KINDS {
        let server = lent(kind);
        let ca = server.ca().display().to_string();
        let tls = match kind {
            Kind::Postgresql | Kind::Mariadb => ", tls: verify",
            Kind::Openldap => ", start_tls: true",
        };
        let believed = known(kind, server.port(), &format!("{tls}, ca: \"{ca}\""));
        assert_eq!(probe(&believed), Ok(()), "{kind:?}");
        // Nobody in the system's list of authorities has signed it.
        let why = probe(&known(kind, server.port(), tls)).unwrap_err();
        assert!(
            why.to_lowercase().contains("certificate"),
            "{kind:?}: {why}"
        );
    }
}

#[test]
fn a_password_in_a_file_is_read_for_each_connection() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    for kind in KINDS {
        let server = lent(kind);
        let written = |text: &str| {
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        };
        let in_file = format!("password_file: \"{}\"", file.display());
        let entry = known(kind, server.port(), &format!(", {in_file}"))
            .replace(":p%2fw's%201@", "@")
            .replace(&format!("password: \"{PASSWORD}\", "), "");
        written("wrong\n");
        let why = probe(&entry).unwrap_err();
        assert!(!why.contains("wrong"), "{kind:?}: {why}");
        // RFC 4513 section 5.1.2: a name with an empty password is anonymous, and nobody's addresses are listed for it.
        for nothing in ["", "\n", "\r\n", &format!("\n{PASSWORD}\n")] {
            written(nothing);
            let why = probe(&entry).unwrap_err();
            let expected = format!("{} has no password in its first line", file.display());
            assert!(why.ends_with(&expected), "{kind:?}: {why}");
        }
        let (clock, directory) = (Clock::new(), directory(&entry));
        assert!(
            clock.is_unavailable(&directory, "joe@example.org"),
            "{kind:?}"
        );
        written(&format!("{PASSWORD}\nand what stands below\n"));
        assert_eq!(probe(&entry), Ok(()), "{kind:?}");
        clock.pass(Duration::from_millis(1100));
        assert!(clock.is_listed(&directory, "joe@example.org"), "{kind:?}");
    }
}

#[test]
fn a_question_that_does_not_ask_is_found_out() {
    for kind in KINDS {
        let server = lent(kind);
        let entry = known(kind, server.port(), "");
        let all = entry
            .replace(
                "SELECT address FROM mailbox WHERE address",
                "SELECT count(*) FROM mailbox WHERE address",
            )
            .replace(
                "(&(objectClass=inetOrgPerson)(mail=:address))",
                "(|(objectClass=*)(mail=:address))",
            );
        assert_ne!(entry, all);
        let why = probe(&all).unwrap_err();
        assert!(why.contains("makes everybody known"), "{kind:?}: {why}");
        let broken = entry
            .replace("FROM mailbox", "FROM mailboxes")
            .replace(BASE, "dc=elsewhere")
            .replace("cn=backstop,dc=elsewhere", BIND_DN);
        let why = probe(&broken).unwrap_err();
        assert!(!why.contains("p/w"), "{kind:?}: {why}");
        // One refused question says nothing about the next.
        let directory = directory(&broken);
        assert!(
            super::is_unavailable(&directory, "joe@example.org"),
            "{kind:?}"
        );
        assert_eq!(
            directory.refresh()[0].weight(),
            backstop::directory::Weight::Problem
        );
    }
}

#[test]
fn check_asks_each_directory_and_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("milter.yaml");
    let check = |entry: &str, option: &[&str]| {
        let yaml = format!("local: {{domains: [example.org]}}\n{}", recipients(entry));
        fs::write(&file, yaml).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let output = Command::new(Path::new(env!("CARGO_BIN_EXE_backstop")))
            .args(["check", "--config"])
            .arg(&file)
            .args(option)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8(said).unwrap()
    };
    for kind in KINDS {
        let server = lent(kind);
        let entry = known(kind, server.port(), "");
        let said = check(&entry, &[]);
        assert!(
            said.contains("\ndirectory ") && said.contains(" answers in "),
            "{said}"
        );
        assert!(!said.contains("p/w") && !said.contains("p%2fw"), "{said}");
        let dead = known(kind, 1, "");
        let said = check(&dead, &[]);
        assert!(
            said.contains("problem: directory ") && said.contains("refused"),
            "{said}"
        );
        assert!(!said.contains("p/w") && !said.contains("p%2fw"), "{said}");
        let said = check(&dead, &["--offline"]);
        assert!(said.ends_with(": fine\n"), "{said}");
    }
}
