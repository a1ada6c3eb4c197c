//! RFC 7208 sections 7.2 to 7.4: what macros expand to.

use std::net::{IpAddr, Ipv4Addr};

use crate::spf::{expansion::Values, limits::MAX_MACRO_VALUE, macros::MacroString};

/// The values of RFC 7208 section 7.4.
const VALUES: Values<'static> = Values {
    local: b"strong-bad",
    sender_domain: b"email.example.com",
    domain: b"email.example.com",
    client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3)),
    helo: b"mx.example.org",
    validated_name: b"mx.example.org",
    receiver: b"mail.example.net",
    now: 1_234_567_890,
};

fn expanded(text: &str, values: &Values<'_>) -> String {
    let string = MacroString::explain_string(text.as_bytes()).unwrap();
    let name = string.expand_name(values).unwrap();
    assert_eq!(string.expand_text(values, 300), name, "{text}");
    String::from_utf8(name).unwrap()
}

/// RFC 7208 section 7.4, the whole of its examples.
#[test]
fn the_examples_of_the_rfc() {
    for (text, expected) in [
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        (
            "%{ir}.%{v}._spf.%{d2}",
            "3.2.0.192.in-addr._spf.example.com",
        ),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        (
            "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
            "bad.strong.lp.3.2.0.192.in-addr._spf.example.com",
        ),
        (
            "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
            "3.2.0.192.in-addr.strong.lp._spf.example.com",
        ),
        (
            "%{d2}.trusted-domains.example.net",
            "example.com.trusted-domains.example.net",
        ),
    ] {
        assert_eq!(expanded(text, &VALUES), expected, "{text}");
    }
    let v6 = Values {
        client: "2001:db8::cb01".parse().unwrap(),
        ..VALUES
    };
    assert_eq!(
        expanded("%{ir}.%{v}._spf.%{d2}", &v6).to_ascii_lowercase(),
        "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"
    );
    assert_eq!(expanded("%{c}", &v6), "2001:db8::cb01");
}

/// RFC 7208 section 7.3.
#[test]
fn transformers_and_delimiters() {
    let values = Values {
        local: b"a.b-c+d,e/f_g=h",
        domain: b"example.org",
        ..VALUES
    };
    for (text, expected) in [
        ("%{l}", "a.b-c+d,e/f_g=h"),
        ("%{l.-+,/_=}", "a.b.c.d.e.f.g.h"),
        ("%{lr.-+,/_=}", "h.g.f.e.d.c.b.a"),
        ("%{l2R+}", "d,e/f_g=h.a.b-c"),
        ("%{l1=}", "h"),
        ("%{l2.}", "a.b-c+d,e/f_g=h"),
        ("%{d127}", "example.org"),
        ("%{d99999999999999999999999999}", "example.org"),
        ("%{d01}", "org"),
        ("%{S}", "a.b-c%2Bd%2Ce%2Ff_g%3Dh%40email.example.com"),
        ("%{L1r=}", "a.b-c%2Bd%2Ce%2Ff_g"),
        ("%{t} %{r}", "1234567890 mail.example.net"),
        ("%%%_%-x", "% %20x"),
    ] {
        assert_eq!(expanded(text, &values), expected, "{text}");
    }
    // 7.3: "no special treatment is given to leading, trailing, or consecutive delimiters".
    let values = Values {
        local: b"..a..",
        receiver: b"",
        ..VALUES
    };
    assert_eq!(expanded("%{l3}", &values), "a..");
    assert_eq!(expanded("%{l3r}", &values), "a..");
    assert_eq!(expanded("%{r}", &values), "unknown");
}

#[test]
fn names_are_expanded_only_as_far_as_they_matter() {
    let long = "%{d}.".repeat(13_000) + "org";
    let string = MacroString::domain_spec(long.as_bytes()).unwrap();
    let name = string.expand_name(&VALUES).unwrap();
    assert!((255..300).contains(&name.len()), "{}", name.len());
    // As long as a name may be with its last dot: whether something stands before it matters.
    let labels = [
        "a".repeat(63),
        "b".repeat(63),
        "c".repeat(63),
        "d".repeat(57),
    ];
    let string = format!("%{{l}}{}.org.", labels.join("."));
    let string = MacroString::domain_spec(string.as_bytes()).unwrap();
    let name = string.expand_name(&VALUES).unwrap();
    assert!(name.starts_with(b"strong-bada"), "{}", name.len());
    assert_eq!(name.len(), 254 + "strong-bad".len());
    let too_long = Values {
        local: &[b'a'; MAX_MACRO_VALUE + 1],
        ..VALUES
    };
    let string = MacroString::domain_spec(b"%{l1}.example.org").unwrap();
    assert_eq!(string.expand_name(&too_long), None);
}
