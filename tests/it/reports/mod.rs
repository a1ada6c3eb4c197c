//! DMARC reports: `backstop reports import`, and `backstop report senders` on what it took.

mod import;
mod page;
mod senders;

use std::{
    fmt::Write as _,
    fs,
    io::Write,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Output},
};

use data_encoding::BASE64;
use flate2::{Compression, write::GzEncoder};
use mail_builder::headers::date::Date;
use serde_json::Value;
use tempfile::TempDir;

use crate::bounce::now;

const DAY: u64 = 86_400;

/// A configuration with a store, and reports.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new(dns: SocketAddr) -> Self {
        let folder = lab::mta::folder_in_memory().unwrap();
        let yaml = format!(
            "local: {{domains: [example.org, example.net], networks: [10.0.0.0/8]}}\nstore: sqlite:{}\n\
             dns: {{nameservers: ['{dns}'], timeout: 2s, budget: 4s}}\n",
            folder.path().join("state.db").display()
        );
        fs::write(folder.path().join("milter.yaml"), yaml).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, octets: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, octets).unwrap();
        path
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_backstop"))
            .args(arguments)
            .args(["--config", "milter.yaml"])
            .current_dir(self.folder.path())
            .output()
            .unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A row of a report: the source, the messages, whether SPF and DKIM are in line, and the domain that SPF passed for.
type Row<'a> = (&'a str, u64, bool, bool, &'a str);

/// A report of the day `days` ago.
fn xml(reporter: &str, id: &str, about: &str, days: u64, rows: &[Row]) -> String {
    let begin = (now() / DAY - days) * DAY;
    let end = begin + DAY - 1;
    let mut text = format!(
        "<?xml version=\"1.0\"?>\n<feedback><report_metadata><org_name>The mail of {reporter}</org_name>\
         <email>dmarc@{reporter}</email><report_id>{id}</report_id><date_range><begin>{begin}</begin><end>{end}</end>\
         </date_range></report_metadata><policy_published><domain>{about}</domain><p>none</p></policy_published>"
    );
    let word = |passes| if passes { "pass" } else { "fail" };
    for (source, messages, spf, dkim, passed) in rows {
        write!(
            text,
            "<record><row><source_ip>{source}</source_ip><count>{messages}</count><policy_evaluated>\
             <disposition>none</disposition><dkim>{}</dkim><spf>{}</spf></policy_evaluated></row>\
             <identifiers><header_from>{about}</header_from></identifiers><auth_results>",
            word(*dkim),
            word(*spf)
        )
        .unwrap();
        if *dkim {
            write!(
                text,
                "<dkim><domain>{about}</domain><selector>s1</selector><result>pass</result></dkim>"
            )
            .unwrap();
        }
        if !passed.is_empty() {
            write!(
                text,
                "<spf><domain>{passed}</domain><result>pass</result></spf>"
            )
            .unwrap();
        }
        text.push_str("</auth_results></record>");
    }
    text + "</feedback>\n"
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A mail of this author with a report, without the headers that its way puts on top; lines end in CRLF.
fn mail(author: &str, id: &str, octets: &[u8]) -> String {
    let encoded = BASE64.encode(octets);
    let lines: Vec<_> = encoded
        .as_bytes()
        .chunks(76)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "From: Reports <dmarc@{author}>\r\nTo: dmarc@example.org\r\nSubject: Report Domain: example.org\r\n\
         Date: Sat, 28 Nov 2026 06:00:00 +0000\r\nMessage-ID: <{id}@{author}>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"=x\"\r\n\r\n--=x\r\nContent-Type: text/plain\r\n\r\nA report.\r\n\
         --=x\r\nContent-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"{author}!example.org!1!2.xml.gz\"\r\n\r\n{}\r\n--=x--\r\n",
        lines.join("\r\n")
    )
}

/// The line of the host that got a mail from this host outside, just now.
fn received(from: &str) -> String {
    let date = Date::new(i64::try_from(now()).unwrap()).to_rfc822();
    format!(
        "Received: from {from} ({from} [198.51.100.9])\r\n\tby mx.example.org (Postfix) with ESMTPS id 4dYA1;\r\n\t\
         {date} (UTC)\r\n"
    )
}
