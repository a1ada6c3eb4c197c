//! RFC 7208 sections 4.5, 7.1 and 12: what can stand in a record.

use crate::spf::{
    macros::MacroString,
    record::{Asking, Mechanism, Record, is_record},
};

/// RFC 7208 section 4.5.
#[test]
fn the_version_ends_in_a_blank_or_with_the_record() {
    for (txt, yes) in [
        ("v=spf1", true),
        ("V=SPF1 -all", true),
        ("v=spf1  ", true),
        ("v=spf10", false),
        ("v=spf1-all", false),
        ("v=spf1\t-all", false),
        ("v=spf", false),
        (" v=spf1", false),
        ("\"v=spf1\"", false),
        ("spf2.0/pra", false),
        ("", false),
    ] {
        assert_eq!(is_record(txt.as_bytes()), yes, "{txt:?}");
    }
}

/// Who reads the trace is told what is wrong, where that can be said.
#[test]
fn what_is_wrong_is_told() {
    for (term, reason) in [
        ("all:x", "all takes no argument"),
        ("redirect:example.org", "redirect and exp are modifiers"),
        ("-exp:example.org", "redirect and exp are modifiers"),
        ("al", "unknown mechanism"),
    ] {
        let error = Record::parse(format!("v=spf1 {term}").as_bytes()).unwrap_err();
        assert!(error.to_string().contains(reason), "{term}: {error}");
    }
}

/// RFC 7208 section 12 and section 4.6.1.
#[test]
fn terms_are_right_or_wrong() {
    for right in [
        "",
        " ",
        "   all   ",
        " ALL -aLL ~all ?all +all",
        " a A/24 a//64 a/24//64 a/0//0",
        " a:example.org/24 a:example.org//64 a:%{d}/24 a:%{d}/%{d2}",
        " mx mx:%{d2}/32//128",
        " a:foo:bar/baz.example.com",
        " a:1/24.example.org",
        " ptr ptr:example.org ptr:%{d}",
        " ip4:192.0.2.1 IP4:0.0.0.0/0 ip4:192.0.2.1/32 ip4:192.0.2.255/8",
        " ip6:::1 ip6:::/0 ip6:2001:DB8::1/128 ip6:::ffff:192.0.2.1/96 ip6:1:2:3:4:5:6:7:8",
        " include:example.org -include:%{d} exists:%{i}.example.org",
        " redirect=example.org",
        " REDIRECT=example.org. Exp=%{d}.example.org",
        " exp=example.org -all redirect=%{d}",
        " moo.cow-far_out=man:dog/cat moo= m=%{c}%{t} m=%{s} x=a=b",
        " default=pass a1=b",
    ] {
        let txt = format!("v=spf1{right}");
        assert_eq!(Record::parse(txt.as_bytes()).err(), None, "{txt}");
    }
    for wrong in [
        "al",
        "all.",
        "all:",
        "all/8",
        "all:x",
        "--all",
        "+-all",
        "!all",
        "-",
        "+",
        "a.",
        "a:",
        "a/",
        "a//",
        "a/24/64",
        "a/24//",
        "a///64",
        "a/33",
        "a//129",
        "a/024",
        "a/00",
        "a/+1",
        "a/2x",
        "a:/24",
        "a:museum",
        "a:museum.",
        "a:192.0.2.1",
        "a:example.com:8080",
        "a:example.org/",
        "a:example.org/24/64",
        "a:exa\tmple.org",
        "a:example.org/999999999999",
        "mx:",
        "mx/",
        "mx:example.-com",
        "ptr:",
        "ptr/24",
        "ptr:example.org/24",
        "ip4",
        "ip4:",
        "ip4/24",
        "ip4:192.0.2",
        "ip4:192.0.2.256",
        "ip4:192.0.02.1",
        "ip4:192.0.2.1.",
        "ip4:192.0.2.1/",
        "ip4:192.0.2.1/33",
        "ip4:192.0.2.1/032",
        "ip4:192.0.2.1//32",
        "ip4:192.0.2.1/+8",
        "ip4:192.0.2.1:25",
        "ip4:::1",
        "ip4:0xc0.0.2.1",
        "ip4:3221225985",
        "ip4:%{i}",
        "ip6",
        "ip6:",
        "ip6:::1/129",
        "ip6:::1//64",
        "ip6:::1/064",
        "ip6:1::2::3",
        "ip6:192.0.2.1",
        "ip6:12345::",
        "ip6:fe80::1%eth0",
        "ip6:[::1]",
        "include",
        "include:",
        "include:org",
        "include:example.org/24",
        "exists",
        "exists:",
        "exists/24",
        "exists:example.org/24",
        "redirect",
        "redirect:example.org",
        "redirect=",
        "redirect=org",
        "redirect=example.org/24",
        "-redirect=example.org",
        "exp=",
        "exp=-all",
        "exp:example.org",
        "exp=%{r}.example.org",
        "?exp=example.org",
        "1up=foo",
        "=foo",
        "=",
        "-foo=bar",
        "moo.cow/far=x",
        "foo=%abc",
        "foo=%{x}",
        "f\u{e4}=x",
        "moo",
        "all\0",
        "a:foo.example.com\0",
        "a\rall",
        "a\nall",
        "redirect=a.b redirect=a.b",
        "exp=a.b all exp=a.b",
        "exp=a.b EXP=c.d",
    ] {
        let txt = format!("v=spf1 ip4:192.0.2.1 {wrong} -all");
        let error = Record::parse(txt.as_bytes()).map(drop).unwrap_err();
        assert!(error.to_string().is_ascii(), "{wrong}: {error}");
    }
}

#[test]
fn prefixes_default_to_single_addresses() {
    for (term, ip4, ip6) in [
        ("a", 32, 128),
        ("a/24", 24, 128),
        ("a//64", 32, 64),
        ("mx:example.org/0//0", 0, 0),
    ] {
        let record = Record::parse(format!("v=spf1 {term}").as_bytes()).unwrap();
        let Mechanism::Asking(Asking::A(prefixes) | Asking::Mx(prefixes), _) =
            record.directives[0].mechanism
        else {
            panic!("{term}");
        };
        assert_eq!((prefixes.ip4, prefixes.ip6), (ip4, ip6), "{term}");
    }
}

#[test]
fn a_mistake_is_named() {
    let error = Record::parse(b"v=spf1 a:192.0.2.1 -all").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`a:192.0.2.1`: an address instead of a domain name; use ip4"
    );
}

/// RFC 7208 section 7.1: `domain-spec`, `macro-expand`, `toplabel`.
#[test]
fn domain_specs() {
    for right in [
        "example.org",
        "example.org.",
        "a.b-c",
        "a.1-2",
        "a.x--y",
        ".org",
        "%{d}",
        "foo%{d}",
        "%{d}.org",
        "a%%",
        "a%_",
        "a%-",
        "foo:bar/baz.example.com",
        "a..b",
        "$!\"#&'()*+,;<>?@[\\]^`{|}~.org",
    ] {
        assert!(
            MacroString::domain_spec(right.as_bytes()).is_ok(),
            "{right}"
        );
    }
    for wrong in [
        "",
        ".",
        "org",
        "org.",
        "example.org..",
        "example.123",
        "example.-com",
        "example.com-",
        "example.c_m",
        "example.com/24",
        "%{d}.",
        "%{d}org",
        "%{d}.%",
        "%",
        "%(d).org",
        "%{}.org",
        "%{d.org",
        "%{x}",
        "%{d0}",
        "%{d00}",
        "%{dr2}",
        "%{d-2}",
        "%{d:}",
        "%{ d}",
        "%{c}",
        "%{R}.org",
        "%{t}",
        "a b.org",
        "a\tb.org",
        "a\0.org",
        "a\x7f.org",
        "ä.org",
    ] {
        assert!(
            MacroString::domain_spec(wrong.as_bytes()).is_err(),
            "{wrong}"
        );
    }
}
