//! RFC 7208 sections 4.4 to 4.7, 5.2 and 6.1: which record counts, and how records lead to each other.

use super::{Session, V4, check_record, zone::Zone};
use crate::core::spf::{Identity, SpfResult};

/// 4.5: records that don't begin with the version are discarded; one must be left.
#[test]
fn records_are_selected() {
    for (records, result) in [
        (vec![], SpfResult::None),
        (vec!["v=spf10 +all"], SpfResult::None),
        (vec!["v=spf1-all"], SpfResult::None),
        (vec![" v=spf1 -all"], SpfResult::None),
        (vec!["v=spf1"], SpfResult::Neutral),
        (vec!["v=spf1 "], SpfResult::Neutral),
        (vec!["V=sPf1 -ALL"], SpfResult::Fail),
        (
            vec!["v=spf10 +all", "v=spf1 -all", "v=DMARC1", ""],
            SpfResult::Fail,
        ),
        (vec!["v=spf1 -all", "v=spf1 -all"], SpfResult::Permerror),
        (vec!["v=spf1 -all", "V=SPF1"], SpfResult::Permerror),
        (vec!["v=spf1 \u{e4}"], SpfResult::Permerror),
        (vec!["\u{e4}", "v=spf1 -all"], SpfResult::Fail),
        (vec!["v=spf1 -all\0"], SpfResult::Permerror),
        (vec!["v=spf1 -all\t"], SpfResult::Permerror),
    ] {
        let mut zone = Zone::default();
        for record in &records {
            zone.add_txt("example.org", record.as_bytes());
        }
        // The same record says the same to include and redirect, only that none is an error there (5.2, 6.1).
        let followed = match result {
            SpfResult::None | SpfResult::Permerror => SpfResult::Permerror,
            _ => SpfResult::Neutral,
        };
        zone.add_txt("include.example", b"v=spf1 include:example.org ?all");
        zone.add_txt("redirect.example", b"v=spf1 redirect=example.org");
        for (domain, result) in [
            ("example.org", result),
            ("include.example", followed),
            (
                "redirect.example",
                if result == SpfResult::None {
                    followed
                } else {
                    result
                },
            ),
        ] {
            let check =
                Session::new(V4, "h", &format!("user@{domain}")).check(Identity::MailFrom, &zone);
            assert_eq!(check.result, result, "{domain} {records:?}");
        }
    }
}

/// 4.4: "If the DNS lookup returns a server failure (RCODE 2) or some other error [...], or if the lookup times out,
/// then check_host() terminates immediately and returns the result "temperror""; 4.6: errors of syntax come first.
#[test]
fn errors() {
    for (record, result) in [
        ("v=spf1 a:dead.example +all", SpfResult::Temperror),
        ("v=spf1 mx:dead.example +all", SpfResult::Temperror),
        ("v=spf1 exists:dead.example +all", SpfResult::Temperror),
        ("v=spf1 include:dead.example +all", SpfResult::Temperror),
        ("v=spf1 redirect=dead.example", SpfResult::Temperror),
        ("v=spf1 mx:half.example +all", SpfResult::Temperror),
        ("v=spf1 include:deep.example +all", SpfResult::Temperror),
        ("v=spf1 ptr:example.org -all", SpfResult::Fail),
        ("v=spf1 +all a:dead.example", SpfResult::Pass),
        ("v=spf1 a:dead.example moo", SpfResult::Permerror),
        ("v=spf1 +all moo", SpfResult::Permerror),
        ("v=spf1 include:wrong.example +all", SpfResult::Permerror),
    ] {
        let check = check_record(
            record,
            "dead.example DEAD\n192.0.2.1 DEAD\nhalf.example MX 1 dead.example
            deep.example TXT v=spf1 include:deeper.example -all
            deeper.example TXT v=spf1 a:dead.example\nwrong.example TXT v=spf1 ip4:1.2.3",
            V4,
        );
        assert_eq!(check.result, result, "{record}");
        let is_error = matches!(result, SpfResult::Temperror | SpfResult::Permerror);
        assert_eq!(check.problem.is_some(), is_error, "{record}");
        assert_eq!(check.mechanism.is_none(), is_error, "{record}");
        if result == SpfResult::Temperror {
            assert!(check.problem.unwrap().ends_with("dead.example: SERVFAIL"));
        }
    }
}

/// The table of 5.2, at the first depth and at the second.
#[test]
fn include() {
    let zone = "
        pass.example TXT v=spf1 +all
        fail.example TXT v=spf1 -all exp=why.example
        softfail.example TXT v=spf1 ~all
        neutral.example TXT v=spf1 ?all
        default.example TXT v=spf1 ip4:198.51.100.1
        none.example TXT hello
        permerror.example TXT v=spf1 moo
        temperror.example DEAD
        why.example TXT must not be used
        redirect.example TXT v=spf1 redirect=pass.example
        two-pass.example TXT v=spf1 include:pass.example -all
        two-fail.example TXT v=spf1 include:fail.example -all
        two-none.example TXT v=spf1 include:none.example -all
        two-temperror.example TXT v=spf1 include:temperror.example -all
        two-permerror.example TXT v=spf1 include:permerror.example -all
    ";
    for (target, result) in [
        ("pass", SpfResult::Pass),
        ("fail", SpfResult::Softfail),
        ("softfail", SpfResult::Softfail),
        ("neutral", SpfResult::Softfail),
        ("default", SpfResult::Softfail),
        ("none", SpfResult::Permerror),
        ("nxdomain", SpfResult::Permerror),
        ("permerror", SpfResult::Permerror),
        ("temperror", SpfResult::Temperror),
        ("redirect", SpfResult::Pass),
        ("two-pass", SpfResult::Pass),
        ("two-fail", SpfResult::Softfail),
        ("two-none", SpfResult::Permerror),
        ("two-temperror", SpfResult::Temperror),
        ("two-permerror", SpfResult::Permerror),
    ] {
        let check = check_record(&format!("v=spf1 include:{target}.example ~all"), zone, V4);
        assert_eq!(check.result, result, "{target}");
        if result == SpfResult::Pass {
            assert_eq!(check.mechanism, Some(format!("include:{target}.example")));
        }
        // 5.2: the qualifier of the include says what a pass within becomes.
        let check = check_record(&format!("v=spf1 -include:{target}.example ~all"), zone, V4);
        let expected = if result == SpfResult::Pass {
            SpfResult::Fail
        } else {
            result
        };
        assert_eq!(check.result, expected, "-{target}");
        assert_eq!(check.explanation, None, "-{target}");
    }
}

/// 6.1: redirect counts when nothing matches, wherever it stands; 5.1: never beside `all`.
#[test]
fn redirect() {
    let zone = "
        target.example TXT v=spf1 a:%{d} a:%{o} -ip4:192.0.2.1
        target.example A 198.51.100.1
        empty.example TXT v=spf1
        chain.example TXT v=spf1 redirect=target.example
        implicit.example TXT v=spf1 a
        implicit.example A 192.0.2.1
    ";
    for (record, result, mechanism) in [
        (
            "v=spf1 redirect=target.example",
            SpfResult::Fail,
            Some("-ip4:192.0.2.1"),
        ),
        (
            "v=spf1 redirect=target.example ~all",
            SpfResult::Softfail,
            Some("~all"),
        ),
        (
            "v=spf1 ~all redirect=nowhere.example",
            SpfResult::Softfail,
            Some("~all"),
        ),
        (
            "v=spf1 redirect=target.example ip4:192.0.2.1",
            SpfResult::Pass,
            Some("ip4:192.0.2.1"),
        ),
        (
            "v=spf1 redirect=chain.example",
            SpfResult::Fail,
            Some("-ip4:192.0.2.1"),
        ),
        (
            "v=spf1 redirect=empty.example",
            SpfResult::Neutral,
            Some("default"),
        ),
        (
            "v=spf1 redirect=implicit.example",
            SpfResult::Pass,
            Some("a"),
        ),
        (
            "v=spf1 redirect=nowhere.example",
            SpfResult::Permerror,
            None,
        ),
        ("v=spf1 redirect=a..example", SpfResult::Permerror, None),
        ("v=spf1 redirect=%{d1r}", SpfResult::Permerror, None),
        ("v=spf1 redirect=example.org", SpfResult::Permerror, None),
        // 4.7: neutral where nothing matches, "as if "?all" were specified".
        (
            "v=spf1 ip4:198.51.100.1",
            SpfResult::Neutral,
            Some("default"),
        ),
    ] {
        let check = check_record(record, zone, V4);
        assert_eq!(check.result, result, "{record}");
        assert_eq!(check.mechanism.as_deref(), mechanism, "{record}");
    }
}
