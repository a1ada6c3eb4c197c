//! What MailScanner and Haraka write into a header.

use super::*;

const PLAIN: &str = "From: Joe <joe@example.org>
To: bob@friend.example
Subject: hi
Date: Mon, 30 Nov 2026 09:00:00 +0100
Message-ID: <m1@example.org>
";
const FOLDED: &str = "From: Joe <joe@example.org>
To: bob@friend.example
Date: Mon, 30 Nov 2026 09:00:00 +0100
Message-ID:
 <AM6PR0102MB1234.eurprd01.prod.exchangelabs.example@example.org>
";

fn marked(headers: &str, mark: &str, keys: &Keys, today: u64) -> WatermarkResult {
    let text = format!("{headers}{mark}\n\n").replace('\n', "\r\n");
    watermark::verify(&Headers::parse(text.as_bytes()).0, keys, today, 7)
}

fn valid(message_id: &str, expires: u64, program: Program) -> WatermarkResult {
    WatermarkResult::Valid {
        message_id: message_id.as_bytes().to_vec(),
        expires,
        signer: Signer::Imported(program),
    }
}

/// The lines of Message.pm that mark a message (github.com/MailScanner/v5, commit 022c13b4), run by Perl 5.36 with Date::Parse
/// 2.33 over these headers, made the marks on 2026-11-30.
#[test]
fn watermarks_of_mailscanner_are_verified() {
    const MARK: &str = "X-Example-MailScanner-Watermark: 1796636483.77052@ahh3BLS8Qx68pTkF+AeS2w";
    let leap = PLAIN
        .replace(
            "Mon, 30 Nov 2026 09:00:00 +0100",
            "Fri, 27 Nov 2026 23:59:60 -0500 (EST)",
        )
        .replace("<m1@", "<m2@");
    let header = SCANNER.to_owned();
    let keys = keys(Marks::MailScanner { header }, b"Example-WilliWonka");
    let valid = |id: &str| valid(id, TODAY + 7, Program::MailScanner);
    let ours = || valid("<m1@example.org>");
    let changed = |from: &str, to: &str| PLAIN.replace(from, to);
    for (headers, mark, today, expected) in [
        (PLAIN, MARK, TODAY, ours()),
        (
            PLAIN,
            &MARK
                .to_ascii_uppercase()
                .replace("AHH3BLS8QX68PTKF+AES2W", "ahh3BLS8Qx68pTkF+AeS2w"),
            TODAY,
            ours(),
        ),
        (PLAIN, &MARK.replace(": ", ":\n "), TODAY + 7, ours()),
        // The same instant in another zone, as a host on the way may write it.
        (
            &changed("09:00:00 +0100", "08:00:00 +0000"),
            MARK,
            TODAY,
            ours(),
        ),
        // Of a Message-ID on a line of its own it sees nothing, and counts by the mark.
        (
            FOLDED,
            "X-Example-MailScanner-Watermark: 1796636483.95821@Djl2S1kWPGcLSpuzK52/Xg",
            TODAY,
            valid("1796636483.95821@Djl2S1kWPGcLSpuzK52/Xg"),
        ),
        // A date that it can't read.
        (
            &leap,
            "X-Example-MailScanner-Watermark: 1796636484.01654@v5OqI8HHkIb95fa4INPB6w",
            TODAY,
            valid("<m2@example.org>"),
        ),
        // With `Check Watermarks To Skip Spam Checks = no` it covers neither.
        (
            PLAIN,
            "X-Example-MailScanner-Watermark: 1796636484.06173@MFkIirmxVixHViW6D+iFvA",
            TODAY,
            valid("1796636484.06173@MFkIirmxVixHViW6D+iFvA"),
        ),
        // One that lasted a second.
        (
            PLAIN,
            "X-Example-MailScanner-Watermark: 1796031685.24551@DU+8gQ1ej2IiTxZ59M7JTw",
            TODAY + 1,
            WatermarkResult::Expired,
        ),
        (PLAIN, MARK, TODAY + 8, WatermarkResult::Expired),
        (PLAIN, MARK, TODAY + 9, WatermarkResult::Absent),
        (PLAIN, "", TODAY, WatermarkResult::Absent),
        (
            PLAIN,
            &MARK.replace("Example", "Other"),
            TODAY,
            WatermarkResult::Absent,
        ),
        (
            PLAIN,
            &MARK.replace("1796636483", "1796636484"),
            TODAY,
            WatermarkResult::Unverifiable,
        ),
        (
            PLAIN,
            &MARK.replace("2w", "2x"),
            TODAY,
            WatermarkResult::Absent,
        ),
        (
            PLAIN,
            &MARK.replace("@a", "@b"),
            TODAY,
            WatermarkResult::Unverifiable,
        ),
        (
            PLAIN,
            "X-Example-MailScanner-Watermark: @",
            TODAY,
            WatermarkResult::Absent,
        ),
        (
            PLAIN,
            "X-Example-MailScanner-Watermark: 99999999999999999999@ahh3BLS8Qx68pTkF+AeS2w",
            TODAY,
            WatermarkResult::Absent,
        ),
        (
            &changed("m1", "m2"),
            MARK,
            TODAY,
            WatermarkResult::Unverifiable,
        ),
        (
            &changed("09:00", "09:01"),
            MARK,
            TODAY,
            WatermarkResult::Unverifiable,
        ),
        (
            &changed("Subject: hi", "Message-ID: <m3@x>"),
            MARK,
            TODAY,
            WatermarkResult::Unverifiable,
        ),
        (
            &changed("Date", "Dare"),
            MARK,
            TODAY,
            WatermarkResult::Unverifiable,
        ),
    ] {
        assert_eq!(
            marked(headers, mark, &keys, today),
            expected,
            "{headers}{mark} {today}"
        );
    }
}

/// haraka-plugin-bounce 2.2.1 with haraka-email-message 1.4.4, from the npm registry, on Node.js 20 made these on 2026-11-30 for
/// these headers. The secret is as Haraka's page makes it; it is used as the text that it is.
#[test]
fn hashes_of_haraka_are_verified() {
    const SECRET: &[u8] = b"dGhpcnR5LXR3byBvY3RldHMgb2YgYSB0ZXN0IGtleSE=";
    const MARK: &str = "X-Haraka-Bounce-Validation: \
        2278d24074be976d9958f77151def5dd726196f9677306430d2322858c7a238f";
    const JOERG: &str = "X-Haraka-Bounce-Validation: \
        fa3efa38431da983dcb404c880612bfbb36a979cd4a0a54fba4fed1c48914b38";
    let encoded = PLAIN.replace("Joe <", "=?UTF-8?Q?J=C3=B6rg?= M <");
    let folded = PLAIN
        .replace("Joe <", "=?iso-8859-1?Q?J=F6rg?=\n =?iso-8859-1?Q?_M?=\n <")
        .replace("ID: <", "ID:\n <");
    let comment = PLAIN
        .replace("Joe <", "\"Joe, M\"  <")
        .replace("+0100", "+0100 (CET)");
    let ours = || valid("<m1@example.org>", TODAY + 7, Program::Haraka);
    use Algorithm::{Sha1, Sha256, Sha384, Sha512};
    for (algorithm, headers, mark, today, expected) in [
        (Sha256, PLAIN, MARK, TODAY, ours()),
        (Sha256, PLAIN, MARK, TODAY + 8, ours()),
        (Sha256, PLAIN, MARK, TODAY + 9, WatermarkResult::Absent),
        (Sha256, &encoded, JOERG, TODAY, ours()),
        (Sha256, &folded, JOERG, TODAY, ours()),
        (
            Sha256,
            &comment,
            "X-Haraka-Bounce-Validation: 0a5e82c6aab40c0b30790183cf12f84bd9b09735a6bc474b5ec150c7be240836",
            TODAY,
            ours(),
        ),
        (
            Sha1,
            PLAIN,
            "X-Haraka-Bounce-Validation: 8995cadd94752000cd321bae925806b914ac30a8",
            TODAY,
            ours(),
        ),
        (
            Sha384,
            PLAIN,
            "X-Haraka-Bounce-Validation: 3ee1a351061dc832287bd44506bc2a4405e3a9650ba8f8da425584fc484fb2d9\n \
             2eacbc708651bc3f838833f4709465d0",
            TODAY,
            WatermarkResult::Absent,
        ),
        (
            Sha512,
            PLAIN,
            "X-Haraka-Bounce-Validation: 8d6cb23ab530f9a838219b465306e671055b41b069c8e10ed72c45d5e4265514872455a3df64ce1e4bf5728e891ea84b1ffb2667bf2b95d39cae85ec72643021",
            TODAY,
            ours(),
        ),
        (Sha1, PLAIN, MARK, TODAY, WatermarkResult::Unverifiable),
        (
            Sha256,
            PLAIN,
            &MARK.replace("227", "228"),
            TODAY,
            WatermarkResult::Unverifiable,
        ),
        (
            Sha256,
            PLAIN,
            "X-Haraka-Bounce-Validation: 2278d2",
            TODAY,
            WatermarkResult::Unverifiable,
        ),
        (
            Sha256,
            PLAIN,
            "X-Haraka-Bounce-Validation: none",
            TODAY,
            WatermarkResult::Absent,
        ),
        (Sha256, PLAIN, "", TODAY, WatermarkResult::Absent),
        (
            Sha256,
            &PLAIN.replace("m1", "m2"),
            MARK,
            TODAY,
            WatermarkResult::Unverifiable,
        ),
        (
            Sha256,
            &PLAIN.replace("Joe", "Jim"),
            MARK,
            TODAY,
            WatermarkResult::Unverifiable,
        ),
        (
            Sha256,
            &PLAIN.replace("Subject: hi", "From: x@y"),
            MARK,
            TODAY,
            WatermarkResult::Unverifiable,
        ),
    ] {
        let keys = keys(Marks::Haraka { algorithm }, SECRET);
        assert_eq!(
            marked(headers, mark, &keys, today),
            expected,
            "{headers}{mark} {today}"
        );
    }
    // A message that was sent long before, though the key verifies.
    let mut keys = Keys::default();
    let marks = Marks::Haraka { algorithm: Sha256 };
    keys.import(ImportedKey::new(marks, TODAY, TODAY + 100, SECRET).unwrap());
    assert_eq!(
        marked(PLAIN, MARK, &keys, TODAY + 9),
        WatermarkResult::Expired
    );
}

/// Who makes up our watermark can add a mark of another program as well.
#[test]
fn a_mark_that_proves_nothing_does_not_excuse_a_wrong_one() {
    let header = SCANNER.to_owned();
    let mut keys = keys(Marks::MailScanner { header }, b"secret");
    keys.add(Key::new(3, 0, b"0123456789abcdef", None).unwrap())
        .unwrap();
    let (message, _) = Headers::parse(PLAIN.replace('\n', "\r\n").as_bytes());
    let ours = watermark::write(&message, &keys, TODAY, 7).unwrap();
    let at = ours.rfind("h=").unwrap() + 2;
    let other = if ours[at..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    let wrong = format!("{}{other}{}", &ours[..at], &ours[at + 1..]);
    let mark = format!(
        "{}: {wrong}\n{SCANNER}: 1796636483.77052@ahh3BLS8Qx68pTkF+AeS2w",
        watermark::HEADER
    );
    assert_eq!(marked(PLAIN, &mark, &keys, TODAY), WatermarkResult::Wrong);
}
