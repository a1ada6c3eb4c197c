//! What is deleted before our headers go in, and what stays.

use proptest::prelude::*;

use super::RECEIVER;
use crate::core::trace_header::Forgeries;

const RESULTS: &str = "Authentication-Results";

fn deletions(headers: &[(&str, &[u8])]) -> Vec<(String, u32)> {
    let mut forgeries = Forgeries::new(RECEIVER);
    for (name, value) in headers {
        forgeries.see(name.as_bytes(), value);
    }
    assert!(!forgeries.too_many());
    forgeries
        .deletions()
        .map(|deletion| {
            let name = String::from_utf8(deletion.name.clone()).unwrap();
            (name, deletion.index)
        })
        .collect()
}

fn is_deleted(value: &[u8]) -> bool {
    !deletions(&[(RESULTS, value)]).is_empty()
}

#[test]
fn results_that_claim_to_be_ours_are_deleted() {
    for value in [
        b"mx.example.org; spf=pass".as_slice(),
        b"mx.example.org;spf=pass",
        b"mx.example.org",
        b"mx.example.org 1; spf=pass",
        b"mx.example.org 1 (one); spf=pass",
        b"mx.example.org(none); none",
        b"MX.Example.ORG; spf=pass",
        b"mx.example.org.; spf=pass",
        b" \t\r\n mx.example.org; spf=pass",
        b"\r\n\tmx.example.org\r\n\t; spf=pass",
        b"\n\tmx.example.org;\n\tspf=pass",
        b"(a comment) mx.example.org; spf=pass",
        b"(one (in (another)) \\) and on) (two)\r\n mx.example.org; none",
        b"\"mx.example.org\"; spf=pass",
        b"\"mx\\.exam\\ple.org\"; spf=pass",
        b"\" mx.example\r\n.org \"; spf=pass",
        // Broken, but near enough for a reader who isn't strict.
        b"mx.example.org, spf=pass",
        b"mx.example.org/1; spf=pass",
        b"mx.example.org\0; spf=pass",
        b"\0\x01mx.example.org; spf=pass",
        b"(a comment that does not end mx.example.org; spf=pass",
        b"\"mx.example.org; spf=pass",
        b"; mx.example.org; spf=pass",
        b"\\mx.example.org; spf=pass",
        b"=?utf-8?q?x?= (by Mx.Example.Org); spf=pass",
    ] {
        assert!(is_deleted(value), "{}", value.escape_ascii());
    }
}

#[test]
fn results_of_others_stay() {
    for value in [
        b"mx.example.com; spf=pass".as_slice(),
        b"example.org; spf=pass",
        b"a.mx.example.org; spf=pass",
        b"mx.example.org.example.com; spf=pass",
        b"mx.example.orgs; spf=pass",
        b"mx.example.org-1; spf=pass",
        b"(mx.example.org;) mx.example.com; spf=pass",
        b"\"mx.example.org \\\"\"; spf=pass",
        b"mx.example.com; spf=pass smtp.helo=mx.example.org",
        b"mx.example.com; spf=pass (mx.example.org; said so)",
        // What Office 365 writes: no authserv-id at all.
        b"spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=example.org",
        b"",
        b"()",
        b"\xff; spf=pass",
    ] {
        assert!(!is_deleted(value), "{}", value.escape_ascii());
    }
}

#[test]
fn names_compare_like_domains() {
    let mut forgeries = Forgeries::new("mx.bücher.example");
    forgeries.see(RESULTS.as_bytes(), b"MX.xn--bcher-kva.example; spf=pass");
    forgeries.see(RESULTS.as_bytes(), "mx.BÜCHER.example; none".as_bytes());
    assert_eq!(forgeries.deletions().count(), 2);
    // No domain, but what the MTA calls itself.
    let mut forgeries = Forgeries::new("our mx");
    forgeries.see(RESULTS.as_bytes(), b"\"Our MX\"; spf=pass");
    assert_eq!(forgeries.deletions().count(), 1);
    let mut forgeries = Forgeries::new("");
    forgeries.see(RESULTS.as_bytes(), b"");
    forgeries.see(RESULTS.as_bytes(), b"mx.example.org; none");
    assert_eq!(forgeries.deletions().count(), 0);
}

#[test]
fn indexes_count_per_name_and_the_last_goes_first() {
    let ours = b"mx.example.org; spf=pass".as_slice();
    let other = b"mx.example.com; spf=pass".as_slice();
    assert_eq!(
        deletions(&[
            ("Received", b"x"),
            (RESULTS, other),
            ("x-backstop", b"verdict=accept"),
            ("AUTHENTICATION-RESULTS", ours),
            ("X-Backstop-Proof", b"x"),
            ("X-BACKSTOP", b""),
            ("Authentication-Results ", other),
            ("authentication-results\t", ours),
            ("X-Backstop-proof", b"x"),
            ("X-BackstopFoo", b"x"),
        ]),
        [
            ("X-BackstopFoo", 1),
            ("X-Backstop-proof", 2),
            ("authentication-results", 4),
            ("X-BACKSTOP", 2),
            ("X-Backstop-Proof", 1),
            ("AUTHENTICATION-RESULTS", 2),
            ("x-backstop", 1),
        ]
        .map(|(name, index)| (name.to_owned(), index))
    );
}

#[test]
fn what_is_not_ours_to_judge_stays() {
    let ours = b"mx.example.org; spf=pass".as_slice();
    assert_eq!(
        deletions(&[
            ("Old-Authentication-Results", ours),
            (
                "ARC-Authentication-Results",
                b"i=1; mx.example.org; spf=pass"
            ),
            ("X-Authentication-Results", ours),
            ("Authentication-Results-Original", ours),
            ("Received-SPF", b"pass receiver=mx.example.org"),
            ("X-Back", b"x"),
            ("XX-Backstop", b"x"),
            ("", b"x"),
        ]),
        []
    );
}

#[test]
fn a_flood_of_forgeries_is_bounded_and_told() {
    let mut forgeries = Forgeries::new(RECEIVER);
    for at in 0..1000 {
        forgeries.see(format!("X-Backstop-{at}").as_bytes(), b"");
        forgeries.see(RESULTS.as_bytes(), b"mx.example.com; none");
    }
    assert!(!forgeries.too_many());
    forgeries.see(RESULTS.as_bytes(), b"mx.example.org; none");
    assert!(forgeries.too_many());
    assert_eq!(forgeries.deletions().count(), 1000);
}

proptest! {
    /// Played on a model of an MTA, the deletions take away exactly the forged headers.
    #[test]
    fn deletions_hit_what_they_mean(
        picks in prop::collection::vec((0..4_usize, any::<bool>()), 0..30),
    ) {
        let names = ["Authentication-Results", "authentication-results", "X-Backstop", "Subject"];
        let mut headers: Vec<(&str, bool)> = picks
            .iter()
            .map(|&(name, forged)| (names[name], (forged && name < 2) || name == 2))
            .collect();
        let mut forgeries = Forgeries::new(RECEIVER);
        for (name, forged) in &headers {
            let value: &[u8] = if *forged { b"mx.example.org; none" } else { b"mx.example.com; none" };
            forgeries.see(name.as_bytes(), value);
        }
        for deletion in forgeries.deletions() {
            let at = headers
                .iter()
                .enumerate()
                .filter(|(_, (name, _))| name.as_bytes().eq_ignore_ascii_case(&deletion.name))
                .nth(deletion.index as usize - 1)
                .unwrap()
                .0;
            prop_assert!(headers.remove(at).1);
        }
        prop_assert!(headers.iter().all(|(_, forged)| !forged));
    }

    #[test]
    fn no_value_is_too_strange(value in prop::collection::vec(prop_oneof![
        prop::sample::select(b"()\\\" ;\r\n\0".to_vec()),
        any::<u8>(),
    ], 0..60)) {
        let mut claim = value.clone();
        claim.extend_from_slice(b"mx.example.org; spf=pass");
        let _ = is_deleted(&value);
        // However many comments and blanks stand before it.
        let blank = value.iter().all(|byte| b" \r\n\0".contains(byte));
        prop_assert!(!blank || is_deleted(&claim));
    }
}
