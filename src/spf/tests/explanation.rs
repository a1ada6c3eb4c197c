//! RFC 7208 section 6.2: the publisher's words for a fail.

use super::{Session, V4, V6, check_record, zone_of};
use crate::{
    core::spf::{Identity, SpfResult},
    spf::limits::MAX_EXPLANATION,
};

#[test]
fn where_it_comes_from() {
    let zone = "
        why.example TXT why
        other.example TXT other
        two.example TXT one
        two.example TXT two
        empty.example TXT
        dead.example DEAD
        ascii.example TXT b\u{fc}cher
        tab.example TXT a\tb
        syntax.example TXT The %{x}-files
        percent.example TXT 100%
        long.example TXT %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s} %{s}
        fails.example TXT v=spf1 -all exp=other.example
        silent.example TXT v=spf1 -all
        passes.example TXT v=spf1 +all exp=other.example
    ";
    let long = "user@example.org ".repeat(27);
    for (terms, explanation) in [
        ("-all exp=why.example", Some("why")),
        ("exp=why.example -all", Some("why")),
        ("exp=why.example. -all", Some("why")),
        ("-all", None),
        // "proceed as if no "exp" modifier was given".
        ("-all exp=nowhere.example", None),
        ("-all exp=two.example", None),
        ("-all exp=empty.example", None),
        ("-all exp=dead.example", None),
        ("-all exp=ascii.example", None),
        ("-all exp=tab.example", None),
        ("-all exp=syntax.example", None),
        ("-all exp=percent.example", None),
        ("-all exp=a..example", None),
        ("-all exp=%{p}", None),
        // Of the record that fails, never of one that redirects to it or that it includes.
        ("exp=why.example redirect=fails.example", Some("other")),
        ("exp=why.example redirect=silent.example", None),
        ("exp=why.example include:fails.example -all", Some("why")),
        ("include:fails.example -all", None),
        ("exp=why.example -include:passes.example", Some("why")),
        ("-include:passes.example", None),
        ("-all exp=long.example", Some(&long[..MAX_EXPLANATION])),
    ] {
        let check = check_record(&format!("v=spf1 {terms}"), zone, V4);
        assert_eq!(check.result, SpfResult::Fail, "{terms}");
        assert_eq!(check.explanation.as_deref(), explanation, "{terms}");
    }
    for (terms, result) in [
        ("~all exp=why.example", SpfResult::Softfail),
        ("?all exp=why.example", SpfResult::Neutral),
        ("+all exp=why.example", SpfResult::Pass),
        ("exp=why.example", SpfResult::Neutral),
    ] {
        let check = check_record(&format!("v=spf1 {terms}"), zone, V4);
        assert_eq!((check.result, check.explanation), (result, None), "{terms}");
    }
}

/// 7.2 and 7.3: all macros stand in it, at the domain whose record fails.
#[test]
fn what_it_expands() {
    for (client, text, explanation) in [
        (
            V4,
            "%{i} %{c} %{v} %{ir}",
            "192.0.2.1 192.0.2.1 in-addr 1.2.0.192",
        ),
        (
            "::ffff:192.0.2.1",
            "%{i} %{c} %{v}",
            "192.0.2.1 192.0.2.1 in-addr",
        ),
        (
            V6,
            "%{c} %{i}",
            "2001:db8::1 2.0.0.1.0.D.B.8.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1",
        ),
        (
            V4,
            "%{r} %{t} %{h}",
            "mx.receiver.example 1234567890 mail.example.org",
        ),
        (
            V4,
            "%{d} %{o} %{s}",
            "target.example example.org user@example.org",
        ),
        (
            V4,
            "  two  blanks. 100%% %_%-.",
            "  two  blanks. 100%  %20.",
        ),
        (V4, "%{p}", "unknown"),
        (V6, "%{p}", "host.example"),
    ] {
        let zone = "target.example TXT v=spf1 -all exp=%{d2}.x.example
            2001:db8::1 PTR host.example
            host.example AAAA 2001:db8::1";
        let mut zone = zone_of("v=spf1 redirect=target.example", zone);
        zone.add_txt("target.example.x.example", text.as_bytes());
        let check = super::check_record_over(&zone, client);
        assert_eq!(check.explanation.as_deref(), Some(explanation), "{text}");
        // 4.6.4: the exp modifier and its macros are "not subject to this limit".
        assert_eq!((check.lookups, check.void_lookups), (1, 0), "{text}");
    }
}

/// The client's own words in it can't break the line they end up in.
#[test]
fn it_is_printable() {
    for (helo, mail_from, explanation) in [
        (
            b"a\r\nb".as_slice(),
            b"x\0\x1by@example.org".as_slice(),
            "a??b x??y x%00%1By",
        ),
        (b"\xff", b"\xc3\xa4@example.org", "? ?? %C3%A4"),
        (b"%{l}", b"%{h}@example.org", "%{l} %{h} %25%7Bh%7D"),
    ] {
        let zone = zone_of("v=spf1 -all exp=e.example", "e.example TXT %{h} %{l} %{L}");
        let session = Session {
            client: V4,
            helo,
            mail_from,
        };
        let check = session.check(Identity::MailFrom, &zone);
        assert_eq!(check.explanation.as_deref(), Some(explanation));
    }
}
