//! Each key of the file, after a reload that changed it alone: the daemon acts by it, as after a start with that file.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

use serde_yaml::Value;
use tempfile::TempDir;

use super::*;
use crate::{
    cli::uses_store,
    config::{PLACES, keys_at, set},
    directory::{Directory, domains::DomainLists, tenants::Tenants},
    dns::Resolver,
    milter::ListenAddress,
    observe::Lately,
};

/// Values of all kinds. Of each key, the first is used that is right there and says something new.
const VALUES: &[&str] = &[
    "true",
    "false",
    "tag",
    "reject",
    "accept",
    "3",
    "40",
    "3d",
    "200d",
    "2s",
    "3s",
    "1m",
    "20m",
    "2h",
    "5K",
    "weak",
    "judged",
    "enforce",
    "mail",
    "debug",
    "sub_address",
    "one",
    "verify",
    "'-'",
    "example.net",
    "x.example.org",
    "[other.example.org]",
    "[other@example.org]",
    "[192.0.2.0/24]",
    "[192.0.2.7]",
    "[127.0.0.4]",
    "[/bin/true]",
    "0640",
    "cn=other",
    "'(mail=:address)'",
    "'(mail=*)'",
    "SELECT 2",
    "SELECT 2 WHERE :address = ''",
    "'ldap://127.0.0.1:9'",
    "'postgres://x@127.0.0.1:9/x'",
    "'sqlite:FOLDER/other.db'",
    "'unix:FOLDER/other.sock'",
    "FOLDER/other",
    "FOLDER/more-keys",
    "FOLDER/other.yaml",
    "[unproven]",
    "{mode: other}",
    "(dc=:domain)",
    "SELECT unproven FROM t WHERE d = :domain",
    "'v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='",
    "{x.example: {fail: tag}}",
    "''",
];

/// Keys that have one value so far, or that only a command reads.
const NEVER_NEW: &[&str] = &["dnsbl.[].for", "report.abuse_contacts"];

/// A database, reached so that this key means something.
fn sql_with(key: &str, yaml: &str) -> String {
    yaml.replace("off", if key == "ca" { "verify" } else { "off" })
}

/// An LDAP server, likewise.
fn ldap_with(key: &str, yaml: &str) -> String {
    let password = match key {
        "password_file" => "password_file: FOLDER/keys",
        _ => "password: x",
    };
    yaml.replace("ldap:/", if key == "ca" { "ldaps:/" } else { "ldap:/" })
        .replace("password: x", password)
}

/// A file in which this key of this place means something.
fn base(place: &[&str], key: &str) -> String {
    let recipients = |more: &str| format!("recipients: [{{domain: example.org, {more}}}]");
    let domains = |list: &str| format!("local: {{domains: [example.org, {list}]}}");
    match (place, key) {
        (["local", "domains", "[]", "sql"], _) => sql_with(
            key,
            &domains("{sql: {url: 'mysql://x@127.0.0.1:9/x', tls: off, query: SELECT 1}}"),
        ),
        (["local", "domains", "[]", "ldap"], _) => ldap_with(
            key,
            &domains(
                "{ldap: {url: 'ldap://127.0.0.1:8', bind_dn: cn=me, password: x, base: dc=x, filter: (dc=*), attribute: dc}}",
            ),
        ),
        (["local", "domains", "[]"], "file" | "postfix_map") => {
            domains(&format!("{{{key}: FOLDER/domains}}"))
        }
        (["local", "domains", "[]"], _) => domains("{file: FOLDER/domains}"),
        (["tenants"], _) => "tenants: {allow: [mode], file: FOLDER/rows.yaml}".to_owned(),
        (["tenants", "sql"], _) => sql_with(
            key,
            "tenants: {allow: [mode], sql: {url: 'mysql://x@127.0.0.1:9/x', tls: off, \
             query: 'SELECT mode FROM t WHERE d = :domain'}}",
        ),
        (["tenants", "ldap"], _) => ldap_with(
            key,
            "tenants: {allow: [mode], ldap: {url: 'ldap://127.0.0.1:8', bind_dn: cn=me, password: x, base: dc=x, \
             filter: '(uid=:domain)', attributes: {mode: info}}}",
        ),
        (["recipients", "[]", "known", "[]", "sql"], _) => sql_with(
            key,
            &recipients(
                "known: [{sql: {url: 'mysql://x@127.0.0.1:9/x', tls: off, query: 'SELECT 1 WHERE :address = 1'}}]",
            ),
        ),
        (["recipients", "[]", "known", "[]", "ldap"], _) => ldap_with(
            key,
            &recipients(
                "known: [{ldap: {url: 'ldap://127.0.0.1:8', bind_dn: cn=me, password: x, base: dc=x, filter: (uid=:local)}}]",
            ),
        ),
        (["recipients", "[]", "known", "[]"], _) => {
            recipients("known: [], catch_all: {mail: accept, bounces: reject}")
        }
        (["recipients", "[]", "rules", "[]"], _) => recipients(
            "rules: [{match: x, mail: accept, bounces: reject}], catch_all: {mail: accept, bounces: reject}",
        ),
        (["recipients", "[]", "unknown"], _) => {
            recipients("known: [{addresses: [a]}], unknown: {mail: reject, bounces: reject}")
        }
        (["recipients", ..], _) => {
            recipients("known: [{addresses: [a]}], catch_all: {mail: tempfail, bounces: tempfail}")
        }
        (["dnsbl", ..], _) => "dnsbl: [{zone: list.example}]".to_owned(),
        (["headers", ..], _) => "headers: [{header: Subject, match: x, action: reject}]".to_owned(),
        (["null_sender", "never_send"], _) => {
            "null_sender: {never_send: {addresses: [noreply]}}".to_owned()
        }
        (["proof", "dkim", "keys", "[]"], _) => {
            let record = "v=DKIM1; k=ed25519; p=/////wKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
            format!(
                "proof: {{dkim: {{keys: [{{domain: example.org, selector: y, record: '{record}'}}]}}}}"
            )
        }
        (["observe"], _) => "observe: {http: 127.0.0.1:0}".to_owned(),
        (["proof", ..], _) => "proof: {key_file: FOLDER/keys}".to_owned(),
        _ => "{}".to_owned(),
    }
}

struct Site {
    folder: TempDir,
}

impl Site {
    fn path(&self) -> PathBuf {
        self.folder.path().join("milter.yaml")
    }

    /// Writes a file with a value of a key, and reads it.
    fn write(&self, place: &[&str], key: &str, value: Option<&str>) -> Option<Config> {
        let folder = self.folder.path();
        let filled = |text: &str| text.replace("FOLDER", &folder.display().to_string());
        let common = "{listen: 'unix:FOLDER/s', store: 'sqlite:FOLDER/state.db', local: {domains: [example.org, example.net]}, \
                      dns: {nameservers: ['127.0.0.1:9']}}";
        let mut file: Value = serde_yaml::from_str(&filled(common)).unwrap();
        let more = base(place, key);
        let more: Value = serde_yaml::from_str(&filled(&more)).unwrap();
        for (section, value) in more.as_mapping().unwrap() {
            file.as_mapping_mut()
                .unwrap()
                .insert(section.clone(), value.clone());
        }
        if let Some(value) = value {
            let place: Vec<_> = place
                .iter()
                .chain([&key])
                .map(|step| (*step).to_owned())
                .collect();
            set(
                &mut file,
                &place,
                serde_yaml::from_str(&filled(value)).unwrap(),
            );
        }
        fs::write(self.path(), serde_yaml::to_string(&file).unwrap()).unwrap();
        let mut config = config::load(&self.path()).ok()?;
        // As the daemon does before it starts.
        tokio::task::block_in_place(|| {
            let former = DomainLists::default();
            let begun = begin(&mut config, &former);
            tokio::runtime::Handle::current().block_on(begun);
        });
        Some(config)
    }
}

/// What the daemon acts by.
fn acts_by(running: &Running) -> Vec<String> {
    let engine = running.shared.engine.load();
    let at = running.serving.place().to_string();
    vec![
        socket(Path::new(at.strip_prefix("unix:").unwrap())),
        at,
        format!("{:?}", running.http_socket().map(|_| "served")),
        format!("{:?}", engine.policy),
        engine.resolver.acts_by(),
        engine.directory.acts_by(),
        engine.domains.acts_by(),
        engine.tenants.acts_by(),
        format!("{:?}", engine.dkim_keys),
        format!("{:?}", running.hosts),
        format!("{:?}", running.shared.lately),
        format!("{:?}", running.shared.drain.limit()),
        log::max_level().to_string(),
        format!("{:?} {:?}", running.config.store, engine.store.is_some()),
    ]
}

fn socket(path: &Path) -> String {
    let metadata = fs::metadata(path).unwrap();
    format!(
        "{:o} {} {}",
        metadata.mode() & 0o777,
        metadata.uid(),
        metadata.gid()
    )
}

/// What a daemon acts by that starts with this file. `socket` is that of the file system.
fn started(config: &Config, made: String) -> Vec<String> {
    let hosts = Hosts::default();
    hosts.set(&config.observe.hosts);
    let lately = Lately::default();
    site::keep(&lately, &config.observe);
    let limit: std::time::Duration = config.drain.limit.into();
    let level: log::LevelFilter = config.log.level.into();
    vec![
        made,
        config.listen.to_string(),
        format!("{:?}", config.observe.http.as_ref().map(|_| "served")),
        format!("{:?}", config.policy),
        Resolver::new(&config.dns).unwrap().acts_by(),
        Directory::new(config.directories.clone()).acts_by(),
        config.lists.acts_by(),
        Tenants::new(&config.tenants).acts_by(),
        format!("{:?}", config.dkim_keys),
        format!("{hosts:?}"),
        format!("{lately:?}"),
        format!("{limit:?}"),
        level.to_string(),
        format!("{:?} {:?}", config.store, uses_store(config)),
    ]
}

/// The socket file as a start makes it; none if it can't be made so.
fn made(config: &Config, folder: &Path) -> Option<String> {
    let path = folder.join("as.made");
    let address: ListenAddress = format!("unix:{}", path.display()).parse().unwrap();
    let opened = Opened::first(&address, &config.socket).ok()?;
    let made = socket(&path);
    drop(opened);
    Some(made)
}

fn site() -> Site {
    let folder = tempfile::tempdir().unwrap();
    let key = "1 2026-01-31 bm90IHNvIHNlY3JldCBhZnRlciBhbGwsIG5vdCBhdCBhbGw\n";
    let another = "2 2026-02-07 YW5vdGhlciBzZWNyZXQgZm9yIHRlc3RzLCBpdCBpcyB0aGlz\n";
    for (name, text) in [
        ("other", "x.example\n".to_owned()),
        ("domains", "listed.example\n".to_owned()),
        ("rows.yaml", "{}\n".to_owned()),
        ("other.yaml", "{}\n".to_owned()),
        ("keys", key.to_owned()),
        ("more-keys", format!("{key}{another}")),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    Site { folder }
}

/// A change of a list is taken without the file, and all that is not of domains stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_list_is_followed() {
    let site = site();
    let list = site.folder.path().join("domains");
    let place = ["local", "domains", "[]"];
    let config = site.write(&place, "file", Some("FOLDER/domains")).unwrap();
    let mut running = Running::start(config).unwrap();
    let ours = |running: &Running| {
        let engine = running.shared.engine.load();
        let domains = engine.policy.local.domains.iter();
        domains.map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(ours(&running), ["example.org", "listed.example"]);
    // Whatever the file says now is for a reload.
    fs::write(site.path(), "nonsense").unwrap();
    let before = running.shared.engine.load_full();
    running.follow_domains();
    assert!(
        Arc::ptr_eq(&before, &running.shared.engine.load()),
        "nothing has changed"
    );
    for (text, expected) in [
        (
            "listed.example\nnew.example\n",
            &["example.org", "listed.example", "new.example"][..],
        ),
        ("", &["example.org", "listed.example", "new.example"]),
        ("new.example\n", &["example.org", "new.example"]),
    ] {
        fs::write(&list, text).unwrap();
        for _ in 0..3 {
            before.domains.look();
        }
        running.follow_domains();
        assert_eq!(ours(&running), expected, "{text}");
        let after = running.shared.engine.load_full();
        assert_eq!(before.resolver.acts_by(), after.resolver.acts_by());
        assert!(Arc::ptr_eq(&before.sieges, &after.sieges));
        assert!(Arc::ptr_eq(&before.guesses, &after.guesses));
        assert!(Arc::ptr_eq(
            before.store.as_ref().unwrap(),
            after.store.as_ref().unwrap()
        ));
    }
    running.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_key_of_the_file_holds_after_a_reload() {
    let site = site();
    let folder = site.folder.path();
    let mut running = Running::start(site.write(&[], "", None).unwrap()).unwrap();
    let (mut count, mut unseen) = (0, Vec::new());
    for place in PLACES {
        for key in keys_at(place) {
            let below = [*place, &[key.as_str()]].concat();
            let in_list = [below.clone(), vec!["[]"]].concat();
            let mut deeper = [&below, &in_list].into_iter();
            if deeper.any(|deeper| PLACES.contains(&deeper.as_slice())) {
                // Its own keys have their turn.
                continue;
            }
            let name = below.join(".");
            let before = site.write(place, &key, None);
            let before =
                before.unwrap_or_else(|| panic!("{name}: {:?}", config::load(&site.path())));
            let was = started(&before, made(&before, folder).unwrap());
            let new = VALUES.iter().find_map(|value| {
                let config = site.write(place, &key, Some(value))?;
                let is = started(&config, made(&config, folder)?);
                (is != was).then_some((value, is))
            });
            let Some((value, expected)) = new else {
                unseen.push(name);
                continue;
            };
            for (value, expected) in [(None, &was), (Some(*value), &expected)] {
                site.write(place, &key, value).unwrap();
                running.reload().await.unwrap();
                assert_eq!(acts_by(&running), *expected, "{name}: {value:?}");
            }
            count += 1;
        }
    }
    assert_eq!(
        unseen, NEVER_NEW,
        "no value is known that says something new"
    );
    assert!(count > 100, "only {count} keys");
    running.end().await.unwrap();
}
