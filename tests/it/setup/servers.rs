//! Tables that ask servers: their domains are listed, and `backstop check` gets answers with what was written.

use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command};

use lab::{
    directory::{BASE, BIND_DN, Kind, PASSWORD, Server, USER},
    mta::unpacked,
};

fn backstop(arguments: &[&str], config: &Path) -> (bool, String) {
    let tree = unpacked("postfix").unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_backstop"))
        .env("LD_LIBRARY_PATH", tree.join("usr/lib/postfix"))
        .env(
            "PATH",
            format!("{}:{path}", tree.join("usr/sbin").display()),
        )
        .arg("--config")
        .arg(config)
        .args(arguments)
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn what_is_written_is_asked() {
    const SQL: &str = "SELECT address FROM mailbox WHERE address";
    for kind in [Kind::Mariadb, Kind::Postgresql, Kind::Openldap] {
        let server = Server::start(kind, &["joe@example.org", "ann@example.net"]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path().display();
        let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
        let port = server.port();
        let sql = format!(
            "user = {USER}\npassword = {PASSWORD}\nhosts = 127.0.0.1:{port}\ndbname = mail\n"
        );
        let (scheme, domains) = match kind {
            Kind::Mariadb => ("mysql", format!("mysql:{here}/domains.cf")),
            Kind::Postgresql => ("pgsql", format!("pgsql:{here}/domains.cf")),
            Kind::Openldap => ("ldap", "example.org, example.net".to_owned()),
        };
        write("domains.cf", format!("{sql}query = {SQL} LIKE '%%@%s'\n"));
        let users = match kind {
            Kind::Openldap => format!(
                "server_host = ldap://127.0.0.1:{port}\nbind = yes\nbind_dn = {BIND_DN}\nbind_pw = {PASSWORD}\n\
                 search_base = {BASE}\nscope = one\nquery_filter = (mail=%s)\n"
            ),
            _ => format!("{sql}query = {SQL} = '%s'\n"),
        };
        write("users.cf", users);
        write(
            "main.cf",
            format!(
                "compatibility_level = 3.6\nmyhostname = mx.example.org\nmydestination = localhost\n\
                 virtual_mailbox_domains = {domains}\nvirtual_mailbox_maps = proxy:{scheme}:{here}/users.cf\n"
            ),
        );
        write("master.cf", "smtp inet n - n - - smtpd\n".to_owned());
        let before = fs::read(folder.path().join("main.cf")).unwrap();
        let config = folder.path().join("backstop/milter.yaml");
        let postfix = here.to_string();

        let (is_done, shown) = backstop(&["setup", "--postfix", &postfix, "--apply"], &config);
        assert!(is_done && !shown.contains(PASSWORD), "{kind:?}: {shown}");
        let yaml = fs::read_to_string(&config).unwrap();
        for text in [
            "- domain: example.org\n",
            "- domain: example.net\n",
            "password_file: ",
        ] {
            assert!(yaml.contains(text), "{kind:?}: {yaml}");
        }
        assert!(!yaml.contains(PASSWORD));
        let secret = fs::read_dir(config.parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let secret =
            secret.filter(|path| path.extension().is_some_and(|ending| ending == "password"));
        let modes: Vec<_> = secret
            .map(|path| fs::metadata(path).unwrap().mode() & 0o777)
            .collect();
        assert_eq!(modes, [0o600]);

        let (_, shown) = backstop(&["check"], &config);
        let answers = shown
            .lines()
            .filter(|line| line.starts_with("directory ") && line.contains(" answers in "));
        assert_eq!(answers.count(), 1, "{kind:?}: {shown}");

        let (is_done, shown) = backstop(&["setup", "--postfix", &postfix, "--undo"], &config);
        assert!(is_done, "{kind:?}: {shown}");
        assert_eq!(fs::read(folder.path().join("main.cf")).unwrap(), before);
        assert_eq!(
            fs::read_dir(config.parent().unwrap()).unwrap().count(),
            0,
            "{kind:?}"
        );
    }
}

/// Who sends for a domain that is only relayed is seen in the log, and SPF is asked about them.
#[tokio::test(flavor = "multi_thread")]
async fn forgery_is_monitored_until_spf_covers_what_is_relayed() {
    let zone = "example.org:\n  - TXT: v=spf1 ip4:198.51.100.7 -all\nexample.net:\n  - TXT: v=spf1 ip4:198.51.100.7 -all\n";
    let dns = lab::dns::Server::start(lab::dns::Zone::from_yaml(zone).unwrap()).await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let letter = |id: &str, client: &str, domain: &str| {
        format!(
            "Nov 29 10:00:00 mx postfix/smtpd[1]: {id}: client=x[{client}]\n\
             Nov 29 10:00:00 mx postfix/qmgr[2]: {id}: from=<joe@{domain}>, size=1, nrcpt=1 (queue active)\n\
             Nov 29 10:00:01 mx postfix/smtp[3]: {id}: to=<ann@{domain}>, relay=10.0.0.1[10.0.0.1]:25, status=sent (250 ok)\n"
        )
    };
    write("master.cf", "smtp inet n - n - - smtpd\n");
    for (domain, client, is_monitored) in [
        ("example.org", "198.51.100.7", false),
        ("example.net", "198.51.100.7", false),
        ("example.org", "198.51.100.8", true),
        // Of one's own networks SPF says nothing, and nobody else was seen.
        ("example.org", "10.0.0.9", true),
    ] {
        let here = folder.path().display();
        write("mail.log", &letter("AAAAAA", client, domain));
        write(
            "main.cf",
            &format!(
                "compatibility_level = 3.6\nmyhostname = mx.example.com\nmydestination = mx.example.com\nrelay_domains = {domain}\n\
                 transport_maps = inline:{{ {domain}=smtp:[10.0.0.1] }}\nmaillog_file = {here}/mail.log\n"
            ),
        );
        let nameserver = dns.addr().to_string();
        let arguments = [
            "setup",
            "--postfix",
            &here.to_string(),
            "--nameserver",
            &nameserver,
            "--json",
        ]
        .map(str::to_owned);
        let config = folder.path().join("milter.yaml");
        let (is_done, shown) = tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            backstop(&arguments, &config)
        })
        .await
        .unwrap();
        assert!(is_done, "{shown}");
        assert_eq!(
            shown.contains("monitor: true"),
            is_monitored,
            "{domain} {client}: {shown}"
        );
    }
}
