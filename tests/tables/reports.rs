//! DMARC reports as reporters of many makes write them: each file in `fixtures/dmarc` has beside it what is read in it, which
//! `BLESS=1` writes. The files were made by hand after what such reports look like.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

use backstop::{
    core::aggregate::{Checked, Written},
    mailstore::dmarc,
};

/// The files, in the order of their names.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/dmarc");
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "xml"));
    files.sort();
    files
}

fn shown(report: &Written) -> String {
    let mut text = String::new();
    let Written {
        organization,
        email,
        id,
        begin,
        end,
        domain,
        rows,
        others,
    } = report;
    let email = email.as_ref().map_or("-", |domain| domain.as_str());
    writeln!(text, "{organization} ({email}), {id}").unwrap();
    writeln!(text, "about {domain}, {begin} to {end}; others: {others}").unwrap();
    let results = |results: &[Checked]| {
        let words = results.iter().map(|result| {
            let Checked {
                domain,
                selector,
                passes,
            } = result;
            let word = if *passes { "pass" } else { "no" };
            match selector.as_str() {
                "" => format!("{domain}={word}"),
                selector => format!("{selector}@{domain}={word}"),
            }
        });
        words.collect::<Vec<_>>().join(" ")
    };
    for row in rows {
        let aligned = |is_aligned| if is_aligned { "aligned" } else { "not" };
        writeln!(
            text,
            "{} {} from {}: spf {} [{}], dkim {} [{}] = {:?}",
            row.messages,
            row.source,
            row.header_from,
            aligned(row.spf_aligned),
            results(&row.spf),
            aligned(row.dkim_aligned),
            results(&row.dkim),
            row.shown(),
        )
        .unwrap();
    }
    text
}

#[test]
fn reports_of_many_makes_are_read() {
    let files = files();
    assert!(files.len() >= 11, "{files:?}");
    let bless = std::env::var_os("BLESS").is_some();
    for file in files {
        let reports = dmarc::reports(&fs::read(&file).unwrap());
        let reports = reports.unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        assert_eq!(reports.len(), 1);
        let found = shown(&reports[0]);
        let beside = file.with_extension("txt");
        if bless {
            fs::write(&beside, &found).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(found, expected, "{}", file.display());
    }
}

/// Each of them cut off anywhere is no report, and no panic.
#[test]
fn a_report_that_ends_early_is_none() {
    for file in files() {
        let octets = fs::read(&file).unwrap();
        let end = octets.trim_ascii_end().len();
        for at in (0..end).step_by(7) {
            assert!(
                dmarc::reports(&octets[..at]).is_err(),
                "{} {at}",
                file.display()
            );
        }
    }
}
