use super::*;

fn client() -> Spare {
    Spare::Client("2001:db8::25".parse().unwrap())
}

/// The line as it is then, or why there is none.
fn line(text: &str, spare: &Spare) -> String {
    match amended(path::Path::new("m.yaml"), text, spare) {
        Ok(Amendment {
            line,
            written,
            text: new,
        }) => {
            assert_eq!(new.lines().nth(line - 1).unwrap().trim(), written, "{new}");
            format!("{line}: {written}")
        }
        Err(why) => format!("{why:?}"),
    }
}

#[test]
fn a_line_fits_into_any_file() {
    for (text, expected) in [
        ("", "1: exempt: {clients: ['2001:db8::25']}"),
        ("# nothing\n", "2: exempt: {clients: ['2001:db8::25']}"),
        ("mode: monitor", "2: exempt: {clients: ['2001:db8::25']}"),
        ("{}", "1: {exempt: {clients: ['2001:db8::25']}}"),
        (
            "{mode: monitor}",
            "1: {exempt: {clients: ['2001:db8::25']}, mode: monitor}",
        ),
        (
            "exempt:\nmode: monitor\n",
            "1: exempt: {clients: ['2001:db8::25']}",
        ),
        (
            "exempt: # whom\n",
            "1: exempt: {clients: ['2001:db8::25']} # whom",
        ),
        ("exempt: {}\n", "1: exempt: {clients: ['2001:db8::25']}"),
        (
            "exempt: {clients: [], recipients: [x]}\n",
            "1: exempt: {clients: ['2001:db8::25'], recipients: [x]}",
        ),
        (
            "exempt: {recipients: [x]}\n",
            "1: exempt: {clients: ['2001:db8::25'], recipients: [x]}",
        ),
        (
            "exempt:\n  recipients: [x]\n",
            "2: clients: ['2001:db8::25']",
        ),
        (
            "exempt:\n  clients:\n  recipients: [x]\n",
            "2: clients: ['2001:db8::25']",
        ),
        (
            "exempt:\n  clients: [192.0.2.1]\n",
            "2: clients: ['2001:db8::25', 192.0.2.1]",
        ),
        (
            "exempt:\n  clients: [\n    192.0.2.1, # a, ]\n  ]\n",
            "2: clients: ['2001:db8::25',",
        ),
        (
            "exempt:\n  clients:\n    # ours\n    - 192.0.2.1\n",
            "4: - '2001:db8::25'",
        ),
        (
            "exempt:\n  clients:\n  - 192.0.2.1\n",
            "3: - '2001:db8::25'",
        ),
        (
            "# ü\nexempt: {recipients: [x], clients: ['192.0.2.1']}\n",
            "2: exempt: {recipients: [x], clients: ['2001:db8::25', '192.0.2.1']}",
        ),
        ("exempt:\n  clients: ['2001:db8::25']\n", "Spared"),
        ("exempt: [", "Elsewhere"),
        ("exempt: 7\n", "Elsewhere"),
        ("mode: monitor\n...\n", "Elsewhere"),
    ] {
        assert_eq!(line(text, &client()), expected, "{text}");
    }
}

#[test]
fn recipients_have_lists_of_their_own() {
    let joe = Spare::Recipient(
        "example.org".parse().unwrap(),
        "o'joe@example.org".to_owned(),
    );
    let site = |entry: &str| {
        format!("local: {{domains: [example.org, example.net]}}\nrecipients:\n{entry}")
    };
    let new = "'o''joe@example.org'";
    for (entry, expected) in [
        ("  - domain: example.net\n", "Elsewhere".to_owned()),
        (
            "  - domain: example.net\n  - domain: Example.ORG\n    catch_all: {}\n",
            format!("5: known: [{{addresses: [{new}]}}]"),
        ),
        (
            "  - domain: .example.net\n  - domain: '*'\n    known: [{addresses: [a]}]\n",
            format!("5: known: [{{addresses: [{new}, a]}}]"),
        ),
        (
            "  - domain: '*'\n  - domain: .org\n    catch_all: {}\n",
            format!("5: known: [{{addresses: [{new}]}}]"),
        ),
        (
            "  - {domain: example.org}\n",
            format!("3: - {{known: [{{addresses: [{new}]}}], domain: example.org}}"),
        ),
        (
            "  - domain: example.org\n    known: [{addresses: [a]}]\n",
            format!("4: known: [{{addresses: [{new}, a]}}]"),
        ),
        (
            "  - domain: example.org\n    known:\n      - file: /x\n",
            format!("5: - {{addresses: [{new}]}}"),
        ),
        (
            "  - domain: example.org\n    known:\n      - file: /x\n      - addresses:\n          - a\n",
            format!("7: - {new}"),
        ),
    ] {
        assert_eq!(line(&site(entry), &joe), expected, "{entry}");
    }
}

#[test]
fn the_shipped_file_has_a_place_for_each() {
    let shipped = include_str!("../../../milter.yaml");
    let domain = || "list.example".parse().unwrap();
    let address = "192.0.2.25".parse().unwrap();
    for (spare, written) in [
        (Spare::Client(address), "clients: [192.0.2.25]"),
        (Spare::NullSenderClient(address), "clients: [192.0.2.25]"),
        (
            Spare::Forwarder(address),
            "trusted_forwarders: [192.0.2.25]",
        ),
        (
            Spare::MailingList(domain()),
            "mailing_lists: [list.example]",
        ),
        (
            Spare::SpfDomain(domain(), "temperror".to_owned()),
            "domains: {list.example: {temperror: accept}}",
        ),
    ] {
        let found = amended(path::Path::new("milter.yaml"), shipped, &spare).unwrap();
        assert_eq!(found.written, written, "{}", spare.key());
        let changed = found
            .text
            .lines()
            .zip(shipped.lines())
            .filter(|(new, old)| new != old);
        assert_eq!(changed.count(), 1);
    }
}
