use super::{BASE, BIND_DN, Kind, PASSWORD, Server, Tree, feed, new};
use crate::mta::unpacked;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

pub(super) fn prepare(addresses: &[&str]) -> io::Result<Server> {
    let mut ldif = format!(
        "dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: lab\n\n"
    );
    for (number, address) in addresses.iter().enumerate() {
        let _ = write!(
            ldif,
            "dn: uid=user{number},{BASE}\nobjectClass: inetOrgPerson\nuid: user{number}\ncn: x\nsn: x\nmail: {address}\n\n"
        );
    }
    prepare_tree(&Tree {
        schema: "",
        access: "",
        entries: &ldif,
    })
}

pub(super) fn prepare_tree(wanted: &Tree) -> io::Result<Server> {
    let Tree {
        schema,
        access,
        entries,
    } = wanted;
    let tree = unpacked("openldap")?;
    let mut server = new(Kind::Openldap, tree.join("usr/sbin/slapd"))?;
    let libraries: Option<PathBuf> = fs::read_dir(tree.join("usr/lib"))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.display().to_string().contains("-linux-gnu"));
    let folder = server.folder.path().to_owned();
    fs::create_dir(folder.join("data"))?;
    let here = folder.display();
    let root = tree.display();
    let config = folder.join("slapd.conf");
    fs::write(
        &config,
        format!(
            "modulepath {root}/usr/lib/ldap\n\
             moduleload back_mdb\n\
             include {root}/etc/ldap/schema/core.schema\n\
             include {root}/etc/ldap/schema/cosine.schema\n\
             include {root}/etc/ldap/schema/inetorgperson.schema\n\
             {schema}\n\
             pidfile {here}/pid\n\
             TLSCACertificateFile {here}/ca.pem\n\
             TLSCertificateFile {here}/server.pem\n\
             TLSCertificateKeyFile {here}/server.key\n\
             database mdb\n\
             suffix {BASE}\n\
             directory {here}/data\n\
             rootdn {BIND_DN}\n\
             rootpw \"{PASSWORD}\"\n\
             {access}\n\
             access to * by * none\n"
        ),
    )?;
    let mut add = Command::new(&server.program);
    add.args(["-T", "add", "-q", "-f"])
        .arg(&config)
        .current_dir(&folder);
    if let Some(libraries) = &libraries {
        add.env("LD_LIBRARY_PATH", libraries);
    }
    feed(&mut add, entries)?;
    server.libraries = libraries;
    let socket = folder
        .join("ldapi")
        .display()
        .to_string()
        .replace('/', "%2f");
    let urls = format!("ldap://127.0.0.1:{} ldapi://{socket}", server.port);
    server.arguments = ["-d", "stats", "-h", &urls, "-f"].map(Into::into).to_vec();
    server.arguments.push(config.into());
    Ok(server)
}
