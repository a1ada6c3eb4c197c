//! Certificates for private servers.

use crate::process::run;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

/// A CA (`ca.pem`), and a certificate by it for 127.0.0.1 (`server.pem`, `server.key`), in a folder.
pub fn make_certificates(folder: &Path) -> io::Result<()> {
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        run(command.args(arguments.split(' ')).current_dir(folder)).map(drop)
    };
    fs::write(folder.join("server.ext"), "subjectAltName=IP:127.0.0.1\n")?;
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(&format!(
        "req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=lab -days 2"
    ))?;
    openssl(&format!(
        "req -new {key} -keyout server.key -out server.csr -subj /CN=server"
    ))?;
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile server.ext -days 2 -out server.pem",
    )
}
