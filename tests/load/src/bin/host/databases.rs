//! Databases of a panel: domains, and mailboxes that are spread over them.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use lab::{
    directory::{PASSWORD, Server, USER},
    process::run,
};
use tempfile::TempDir;

/// How many mailboxes more the first domain has, so that mail to it alone has as many recipients as mail to many.
pub const WARM: usize = 2_000;

/// A database, and how milter.yaml names it.
pub struct Database {
    pub name: &'static str,
    /// `url` and what else the connection needs, in the braces of `sql`.
    pub access: String,
    pub domains: usize,
    /// The server that holds it.
    pub server: Option<Server>,
    _folder: TempDir,
}

impl Database {
    /// A file.
    pub fn sqlite(domains: usize, mailboxes: usize) -> io::Result<Self> {
        let folder = lab::mta::folder()?;
        let file = folder.path().join("panel.db");
        // Debian's Python writes it: the program under test only reads.
        let script = format!(
            "import sqlite3\n\
             db = sqlite3.connect('{file}')\n\
             db.executescript('CREATE TABLE domain (domain TEXT PRIMARY KEY); CREATE TABLE mailbox (address TEXT PRIMARY KEY) WITHOUT ROWID')\n\
             db.executemany('INSERT INTO domain VALUES (?)', (('client%d.example.net' % n,) for n in range({domains})))\n\
             db.executemany('INSERT INTO mailbox VALUES (?)', (('user%d@client%d.example.net' % (n // {domains}, n % {domains}),) for n in range({mailboxes})))\n\
             db.executemany('INSERT INTO mailbox VALUES (?)', (('more%d@client0.example.net' % n,) for n in range({WARM})))\n\
             db.commit()\n",
            file = file.display()
        );
        run(Command::new("python3")
            .arg("-c")
            .arg(script)
            .stdin(Stdio::null()))?;
        Ok(Self {
            name: "SQLite",
            access: format!("url: 'sqlite:{}'", file.display()),
            domains,
            server: None,
            _folder: folder,
        })
    }

    /// A server, which logs no questions: that would be what is measured.
    pub fn postgresql(domains: usize, mailboxes: usize) -> io::Result<Self> {
        let server = Server::start_postgresql(&format!(
            "CREATE TABLE domain (domain text PRIMARY KEY);\n\
                 INSERT INTO domain SELECT 'client' || n || '.example.net' FROM generate_series(0, {domains} - 1) n;\n\
                 INSERT INTO mailbox SELECT 'user' || n / {domains} || '@client' || n % {domains} || '.example.net' \
                 FROM generate_series(0, {mailboxes} - 1) n;\n\
                 INSERT INTO mailbox SELECT 'more' || n || '@client0.example.net' FROM generate_series(0, {WARM} - 1) n;\n\
                 GRANT SELECT ON domain TO {USER};\n\
                 ALTER ROLE {USER} SET log_statement = 'none';\n\
                 ANALYZE;\n"
        ))?;
        let folder = lab::mta::folder()?;
        let password = folder.path().join("password");
        fs::write(&password, format!("{PASSWORD}\n"))?;
        fs::set_permissions(&password, Permissions::from_mode(0o600))?;
        Ok(Self {
            name: "PostgreSQL",
            access: format!(
                "url: 'postgres://{USER}@127.0.0.1:{}/mail', password_file: {}, tls: 'off'",
                server.port(),
                password.display()
            ),
            domains,
            server: Some(server),
            _folder: folder,
        })
    }

    /// A mailbox of the first domain, of this number below [`WARM`].
    pub fn of_the_first(number: usize) -> String {
        format!("more{number}@{}", super::domain(0))
    }

    /// A mailbox that exists, of this number below `mailboxes`.
    pub fn mailbox(&self, number: usize) -> String {
        format!(
            "user{}@{}",
            number / self.domains,
            super::domain(number % self.domains)
        )
    }
}
