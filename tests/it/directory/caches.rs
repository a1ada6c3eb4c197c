//! What was answered is not asked again, for as long as it counts.

use std::path::Path;

use backstop::{
    core::{address::Mailbox, recipients::Known},
    directory::DomainSources,
};
use futures_util::future::join_all;
use lab::{
    backstop::Backstop,
    directory::Kind,
    milter::{Client, Peer},
};

use super::{KINDS, LOCAL, RUNTIME, directory, is_listed, known, lent, questions};

/// How long exactly is shown beside the cache; here, that each kind of answer has a time of its own.
#[test]
fn answers_count_for_their_time() {
    for (kind, known_counts) in KINDS
        .into_iter()
        .flat_map(|kind| [(kind, true), (kind, false)])
    {
        let server = lent(kind);
        let more = match known_counts {
            true => ", cache_known: 1h, cache_unknown: 1ms",
            false => ", cache_known: 1ms, cache_unknown: 1h",
        };
        let directory = directory(&known(kind, server.port(), more));
        let asked = |address| {
            let before = questions(&server, address);
            let listed = is_listed(&directory, address);
            (listed, questions(&server, address) - before)
        };
        let log = || format!("{kind:?}: {}", server.log());
        assert_eq!(asked("joe@example.org"), (true, 1), "{}", log());
        assert_eq!(asked("unheard-of@example.org"), (false, 1), "{}", log());
        let (known, unknown) = match known_counts {
            true => (0, 1),
            false => (1, 0),
        };
        assert_eq!(asked("joe@example.org"), (true, known), "{}", log());
        let found = asked("unheard-of@example.org");
        assert_eq!(found, (false, unknown), "{}", log());
    }
}

#[test]
fn many_who_ask_for_one_address_ask_once() {
    for kind in KINDS {
        let server = lent(kind);
        let directory = directory(&known(kind, server.port(), ""));
        let mailbox = Mailbox::from_bytes(b"asked-by-many@example.org");
        let before = questions(&server, "asked-by-many");
        let answers = RUNTIME.block_on(join_all(
            (0..100).map(|_| directory.known(0, &mailbox, &LOCAL)),
        ));
        assert!(answers.iter().all(|answer| *answer == Known::NotListed));
        let asked = questions(&server, "asked-by-many") - before;
        assert_eq!(asked, 1, "{kind:?}");
    }
}

#[test]
fn many_who_ask_for_many_are_all_answered() {
    for kind in KINDS {
        let server = lent(kind);
        let more = match kind {
            Kind::Postgresql | Kind::Mariadb => ", timeout: 10s, connections: 3",
            Kind::Openldap => ", timeout: 10s",
        };
        let directory = directory(&known(kind, server.port(), more));
        let before = server.connections();
        let asked_before = questions(&server, "one-of-many");
        let mailboxes: Vec<_> = (0..200)
            .map(|number| format!("one-of-many{number}@example.org"))
            .map(|address| Mailbox::from_bytes(address.as_bytes()))
            .collect();
        let each = mailboxes.iter().map(|one| directory.known(0, one, &LOCAL));
        let answers = RUNTIME.block_on(join_all(each));
        assert!(
            answers.iter().all(|answer| *answer == Known::NotListed),
            "{kind:?}: {answers:?}"
        );
        let asked = questions(&server, "one-of-many") - asked_before;
        let connections = server.connections() - before;
        // All questions to an LDAP server share one.
        let most = if kind == Kind::Openldap { 1 } else { 3 };
        assert!((1..=most).contains(&connections), "{kind:?}: {connections}");
        assert_eq!(asked, 200, "{kind:?}");
    }
}

#[test]
fn a_reload_keeps_answers_and_connections() {
    for kind in KINDS {
        let server = lent(kind);
        let entry = known(kind, server.port(), "");
        let before = directory(&entry);
        assert!(is_listed(&before, "joe@example.org"));
        let asked = questions(&server, "");
        let config = |entry: &str| {
            let yaml = format!(
                "local: {{domains: [example.org]}}\n{}",
                super::recipients(entry)
            );
            backstop::config::parse(std::path::Path::new("/m.yaml"), &yaml)
                .unwrap()
                .directories
        };
        let same: Vec<DomainSources> = config(&entry);
        let after = before.succeeded_by(same);
        assert!(is_listed(&after, "joe@example.org"));
        assert_eq!(questions(&server, ""), asked, "{kind:?}");
        let other = before.succeeded_by(config(&known(kind, server.port(), ", timeout: 2s")));
        assert!(is_listed(&other, "joe@example.org"));
        assert_eq!(
            questions(&server, ""),
            asked + 1,
            "{kind:?}: another one is another one"
        );
    }
}

/// RCPT, DATA, the headers and their end all need the answer; the directory gives it once.
#[test]
fn one_recipient_is_one_question() {
    for kind in KINDS {
        let server = lent(kind);
        let entry = known(kind, server.port(), ", cache_known: 0s, cache_unknown: 0s");
        let yaml = format!(
            "listen: inet:0@127.0.0.1\nlocal: {{domains: [example.org]}}\ndns: {{nameservers: [127.0.0.1:1]}}\n\
             exempt: {{recipients: [abuse]}}\n{}",
            super::recipients(&entry)
        );
        let backstop = Backstop::start(Path::new(env!("CARGO_BIN_EXE_backstop")), &yaml).unwrap();
        let before = questions(&server, "");
        let message = |client: &str, recipients: &[&str]| {
            let mut session = Client::tcp(backstop.addr()).unwrap();
            let peer = Peer::at(client.parse().unwrap());
            session.connect("client.example", peer).unwrap();
            session.helo("client.example").unwrap();
            session.mail("MAILER-DAEMON@mx.example", &[]).unwrap();
            for recipient in recipients {
                session.rcpt(recipient, &[]).unwrap();
            }
            session
                .header(b"From", b"MAILER-DAEMON@mx.example")
                .unwrap();
            session.header(b"Auto-Submitted", b"auto-replied").unwrap();
            session.eoh().unwrap();
            session.eom().unwrap();
        };
        message("198.51.100.1", &["joe@example.org"]);
        let asked = questions(&server, "");
        assert_eq!(asked - before, 1, "{kind:?}: {}", server.log());
        // What the answer would change nothing for: outgoing mail, and those who get all theirs.
        message("127.0.0.1", &["joe@example.org"]);
        message(
            "198.51.100.1",
            &["postmaster@example.org", "abuse@example.org"],
        );
        assert_eq!(questions(&server, "") - before, 1, "{kind:?}");
    }
}
