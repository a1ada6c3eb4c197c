//! RFC 7208 section 4.6.4: how many questions one check asks at most.

use super::{V4, V6, check_record, check_record_over, zone_of};
use crate::core::spf::SpfResult;

/// "SPF implementations MUST limit the total number of those terms to 10 during SPF evaluation".
#[test]
fn ten_terms_query_dns() {
    let zone = "
        example.org A 198.51.100.1
        example.org MX 1 example.org
        five.example TXT v=spf1 a:example.org a:example.org a:example.org a:example.org a:example.org
        four.example TXT v=spf1 a:example.org a:example.org a:example.org a:example.org
        three.example TXT v=spf1 exists:nowhere.example a:example.org redirect=four.example
        192.0.2.1 PTR host.example
        192.0.2.1.x.example A 127.0.0.2
    ";
    let a9 = "a ".repeat(9);
    let a10 = "a ".repeat(10);
    for (terms, result, lookups) in [
        (format!("{a10}~all"), SpfResult::Softfail, 10),
        (format!("{a10}a ~all"), SpfResult::Permerror, 10),
        (format!("{a10}ip4:192.0.2.1 a a a"), SpfResult::Pass, 10),
        (
            format!("{a10}ip4:10.0.0.1 ip6:::1 x=y exp=e.example ~all"),
            SpfResult::Softfail,
            10,
        ),
        (format!("{a9}mx ~all"), SpfResult::Softfail, 10),
        (format!("{a9}ptr ~all"), SpfResult::Softfail, 10),
        (format!("{a10}mx ~all"), SpfResult::Permerror, 10),
        (format!("{a10}ptr ~all"), SpfResult::Permerror, 10),
        (
            format!("{a10}exists:x.example ~all"),
            SpfResult::Permerror,
            10,
        ),
        (
            format!("{a10}include:five.example ~all"),
            SpfResult::Permerror,
            10,
        ),
        (
            format!("{a10}redirect=five.example"),
            SpfResult::Permerror,
            10,
        ),
        (
            "a a a a include:five.example ~all".to_owned(),
            SpfResult::Softfail,
            10,
        ),
        (
            "a a a a include:five.example a ~all".to_owned(),
            SpfResult::Permerror,
            10,
        ),
        (
            "a a include:three.example ~all".to_owned(),
            SpfResult::Softfail,
            10,
        ),
        (
            "a a a include:three.example ~all".to_owned(),
            SpfResult::Permerror,
            10,
        ),
        (
            "a a a a redirect=five.example".to_owned(),
            SpfResult::Neutral,
            10,
        ),
        (
            "a a a a a redirect=five.example".to_owned(),
            SpfResult::Permerror,
            10,
        ),
        ("include:example.org".to_owned(), SpfResult::Permerror, 10),
        ("redirect=example.org".to_owned(), SpfResult::Permerror, 10),
        // "a:" with a malformed name is a term as well.
        (format!("{a10}a:a..b ~all"), SpfResult::Permerror, 10),
        // The PTR records of %{p} are "included in the overall limit of 10"; they are asked once.
        (
            "exists:%{p}.x.example ~all".to_owned(),
            SpfResult::Softfail,
            2,
        ),
        (
            format!("{} exists:%{{p}}.x.example ~all", "a ".repeat(8)),
            SpfResult::Softfail,
            10,
        ),
        (
            format!("{a9}exists:%{{p}}.x.example ~all"),
            SpfResult::Permerror,
            10,
        ),
        (
            "ptr exists:%{p}.x.example exists:%{i}.x.example".to_owned(),
            SpfResult::Pass,
            3,
        ),
    ] {
        let check = check_record(&format!("v=spf1 {terms}"), zone, V4);
        assert_eq!(
            (check.result, check.lookups),
            (result, lookups),
            "{terms} {:?}",
            check.problem
        );
    }
}

/// "SPF implementations SHOULD limit "void lookups" to two [...] Exceeding the limit produces a "permerror" result";
/// 11.1: "as soon as more than two "void lookups" have been encountered".
#[test]
fn two_queries_find_nothing() {
    let zone = "
        only4.example A 192.0.2.9
        mx.example MX 1 no1.example
        mx.example MX 2 no2.example
        mx.example MX 3 no3.example
        mx.example MX 4 only4.example
        mx2.example MX 1 no1.example
        mx2.example MX 2 no2.example
        mx2.example MX 3 only4.example
        nullmx.example MX 0
        two.example TXT v=spf1 a:no1.example a:no2.example
        2001:db8::1 PTR f1.example.org
        2001:db8::1 PTR f2.example.org
        2001:db8::1 PTR f3.example.org
    ";
    for (terms, client, result, voids) in [
        (
            "a:no1.example mx:no2.example ~all",
            V4,
            SpfResult::Softfail,
            2,
        ),
        (
            "a:no1.example mx:no2.example exists:no3.example ~all",
            V4,
            SpfResult::Permerror,
            3,
        ),
        // "a positive answer (RCODE 0) with an answer count of 0" is one as well.
        (
            "a:only4.example a:only4.example a:only4.example ~all",
            V6,
            SpfResult::Permerror,
            3,
        ),
        (
            "a:only4.example a:only4.example a:only4.example ~all",
            V4,
            SpfResult::Softfail,
            0,
        ),
        (
            "a:no1.example include:two.example ~all",
            V4,
            SpfResult::Permerror,
            3,
        ),
        ("include:two.example ~all", V4, SpfResult::Softfail, 2),
        (
            "include:two.example exists:no.example ~all",
            V4,
            SpfResult::Permerror,
            3,
        ),
        (
            "a:no1.example redirect=two.example",
            V4,
            SpfResult::Permerror,
            3,
        ),
        // Each exchange without an address of the client's family is one.
        ("mx:mx.example ~all", V4, SpfResult::Permerror, 3),
        ("mx:mx2.example ~all", V4, SpfResult::Softfail, 2),
        ("mx:mx2.example ~all", V6, SpfResult::Permerror, 3),
        ("include:no.example ~all", V4, SpfResult::Permerror, 1),
        ("redirect=no.example", V4, SpfResult::Permerror, 1),
        ("mx:nullmx.example ~all", V4, SpfResult::Softfail, 0),
        // The client's own names can't spoil the record of the domain it abuses.
        (
            "ptr a:no1.example a:no2.example ~all",
            V6,
            SpfResult::Softfail,
            2,
        ),
        (
            "ptr a:no1.example a:no2.example ~all",
            V4,
            SpfResult::Permerror,
            3,
        ),
        (
            "a:no1.example a:no2.example -all exp=no3.example",
            V4,
            SpfResult::Fail,
            2,
        ),
        ("a:a..b a:b..c a:c..d ~all", V4, SpfResult::Softfail, 0),
    ] {
        let check = check_record(&format!("v=spf1 {terms}"), zone, client);
        assert_eq!(
            (check.result, check.void_lookups),
            (result, voids),
            "{client} {terms}"
        );
    }
}

/// "the evaluation of each "MX" record MUST NOT result in querying more than 10 address records [...] If this limit
/// is exceeded, the "mx" mechanism MUST produce a "permerror" result".
#[test]
fn ten_exchanges() {
    for (exchanges, matching, result) in [
        (10, 10, SpfResult::Pass),
        (10, 99, SpfResult::Fail),
        (11, 99, SpfResult::Permerror),
        (11, 11, SpfResult::Permerror),
        // The tenth is asked before the limit is met, in the order of preference.
        (11, 10, SpfResult::Pass),
    ] {
        let zone: String = (1..=exchanges)
            .rev()
            .map(|n| format!("example.org MX {n} m{n}.example\n"))
            .chain((1..=exchanges).map(|n| {
                let address = if n == matching { V4 } else { "198.51.100.1" };
                format!("m{n}.example A {address}\n")
            }))
            .collect();
        let zone = zone_of("v=spf1 mx -all", &zone);
        let check = check_record_over(&zone, V4);
        assert_eq!(check.result, result, "{exchanges} {matching}");
        let asked = zone
            .asked()
            .iter()
            .filter(|asked| asked.starts_with("A "))
            .count();
        assert!(asked <= 10, "{asked}");
    }
    // Exchanges are counted, not names.
    let same: String = (1..=11)
        .map(|n| format!("example.org MX {n} m.example\n"))
        .collect();
    let check = check_record(
        "v=spf1 mx -all",
        &format!("{same}m.example A 198.51.100.1"),
        V4,
    );
    assert_eq!(check.result, SpfResult::Permerror);
}

/// An `a` can have any number of addresses: the limits are on names.
#[test]
fn any_number_of_addresses() {
    let zone: String = (2..=200)
        .map(|n| format!("example.org A 192.0.2.{n}\n"))
        .collect();
    let check = check_record(
        "v=spf1 a -all",
        &format!("{zone}example.org A 192.0.2.1"),
        V4,
    );
    assert_eq!(check.result, SpfResult::Pass);
}
