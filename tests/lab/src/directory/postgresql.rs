use super::{COLUMNS, KEEPER, Kind, PASSWORD, READER, Server, USER, feed, insertions, new, quoted};
use crate::mta::unpacked;
use crate::process::run;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Debian's nobody: PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;

pub(super) fn prepare(addresses: &[&str]) -> io::Result<Server> {
    prepare_with(&insertions(addresses))
}

pub(super) fn prepare_with(statements: &str) -> io::Result<Server> {
    let programs = unpacked("postgresql")?.join("usr/lib/postgresql/15/bin");
    let mut server = new(Kind::Postgresql, programs.join("postgres"))?;
    let folder = server.folder.path().to_owned();
    let data = folder.join("data");
    fs::create_dir(&data)?;
    for file in [&data, &folder, &folder.join("server.key")] {
        chown(file, Some(NOBODY), Some(NOBODY))?;
    }
    fs::set_permissions(folder.join("server.key"), fs::Permissions::from_mode(0o600))?;
    server.user = Some(NOBODY);
    let mut initdb = Command::new(programs.join("initdb"));
    initdb
        .args(["--username=postgres", "--auth=scram-sha-256", "--no-sync"])
        .args(["--encoding=UTF8", "--locale=C.UTF-8", "--pwfile"])
        .arg(folder.join("pw"))
        .arg("--pgdata")
        .arg(&data)
        .current_dir(&folder)
        .uid(NOBODY)
        .gid(NOBODY);
    fs::write(folder.join("pw"), "nobody knows\n")?;
    run(&mut initdb)?;
    let single = |database: &str, sql: &str| {
        let mut command = Command::new(programs.join("postgres"));
        command
            .args(["--single", "-j", "-D"])
            .arg(&data)
            .arg(database)
            .current_dir(&folder)
            .uid(NOBODY)
            .gid(NOBODY);
        // With -j a statement ends with a semicolon and an empty line.
        feed(&mut command, &sql.replace(";\n", ";\n\n"))
    };
    let password = quoted(PASSWORD);
    single(
        "postgres",
        &format!(
            "CREATE ROLE {USER} LOGIN PASSWORD {password};\n\
             CREATE ROLE {READER} LOGIN PASSWORD {password};\n\
             CREATE ROLE {KEEPER} LOGIN PASSWORD {password};\n\
             CREATE DATABASE mail;\n"
        ),
    )?;
    let columns = COLUMNS.join(" text, ");
    let seen = COLUMNS.join(", ");
    single(
        "mail",
        &format!(
            "CREATE TABLE mailbox (address text PRIMARY KEY);\n{statements}GRANT SELECT ON mailbox TO {USER};\n\
             CREATE TABLE client ({columns} text, secret text);\n\
             CREATE VIEW answers AS SELECT {seen} FROM client;\n\
             GRANT ALL ON client TO {KEEPER};\n\
             GRANT SELECT ON answers TO {READER};\n"
        ),
    )?;
    let port = server.port.to_string();
    let here = folder.display().to_string();
    server.arguments = [
        "-D".to_owned(),
        data.display().to_string(),
        "-p".to_owned(),
        port,
    ]
    .into_iter()
    .chain(
        [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("unix_socket_directories={here}"),
            "log_statement=all".to_owned(),
            "log_connections=on".to_owned(),
            "fsync=off".to_owned(),
            "ssl=on".to_owned(),
            format!("ssl_cert_file={here}/server.pem"),
            format!("ssl_key_file={here}/server.key"),
        ]
        .into_iter()
        .flat_map(|setting| ["-c".to_owned(), setting]),
    )
    .map(Into::into)
    .collect();
    Ok(server)
}
