//! What is found in folders and files, and how it is given.

use super::*;

/// What is found below a path, and what is wrong.
fn found(path: &Path) -> Vec<String> {
    let files = ReportFiles::open(path).unwrap();
    files
        .map(|found| match found {
            Ok(Found::Mail(mail)) => {
                let subject = mail.headers.first("Subject").unwrap().text();
                format!("mail {subject} {}", mail.body.octets().len())
            }
            Ok(Found::File { reports, .. }) => match reports {
                Ok(reports) => format!("file {}", reports.len()),
                Err(why) => why.to_string(),
            },
            Err(unreadable) => unreadable.why,
        })
        .collect()
}

#[test]
fn mails_and_files_are_found_wherever_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mail = "From: a@far.example\nSubject: one\n\nbody\n";
    let mbox = format!("From a@b.example Mon Jan  1 00:00:00 2024\n{mail}\n").repeat(2);
    let one = xml(RECORD);
    for (name, octets, expected) in [
        ("a.xml", one.clone(), &["file 1"][..]),
        ("a.xml.gz", gzip(&one), &["file 1"]),
        ("a.gz", gzip(&one), &["file 1"]),
        (
            "a.zip",
            zip(&[("r.xml", &one), ("s.xml", &one)], true),
            &["file 2"],
        ),
        // By what it is, and not by its name.
        ("b.zip", gzip(&one), &["file 1"]),
        ("b.xml", zip(&[("r.xml", &one)], true), &["file 1"]),
        ("b.eml", one.clone(), &["file 1"]),
        ("c.eml", mail.as_bytes().to_vec(), &["mail one 6"]),
        ("c.eml.gz", gzip(mail.as_bytes()), &["mail one 6"]),
        (
            "mbox",
            mbox.clone().into_bytes(),
            &["mail one 8", "mail one 8"],
        ),
        (
            "mbox.gz",
            gzip(mbox.as_bytes()),
            &["mail one 8", "mail one 8"],
        ),
        (
            "d.xml",
            b"PDF".to_vec(),
            &["not a mail: it does not begin with a header"],
        ),
        (
            "d.xml.gz",
            gzip(&gzip(&one)),
            &["there is an archive within the archive"],
        ),
        (
            "e.xml.gz",
            gzip(&one)[..30].to_vec(),
            &["compressed as gzip: incomplete deflate stream"],
        ),
        (
            "empty.xml",
            vec![],
            &["not a mail: it does not begin with a header"],
        ),
    ] {
        fs::write(path(name), octets).unwrap();
        let found = found(&path(name));
        let is_same = found.len() == expected.len()
            && found
                .iter()
                .zip(expected)
                .all(|(found, expected)| found == expected);
        assert!(is_same, "{name}: {found:?}");
    }
    // All in one folder, and a maildir in it, whose names say nothing.
    for sub in ["maildir/cur", "maildir/new", "maildir/tmp"] {
        fs::create_dir_all(path(sub)).unwrap();
    }
    fs::write(path("maildir/new/1.host"), mail).unwrap();
    fs::write(path("maildir/tmp/2.host"), mail).unwrap();
    fs::write(path("notes.txt"), "nothing").unwrap();
    let all = found(folder.path());
    let count = |what: &str| all.iter().filter(|found| found.starts_with(what)).count();
    assert_eq!(
        (count("mail"), count("file"), all.len()),
        (5, 7, 16),
        "{all:?}"
    );
    assert_eq!(ReportFiles::length(folder.path()), 15);
    assert!(ReportFiles::open(&path("missing")).is_err());
}

#[test]
fn files_have_the_bounds_that_attachments_have() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.xml.gz");
    let noise: Vec<u8> = (0..MAX_PACKED + 9_u32 as usize)
        .map(|at| (at * at % 251) as u8)
        .collect();
    for (octets, why) in [
        (
            gzip(&padded(41)),
            "it unpacks to more than 40 MiB, as no report does",
        ),
        (
            padded(41),
            "it unpacks to more than 40 MiB, as no report does",
        ),
        (gzip(&padded(39)), "file 1"),
        (padded(39), "file 1"),
        (
            [b"\x1f\x8b", &noise[..]].concat(),
            "it is larger than 2 MiB, as no report is",
        ),
        (
            [b"PK\x03\x04", &noise[..]].concat(),
            "it is larger than 2 MiB, as no report is",
        ),
    ] {
        fs::write(&path, &octets).unwrap();
        assert_eq!(found(&path), [why], "{}", octets.len());
    }
}

#[test]
fn headers_are_given_as_they_were_signed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.eml");
    fs::write(&path, "From b@c Mon Jan  1 00:00:00 2024\nFrom:a@far.example\nSubject : x\n\ty\nTo:  z\r\n\nbody\n").unwrap();
    let mut files = ReportFiles::open(&path).unwrap();
    let Some(Ok(Found::Mail(mail))) = files.next() else {
        panic!("no mail");
    };
    let expected = "From:a@far.example\r\nSubject : x\r\n\ty\r\nTo:  z\r\n";
    assert_eq!(String::from_utf8(mail.raw_headers()).unwrap(), expected);
}
