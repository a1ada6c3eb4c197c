//! One entry for many domains: each of its questions is of the domain of the address.

use std::path::Path;

use backstop::{
    config,
    core::{address::Mailbox, envelope::Recipient, recipients::Known},
    directory::Directory,
};
use lab::directory::Kind;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use super::{KINDS, RUNTIME, known, lent, questions};

/// The file, with this list for all domains that have no entry by name.
fn site(known: &str) -> String {
    format!(
        "local: {{domains: [example.org, example.net, .example.com, example.de]}}\n\
         recipients:\n\
         \x20 - domain: '*'\n\
         \x20   known: [{known}]\n\
         \x20   unknown: {{mail: reject, bounces: reject}}\n\
         \x20 - domain: .example.com\n\
         \x20   known: [{known}]\n\
         \x20   unknown: {{mail: reject, bounces: reject}}\n\
         \x20 - domain: example.de\n\
         \x20   known: [{{addresses: [joe]}}]\n"
    )
}

/// Whom the list has: addresses of `example.org`, and eve of two other domains.
fn asks_by_domain(yaml: &str) {
    let config = config::parse(Path::new("/m.yaml"), yaml);
    let config = config.unwrap_or_else(|wrong| panic!("{wrong}"));
    let policy = config.policy;
    let directory = Directory::new(config.directories);
    for (address, listed) in [
        ("joe@example.org", Some(true)),
        ("JOE+x@Example.ORG", Some(true)),
        ("joe@example.net", Some(false)),
        ("eve@example.net", Some(true)),
        ("eve@example.org", Some(false)),
        ("eve@a.example.com", Some(true)),
        ("eve@b.example.com", Some(false)),
        ("joe@example.de", Some(true)),
        ("eve@example.de", Some(false)),
        // Neither has an entry, so nobody asks.
        ("eve@example.com", None),
        ("joe@foreign.example", None),
    ] {
        let recipient = Recipient {
            mailbox: Mailbox::from_bytes(address.as_bytes()),
            refused: None,
        };
        let found = policy.recipients_of(&recipient).map(|(entry, _)| {
            let known = directory.known(entry, &recipient.mailbox, &policy.local);
            match RUNTIME.block_on(known) {
                Known::Listed(_) => true,
                Known::NotListed => false,
                Known::Unanswered(why) => panic!("{address}: {why}"),
            }
        });
        assert_eq!(found, listed, "{address}\n{yaml}");
    }
    let probed = RUNTIME.block_on(directory.probe(&policy.local.domains));
    assert!(
        matches!(&probed[..], [(_, Ok(_))]),
        "one server for two entries: {probed:?}"
    );
}

#[test]
fn an_entry_for_all_asks_by_the_domain_of_the_address() {
    for kind in KINDS {
        let server = lent(kind);
        let entry = known(kind, server.port(), "");
        let by_parts = match kind {
            Kind::Postgresql => entry.replace("= :address", "= :local || '@' || :domain"),
            Kind::Mariadb => entry.replace("= :address", "= CONCAT(:local, '@', :domain)"),
            Kind::Openldap => entry.replace("=:address", "=:local@:domain"),
        };
        assert_ne!(by_parts, entry);
        let strangers =
            || ["foreign.example", "eve@example.com"].map(|one| questions(&server, one));
        let before = strangers();
        asks_by_domain(&site(&entry));
        asks_by_domain(&site(&by_parts));
        assert_eq!(strangers(), before, "{kind:?}");
    }
}

#[test]
fn an_entry_for_all_asks_a_file_of_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mail.db");
    RUNTIME.block_on(async {
        let options = SqliteConnectOptions::new().filename(&file);
        let mut connection = options.create_if_missing(true).connect().await.unwrap();
        let rows = "CREATE TABLE mailbox (local TEXT, domain TEXT);
            INSERT INTO mailbox VALUES ('joe', 'example.org'), ('eve', 'example.net'), ('eve', 'a.example.com')";
        sqlx::raw_sql(rows).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    let query = "SELECT 1 FROM mailbox WHERE local = :local AND domain = :domain";
    let file = file.display();
    asks_by_domain(&site(&format!(
        "{{sql: {{url: \"sqlite:{file}\", query: \"{query}\"}}}}"
    )));
}
