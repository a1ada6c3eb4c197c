use super::{COLUMNS, KEEPER, Kind, PASSWORD, READER, Server, USER, feed, insertions, new, quoted};
use crate::mta::unpacked;
use std::fs;
use std::io;

/// What makes the tables that the server keeps its users in, in this order.
const SYSTEM: [&str; 3] = [
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
];

pub(super) fn prepare(addresses: &[&str]) -> io::Result<Server> {
    let tree = unpacked("mariadb")?;
    let mut server = new(Kind::Mariadb, tree.join("usr/sbin/mariadbd"))?;
    let folder = server.folder.path().to_owned();
    let data = folder.join("data");
    fs::create_dir(&data)?;
    let here = folder.display();
    let common = [
        "--no-defaults".to_owned(),
        "--user=root".to_owned(),
        format!("--basedir={}/usr", tree.display()),
        format!("--lc-messages-dir={}/usr/share/mysql", tree.display()),
        format!("--plugin-dir={}/usr/lib/mysql/plugin", tree.display()),
        format!("--datadir={}", data.display()),
        format!("--tmpdir={here}"),
        "--innodb-flush-log-at-trx-commit=0".to_owned(),
        "--innodb-buffer-pool-size=16M".to_owned(),
    ];
    let mut sql = String::from("CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n");
    for file in SYSTEM {
        sql += &fs::read_to_string(tree.join("usr/share/mysql").join(file))?;
    }
    let rows = insertions(addresses);
    let password = quoted(PASSWORD);
    let columns = COLUMNS.join(" TEXT, ");
    let seen = COLUMNS.join(", ");
    sql += &format!(
        "\nSET NAMES utf8mb4;\nCREATE DATABASE mail;\nUSE mail;\n\
         CREATE TABLE mailbox (address VARCHAR(255) CHARACTER SET utf8mb4 PRIMARY KEY) ENGINE=InnoDB;\n{rows}\
         FLUSH PRIVILEGES;\n\
         CREATE USER '{USER}'@'localhost' IDENTIFIED BY {password};\n\
         CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY {password};\n\
         GRANT SELECT ON mail.* TO '{USER}'@'localhost';\n\
         GRANT SELECT ON mail.* TO '{USER}'@'127.0.0.1';\n\
         CREATE TABLE client ({columns} TEXT, secret TEXT) CHARACTER SET utf8mb4 ENGINE=InnoDB;\n\
         CREATE USER '{KEEPER}'@'127.0.0.1' IDENTIFIED BY {password};\n\
         CREATE USER '{READER}'@'127.0.0.1' IDENTIFIED BY {password};\n\
         GRANT ALL ON mail.client TO '{KEEPER}'@'127.0.0.1';\n\
         CREATE DEFINER='{KEEPER}'@'127.0.0.1' VIEW answers AS SELECT {seen} FROM client;\n\
         GRANT SELECT ON mail.answers TO '{READER}'@'127.0.0.1';\n"
    );
    server.arguments = common.iter().map(Into::into).collect();
    let mut bootstrap = server.command();
    feed(bootstrap.arg("--bootstrap"), &sql)?;
    let more = [
        format!("--port={}", server.port),
        "--bind-address=127.0.0.1".to_owned(),
        "--skip-name-resolve".to_owned(),
        format!("--socket={here}/mysqld.sock"),
        format!("--pid-file={here}/pid"),
        "--general-log=1".to_owned(),
        format!("--general-log-file={here}/log"),
        format!("--ssl-cert={here}/server.pem"),
        format!("--ssl-key={here}/server.key"),
    ];
    server.arguments.extend(more.into_iter().map(Into::into));
    Ok(server)
}
