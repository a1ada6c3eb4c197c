//! The headers of a message, and whom its From: names.

use backstop::core::{
    address::Mailbox,
    from_header::{Claims, addresses},
    header::{Headers, raw_fields},
};

use super::input::Input;

pub fn run(data: &[u8]) {
    parsed(data);
    written(data);
}

fn parsed(message: &[u8]) {
    let (headers, body) = Headers::parse(message);
    assert!(body <= message.len());
    let front: usize = raw_fields(message)
        .map(|field| field.name.len() + 1 + field.value.len())
        .sum();
    let fields = raw_fields(message).flat_map(|field| [field.name, b":", field.value].concat());
    assert_eq!(fields.collect::<Vec<_>>(), &message[..front]);
    assert!(headers.len() <= 1016);
    let mut again = Headers::new();
    for header in headers.iter() {
        assert!(!header.name().contains(&b':') && !header.name().contains(&b'\n'));
        let line = header.unfolded();
        assert!(!line.contains(&b'\r') && !line.contains(&b'\n'));
        assert!(header.without_comments().len() <= line.len());
        assert!(header.is(&String::from_utf8_lossy(header.name())) || !header.name().is_ascii());
        again.push(header.name(), header.value());
        assert!(addresses(header).len() <= 64);
    }
    assert_eq!(
        again.iter().collect::<Vec<_>>(),
        headers.iter().collect::<Vec<_>>()
    );
    is_bounded(&Claims::of(&headers));
    // What is parsed is parsed again, where no line was odd.
    if !headers.is_cut() {
        let printed: Vec<u8> = headers
            .iter()
            .flat_map(|header| [header.name(), b": ", header.value(), b"\r\n"].concat())
            .collect();
        let (once, _) = Headers::parse(&printed);
        assert!(once.is_cut() || once.len() == headers.len(), "{printed:?}");
    }
}

fn is_bounded(claims: &Claims) {
    assert!(claims.addresses.len() <= 64 && claims.displayed.len() <= 64);
    for shown in &claims.displayed {
        assert!(shown.domain().is_some() && !claims.addresses.contains(shown));
    }
}

/// A From: as mail programs write it shows its address, whatever the name is.
fn written(data: &[u8]) {
    let mut input = Input(data);
    let address = b"kim.doe+x@own.example";
    let form = input.below(4);
    let name = input.rest();
    if name.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) || name.len() > 10_000 {
        return;
    }
    let quoted: Vec<u8> = name
        .iter()
        .flat_map(|&byte| match byte {
            b'"' | b'\\' => vec![b'\\', byte],
            byte => vec![byte],
        })
        .collect();
    let hex: String = name.iter().map(|byte| format!("={byte:02X}")).collect();
    let value = match form {
        0 => [b"\"", quoted.as_slice(), b"\" <", address, b">"].concat(),
        1 => [b"=?utf-8?q?", hex.as_bytes(), b"?= <", address, b">"].concat(),
        2 => [b"\"", quoted.as_slice(), b"\"\r\n\t<", address, b">"].concat(),
        _ => [
            b"<",
            address.as_slice(),
            b">, \"",
            &quoted,
            b"\" <x@far.example>",
        ]
        .concat(),
    };
    let mut headers = Headers::new();
    headers.push(b"From", &value);
    let claims = Claims::of(&headers);
    is_bounded(&claims);
    let own = Mailbox::from_bytes(address);
    assert!(claims.addresses.contains(&own), "{}", value.escape_ascii());
    assert_eq!(
        claims.addresses.len(),
        1 + usize::from(form == 3),
        "{}",
        value.escape_ascii()
    );
    assert_eq!(claims.from_headers, 1);
}
