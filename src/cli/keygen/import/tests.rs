//! The programs' own files are read as those programs read them; what is none is told with its line.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::core::proof::imported::Algorithm;

const TODAY: u64 = 20_787;

struct Desk(TempDir);

impl Desk {
    /// A folder with these files; `DIR` in their text is the folder.
    fn with(files: &[(&str, &str)]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = desk.path(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let folder = desk.0.path().to_str().unwrap();
            fs::write(path, text.replace("DIR", folder)).unwrap();
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, program: Program, name: &str) -> Result<Vec<ImportedKey>, String> {
        read(program, &self.path(name), None, None, TODAY).map(|found| found.keys)
    }

    #[track_caller]
    fn is_told(&self, program: Program, name: &str, what: &str) {
        let error = self.read(program, name).unwrap_err();
        assert!(error.contains(what), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

fn key(marks: Marks, ends: u64, secret: &[u8]) -> ImportedKey {
    ImportedKey::new(marks, TODAY, ends, secret).unwrap()
}

#[test]
fn batv_milters_maps_are_followed() {
    let signs = |text: &str| Marks::BatvMilter {
        signs: text.parse().unwrap(),
    };
    let desk = Desk::with(&[
        (
            "batv-milter.conf",
            "# Path\nsocket\t\tinet:1\n\nkey-map\t\tDIR/map\nconfig DIR/more.conf\nlifetime 3\n",
        ),
        (
            "more.conf",
            "sub-address-delimiter -\nlifetime 9\nkey-map DIR/map2",
        ),
        (
            "map",
            "# Typical\n@example.org\t\tDIR/key one\nandrew@example.org DIR/key2\n\nbob@example.org\t/dev/null\n",
        ),
        (
            "map2",
            "@example.net DIR/key2\nandrew@example.org DIR/key one\n",
        ),
        ("key one", "\u{1}binary\n"),
        ("key2", "two"),
    ]);
    let path = desk.path("batv-milter.conf");
    let found = read(Program::BatvMilter, &path, None, None, TODAY).unwrap();
    assert_eq!(found.delimiter, Some('-'));
    let ends = TODAY + 3 + 1;
    assert_eq!(
        found.keys,
        [
            key(signs("@example.org"), ends, b"\x01binary\n"),
            key(signs("@example.net"), ends, b"two"),
            key(signs("andrew@example.org"), ends, b"\x01binary\n"),
        ]
    );
    for (files, what) in [
        (&[("conf", "socket inet:1\n")][..], "names no key map"),
        (&[("conf", "config DIR/conf\n")], "includes itself"),
        (&[("conf", "key-map DIR/none\n")], "none can't be read"),
        (
            &[("conf", "key-map DIR/map\nlifetime 0\n"), ("map", "")],
            "conf, line 2: `0`",
        ),
        (
            &[("conf", "key-map DIR/map\n"), ("map", "\n@x.example\n")],
            "map, line 2: expected an address",
        ),
        (
            &[("conf", "key-map DIR/map\n"), ("map", "joe DIR/map\n")],
            "map, line 1: `joe`",
        ),
        (
            &[("conf", "key-map DIR/map\n"), ("map", "# none\n")],
            "conf has no key",
        ),
        (&[("conf", "key-map DIR\n")], "not a regular file"),
    ] {
        Desk::with(files).is_told(Program::BatvMilter, "conf", what);
    }
    let long = "hush".repeat(257);
    let desk = Desk::with(&[
        ("conf", "key-map DIR/map\n"),
        ("map", "@x.example DIR/key\n"),
        ("key", &long),
    ]);
    desk.is_told(Program::BatvMilter, "conf", "1 to 1024 octets");
}

#[test]
fn exims_secret_is_a_line() {
    for (text, secret) in [
        ("hush", "hush"),
        ("hush\n", "hush"),
        ("hush hush\r\n", "hush hush"),
    ] {
        let desk = Desk::with(&[("secret", text)]);
        let found = read(Program::Exim, &desk.path("secret"), Some(4), None, TODAY).unwrap();
        let expected = key(Marks::Exim { digit: 4 }, TODAY + 8, secret.as_bytes());
        assert_eq!(found.keys, [expected]);
    }
    for text in ["", "\n", "hush\nhush\n", "hu\0sh"] {
        Desk::with(&[("secret", text)]).is_told(Program::Exim, "secret", "expected one line");
    }
    let desk = Desk::with(&[("secret", &"hush".repeat(17))]);
    desk.is_told(Program::Exim, "secret", "1 to 64 octets");
    let large = "hush".repeat(300_000);
    Desk::with(&[("secret", &large)]).is_told(Program::Exim, "secret", "larger than a megabyte");
}

#[test]
fn mailscanners_variables_and_files_are_read() {
    let desk = Desk::with(&[
        (
            "MailScanner.conf",
            "# main\n%Org-Name% = Example # us\n%etc-dir%=/etc\nUse Watermarking = yes\n\
             Watermark Secret = %org-name%-first\nWatermark Header = X-%org-name%-MailScanner-Watermark:\n\
             Watermark Lifetime = 604801\ninclude DIR/conf.d/*\n",
        ),
        (
            "conf.d/20-late.conf",
            "watermark secret=%org-name%-%none%100% hush\n",
        ),
        (
            "conf.d/10-early.conf",
            "%org-name% = Other\nWatermark   Secret = early\n",
        ),
        ("conf.d/.hidden", "Watermark Secret = hidden\n"),
    ]);
    let marks = |header: &str| Marks::MailScanner {
        header: header.to_owned(),
    };
    let expected = key(
        marks("X-Example-MailScanner-Watermark"),
        TODAY + 9,
        b"Other-100% hush",
    );
    assert_eq!(
        desk.read(Program::MailScanner, "MailScanner.conf").unwrap(),
        [expected]
    );
    let header = "Watermark Header = X-W:\n";
    for (text, what) in [
        ("", "no `Watermark Secret`"),
        ("Watermark Secret = hush\n", "no `Watermark Header`"),
        ("Watermark Secret =\n", "no `Watermark Secret`"),
        (
            "Watermark Secret = /etc/rules\n",
            "conf, line 1: the value is a file with rules",
        ),
        (
            "Watermark Secret = hush$HOME\n",
            "variable of MailScanner's environment",
        ),
        (
            "Watermark Secret = hush\nWatermark Lifetime = week\n",
            "Watermark Lifetime is `week`",
        ),
        (
            "Watermark Secret = hush\nWatermark Header = X W:\n",
            "is not the name of a header",
        ),
    ] {
        let lines = match text.contains("Header") || what.contains("Header") {
            true => text.to_owned(),
            false => [text, header].concat(),
        };
        Desk::with(&[("conf", &lines)]).is_told(Program::MailScanner, "conf", what);
    }
    let desk = Desk::with(&[(
        "conf",
        "include DIR/conf\nWatermark Secret = s\nWatermark Header = X-W\n",
    )]);
    let expected = key(marks("X-W"), TODAY + 8, b"s");
    assert_eq!(desk.read(Program::MailScanner, "conf").unwrap(), [expected]);
    let doubled: String = (0..40).map(|_| "%a% = %a%%a%x\n").collect();
    Desk::with(&[("conf", &doubled)]).is_told(Program::MailScanner, "conf", "longer than 4096");
}

#[test]
fn harakas_section_is_read() {
    const SECRET: &str = "dGhpcnR5LXR3byBvY3RldHMgb2YgYSB0ZXN0IGtleSE=";
    for (text, algorithm, days) in [
        (
            format!("[validation]\nsecret={SECRET}\n[check]\nsecret=other\n"),
            Algorithm::Sha256,
            6,
        ),
        (
            format!(
                "; c\n[ validation ]\n max_hash_age_days = 10\nhash_algorithm=sha512\nsecret = {SECRET} \n"
            ),
            Algorithm::Sha512,
            10,
        ),
    ] {
        let desk = Desk::with(&[("bounce.ini", &text)]);
        let expected = key(
            Marks::Haraka { algorithm },
            TODAY + days + 1,
            SECRET.as_bytes(),
        );
        assert_eq!(
            desk.read(Program::Haraka, "bounce.ini").unwrap(),
            [expected]
        );
    }
    for (text, what) in [
        ("", "has no secret"),
        ("[check]\nsecret=hush\n", "has no secret"),
        ("[validation]\nsecret=hush\n", "line 2: `secret`"),
        (
            "[validation]\nhash_algorithm=md5\n",
            "line 2: `hash_algorithm`",
        ),
        (
            "[validation]\nmax_hash_age_days=0\n",
            "line 2: `max_hash_age_days`",
        ),
    ] {
        Desk::with(&[("bounce.ini", text)]).is_told(Program::Haraka, "bounce.ini", what);
    }
    let desk = Desk::with(&[]);
    fs::write(desk.path("bounce.ini"), b"\xff\xfe").unwrap();
    desk.is_told(Program::Haraka, "bounce.ini", "not UTF-8");
}

#[test]
fn an_end_loses_no_mark() {
    let desk = Desk::with(&[("secret", "hush\n")]);
    let import = |program, digit, until| read(program, &desk.path("secret"), digit, until, TODAY);
    let ends = |until| import(Program::Exim, None, until).unwrap().keys[0].ends();
    assert_eq!(ends(None), TODAY + 8);
    assert_eq!(ends(Some(TODAY + 8)), TODAY + 8);
    assert_eq!(ends(Some(TODAY + 60)), TODAY + 60);
    let error = import(Program::Exim, None, Some(TODAY + 7)).unwrap_err();
    assert!(error.contains("use 2026-12-08 or a later day"), "{error}");
    let error = import(Program::Haraka, Some(1), None).unwrap_err();
    assert!(error.contains("--id 1"), "{error}");
}

#[test]
fn a_pattern_of_files_is_matched() {
    for (pattern, name, fits) in [
        ("*", "a.conf", true),
        ("*.conf", "a.conf", true),
        ("*.conf", "a.conf~", false),
        ("a*b*c", "axbxc", true),
        ("a*b*c", "axc", false),
        ("ab*ba", "aba", false),
        ("a", "a", true),
        ("a", "ab", false),
    ] {
        assert_eq!(
            mail_scanner::matches(pattern, name),
            fits,
            "{pattern} {name}"
        );
    }
}
