use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;
use crate::mailstore::packed::pack::PACKERS;

/// A file with these octets.
fn file(octets: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mail.log");
    fs::write(&path, octets).unwrap();
    (folder, path)
}

/// Its lines, how many were cut, and what ended it.
fn read(octets: &[u8]) -> (Vec<String>, u64, Option<String>) {
    let (_folder, path) = file(octets);
    let mut lines = match Log::File(path).open(0) {
        Ok(lines) => lines,
        Err(error) => return (Vec::new(), 0, Some(error.to_string())),
    };
    let mut found = Vec::new();
    loop {
        match lines.next_line() {
            Ok(Some(line)) => found.push(text(line)),
            Ok(None) => {
                assert_eq!(lines.position(), lines.length());
                return (found, lines.cut(), None);
            }
            Err(error) => {
                assert!(lines.next_line().unwrap().is_none());
                return (found, lines.cut(), Some(error.to_string()));
            }
        }
    }
}

#[test]
fn long_lines_are_cut_and_none_is_lost() {
    let of = |length: usize| "x".repeat(length);
    let log = format!(
        "first\r\n\n{}\n{}\r\n{}\n{}\r\nlast",
        of(MAX_LINE),
        of(MAX_LINE),
        of(MAX_LINE + 1),
        of(1 << 20)
    );
    let log = [log.as_bytes(), b" a\xff\xfeb"].concat();
    for pack in PACKERS {
        let (lines, cut, end) = read(&pack(&log));
        let lengths: Vec<usize> = lines.iter().map(String::len).collect();
        assert_eq!(lengths, [5, 0, MAX_LINE, MAX_LINE, MAX_LINE, MAX_LINE, 9]);
        assert_eq!((cut, end), (2, None));
        assert_eq!(
            (lines[0].as_str(), lines[6].as_str()),
            ("first", "last a??b")
        );
    }
    let endless = vec![b'y'; 3 << 20];
    assert_eq!(read(&endless).1, 1);
    assert_eq!(read(b""), (Vec::new(), 0, None));
}

/// A host under attack writes nearly the same line a million times, which is packed to less than a hundredth.
#[test]
fn a_log_may_be_packed_as_well_as_it_can_be() {
    let line = b"Nov 30 10:00:00 mx postfix/smtpd[1]: connect from unknown[192.0.2.1]\n";
    let log = line.repeat(100_000);
    for pack in PACKERS {
        let packed = pack(&log);
        let (lines, _, end) = read(&packed);
        assert_eq!((lines.len(), end), (100_000, None), "{}", packed.len());
    }
}

#[test]
fn what_is_cut_off_is_read_as_far_as_it_goes() {
    // So much that it is packed in several blocks, each with its own numbers.
    let log: String = (0..120_000_u64)
        .map(|number| format!("{:x}\n", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    for (number, pack) in PACKERS.iter().enumerate().skip(1) {
        let mut packed = pack(log.as_bytes());
        packed.truncate(packed.len() / 2);
        let (lines, _, end) = read(&packed);
        assert!(lines.len() > 1000, "{number}: {}", lines.len());
        assert!(log.starts_with(&lines[..1000].join("\n")), "{number}");
        assert!(end.unwrap().starts_with("compressed as "), "{number}");
    }
}

fn entry(message: &[u8], more: &str) -> Vec<u8> {
    let fields = format!(
        "__CURSOR=s=1;i=1\n__REALTIME_TIMESTAMP=1795867200654321\n__MONOTONIC_TIMESTAMP=7\n_HOSTNAME=mx\n{more}"
    );
    [fields.as_bytes(), message, b"\n"].concat()
}

fn binary(name: &str, value: &[u8]) -> Vec<u8> {
    let length = (value.len() as u64).to_le_bytes();
    [name.as_bytes(), b"\n", &length, value, b"\n"].concat()
}

#[test]
fn what_journalctl_exported_is_read_like_its_short_form() {
    let long = vec![b'z'; 2 * MAX_LINE];
    let postfix = "SYSLOG_IDENTIFIER=postfix/smtpd\nSYSLOG_PID=7\n_PID=8\n_COMM=smtpd\n";
    let log = [
        entry(b"MESSAGE=4dY: client=a=b\n", postfix),
        // A value that is no text, and one of a field that nobody asked for.
        entry(
            &binary("MESSAGE", b"two\nlines \xff="),
            "_COMM=smtpd\n_PID=9\n",
        ),
        entry(
            &[binary("COREDUMP", &long), b"MESSAGE=last\n".to_vec()].concat(),
            "",
        ),
        entry(b"", postfix),
        b"__CURSOR=s=2\nMESSAGE=without a time\n\n".to_vec(),
        b"\n\n-- Boot 1 --\n-- No entries --\n".to_vec(),
        entry(&[b"MESSAGE=".as_slice(), &long, b"\n"].concat(), postfix),
        entry(&binary("MESSAGE", &long), postfix),
    ]
    .concat();
    // The last entry has an end, or not.
    for log in [log.as_slice(), log.strip_suffix(b"\n\n").unwrap()] {
        for pack in PACKERS {
            let (lines, cut, end) = read(&pack(log));
            assert_eq!((lines.len(), cut, end), (5, 2, None));
            assert_eq!(
                lines[..3],
                [
                    "1795867200.654321 mx postfix/smtpd[7]: 4dY: client=a=b",
                    "1795867200.654321 mx smtpd[9]: two lines ?=",
                    "1795867200.654321 mx : last",
                ]
            );
            assert!(lines[3..].iter().all(|line| line.len() == MAX_LINE));
        }
    }
    let cut_off = [
        entry(b"MESSAGE=a\n", postfix),
        binary("MESSAGE", &long)[..100].to_vec(),
    ];
    let (lines, _, end) = read(&cut_off.concat());
    assert_eq!(lines.len(), 1);
    assert!(end.is_some());
}

#[test]
fn what_is_no_log_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = |path: PathBuf| Log::File(path).open(0).err().unwrap().to_string();
    assert!(error(folder.path().join("absent")).contains("No such file"));
    assert!(error(folder.path().to_owned()).contains("directory"));
    let json = b"{\"__CURSOR\":\"s=1\",\"MESSAGE\":\"a\"}\n";
    for pack in PACKERS {
        let (_, _, end) = read(&pack(json));
        assert!(end.unwrap().contains("--output=export"));
    }
    let (_, _, end) = read(b"LPKSHHRH\0\0\0\0\0\0\0\0");
    assert!(end.unwrap().contains("journalctl"));
}
