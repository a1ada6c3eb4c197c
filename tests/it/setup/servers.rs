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

/// A folder with the files of a Postfix whose domains and users a server has.
struct Tables {
    folder: tempfile::TempDir,
    server: Server,
}

impl Tables {
    /// `filter`: the query_filter of the domains, where the server is a directory.
    fn new(kind: Kind, filter: &str) -> Self {
        const SQL: &str = "SELECT address FROM mailbox WHERE address";
        let addresses = ["joe@example.org", "ann@example.net", "@example.net"];
        let server = Server::start(kind, &addresses).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let tables = Self { folder, server };
        let (here, port) = (tables.here(), tables.server.port());
        let sql = format!(
            "user = {USER}\npassword = {PASSWORD}\nhosts = 127.0.0.1:{port}\ndbname = mail\n"
        );
        let ldap = format!(
            "server_host = ldap://127.0.0.1:{port}\nbind = yes\nbind_dn = {BIND_DN}\nbind_pw = {PASSWORD}\n\
             search_base = {BASE}\nscope = one\nresult_attribute = mail\n"
        );
        let (scheme, domains, users) = match kind {
            Kind::Mariadb | Kind::Postgresql => (
                if kind == Kind::Mariadb {
                    "mysql"
                } else {
                    "pgsql"
                },
                format!("{sql}query = {SQL} LIKE '%%@%s'\n"),
                format!("{sql}query = {SQL} = '%s'\n"),
            ),
            Kind::Openldap => (
                "ldap",
                format!("{ldap}query_filter = {filter}\n"),
                format!("{ldap}query_filter = (mail=%s)\n"),
            ),
        };
        tables.write("domains.cf", &domains);
        tables.write("users.cf", &users);
        let tree = unpacked("postfix").unwrap();
        let maps = fs::read_to_string(tree.join("usr/share/postfix/dynamicmaps.cf"));
        tables.write("dynamicmaps.cf", &maps.unwrap());
        tables.write(
            "main.cf",
            &format!(
                "compatibility_level = 3.6\nmyhostname = mx.example.org\nmydestination = localhost\n\
                 mail_owner = daemon\nsetgid_group = uucp\nmeta_directory = {here}\nshlib_directory = {}/usr/lib/postfix\n\
                 virtual_mailbox_domains = proxy:{scheme}:{here}/domains.cf\n\
                 virtual_alias_maps = proxy:{scheme}:{here}/users.cf\n\
                 virtual_mailbox_maps = proxy:{scheme}:{here}/users.cf\n",
                tree.display()
            ),
        );
        tables.write("master.cf", "smtp inet n - n - - smtpd\n");
        tables
    }

    fn here(&self) -> String {
        self.folder.path().display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn config(&self) -> std::path::PathBuf {
        self.folder.path().join("backstop/milter.yaml")
    }

    fn setup(&self, more: &[&str]) -> String {
        let here = self.here();
        let arguments = [&["setup", "--postfix", &here], more].concat();
        let (is_done, shown) = backstop(&arguments, &self.config());
        assert!(is_done && !shown.contains(PASSWORD), "{shown}");
        shown
    }
}

/// Domains that the server lists, users that `check` asks it for, and a catch-all that only Postfix finds in it.
#[test]
fn what_is_written_is_asked() {
    for kind in [Kind::Mariadb, Kind::Postgresql, Kind::Openldap] {
        let tables = Tables::new(kind, "(mail=*@%s)");
        let before = fs::read(tables.folder.path().join("main.cf")).unwrap();
        let config = tables.config();
        tables.setup(&["--apply"]);
        let yaml = fs::read_to_string(&config).unwrap();
        assert!(!yaml.contains(PASSWORD) && yaml.contains("password_file: "));
        let (net, org) = yaml.split_once("- domain: example.org\n").unwrap();
        assert!(
            net.contains("- domain: example.net\n")
                && net.contains("catch_all: {mail: accept, bounces: reject}"),
            "{kind:?}: {yaml}"
        );
        assert!(
            org.contains("# The MTA refuses all others itself.") && !org.contains("catch_all"),
            "{kind:?}: {yaml}"
        );
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

        tables.setup(&["--undo"]);
        let after = fs::read(tables.folder.path().join("main.cf")).unwrap();
        assert_eq!(after, before);
        let left = fs::read_dir(config.parent().unwrap()).unwrap();
        assert_eq!(left.count(), 0, "{kind:?}");
    }
}

/// Filters that can't be made a search for all, and a server that is not there: it says so, and what to do.
#[test]
fn what_a_server_does_not_list_is_told() {
    for (filter, why) in [
        ("(mail=@%d)", "its query_filter has `%d`"),
        ("(!(mail=%s))", "its query_filter leaves keys out by `!`"),
    ] {
        let tables = Tables::new(Kind::Openldap, filter);
        let shown = tables.setup(&["--json"]);
        assert!(
            shown.contains(why) && shown.contains("use --domain DOMAIN"),
            "{shown}"
        );
    }
    for kind in [Kind::Mariadb, Kind::Postgresql, Kind::Openldap] {
        let mut tables = Tables::new(kind, "(mail=*@%s)");
        tables.server.stop().unwrap();
        let shown = tables.setup(&["--json", "--domain", "example.net"]);
        for text in [
            "- example.net    # virtual_mailbox_domains",
            "use --domain DOMAIN for others",
            "It lacks: the catch-alls of proxy:",
            "if it has `@example.net`, use `catch_all: {mail: accept, bounces: reject}`",
        ] {
            assert!(shown.contains(text), "{kind:?}: {text}: {shown}");
        }
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
