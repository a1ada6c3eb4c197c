//! A watermark proves the message that it was written for, for its lifetime, whatever blanks are added on the way back.

use proptest::prelude::*;

use super::*;

const FROM: &[u8] = b"Joe <joe@example.org>";
const DATE: &[u8] = b"Sat, 21 Nov 2026 22:30:00 +0000";
const ID: &[u8] = b"<1@example.org>";

fn key(id: u8, secret: &[u8], retired: Option<u64>) -> Key {
    Key::new(id, 0, secret, retired).unwrap()
}

fn ours() -> Keys {
    [key(3, b"a secret of 24 octets...", None)]
        .into_iter()
        .collect()
}

fn headers(fields: &[(&str, &[u8])]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in fields {
        headers.push(name.as_bytes(), value);
    }
    headers
}

fn message() -> Headers {
    headers(&[("From", FROM), ("Date", DATE), ("Message-ID", ID)])
}

fn written(keys: &Keys, today: u64) -> String {
    write(&message(), keys, today, 7).unwrap()
}

fn returned(watermark: &[u8]) -> Headers {
    headers(&[
        ("Received", b"from a by b"),
        (HEADER, watermark),
        ("From", FROM),
        ("Subject", b"x"),
        ("Date", DATE),
        ("Message-ID", ID),
    ])
}

fn valid(expires: u64, key: u8) -> WatermarkResult {
    WatermarkResult::Valid {
        message_id: ID.to_vec(),
        expires,
        signer: Signer::Own(key),
    }
}

/// What Python's hmac and hashlib make of the same key and headers.
#[test]
fn the_watermark_is_the_one_that_others_would_compute() {
    let keys = [key(0, b"secret", None)].into_iter().collect();
    assert_eq!(
        written(&keys, 20_778),
        "v=1; k=0; f=b6sUNZhbXbU; x=20785;\n \
         d=PddMnsnGUXxhCFgstfsQgWmFeLCU9kFqu6DRcld7SFE;\n \
         h=YMCVNeJCwTz53oVG5IVSrUXGF1jwNqf5t1flSlTDsoI"
    );
}

#[test]
fn it_counts_on_each_day_of_its_life_and_on_none_after() {
    let watermark = written(&ours(), 20_000);
    for (day, answer) in [
        (20_000, valid(20_007, 3)),
        (20_007, valid(20_007, 3)),
        (20_008, WatermarkResult::Expired),
        (30_000, WatermarkResult::Expired),
        // A clock that is ahead of ours made it: where midnight has come already, and where it is simply wrong.
        (19_999, valid(20_007, 3)),
        (19_998, WatermarkResult::Unverifiable),
        (0, WatermarkResult::Unverifiable),
    ] {
        let found = verify(&returned(watermark.as_bytes()), &ours(), day, 7);
        assert_eq!(found, answer, "{day}");
    }
    // The lifetime was shortened, and nobody knows since when.
    let found = verify(&returned(watermark.as_bytes()), &ours(), 20_000, 5);
    assert_eq!(found, WatermarkResult::Unverifiable);
}

#[test]
fn a_roll_over_has_no_gap_and_comes_to_its_end() {
    let mut keys: Keys = [key(1, b"the old secret", None)].into_iter().collect();
    let early = written(&keys, 20_000);
    keys.add(key(2, b"the new secret", None)).unwrap();
    let late = written(&keys, 20_000);
    let answer = |mark: &str, keys: &Keys, day| verify(&returned(mark.as_bytes()), keys, day, 7);
    assert!(keys.retire(1, 20_000));
    for day in 20_000..=20_007 {
        assert_eq!(answer(&early, &keys, day), valid(20_007, 1));
        assert_eq!(answer(&late, &keys, day), valid(20_007, 2));
    }
    // A key that is gone judges nobody.
    assert_eq!(answer(&early, &keys, 20_008), WatermarkResult::Absent);
    // Its digit can then be another's.
    keys.add(key(1, b"a third secret", None)).unwrap();
    let third = written(&keys, 20_001);
    assert_eq!(answer(&third, &keys, 20_001), valid(20_008, 1));
    assert_eq!(answer(&early, &keys, 20_001), valid(20_007, 1));
    assert_eq!(answer(&early, &keys, 20_008), WatermarkResult::Absent);
}

#[test]
fn what_could_not_be_told_apart_is_not_signed() {
    let fields = [("From", FROM), ("Date", DATE), ("Message-ID", ID)];
    let without = |name: &str| {
        let rest: Vec<_> = fields.into_iter().filter(|(n, _)| *n != name).collect();
        headers(&rest)
    };
    let with = |name, value| {
        let mut all = fields.to_vec();
        all.push((name, value));
        headers(&all)
    };
    let mut many = message();
    (0..1000).for_each(|_| many.push(b"X", b""));
    for (headers, why) in [
        (without("From"), Unmarked::Ambiguous),
        (without("Date"), Unmarked::Ambiguous),
        (without("Message-ID"), Unmarked::NoMessageId),
        (with("from", FROM), Unmarked::Ambiguous),
        (with("DATE ", DATE), Unmarked::Ambiguous),
        (with("Message-Id", ID), Unmarked::Ambiguous),
        (
            headers(&[("From", b" \t"), ("Date", DATE), ("Message-ID", ID)]),
            Unmarked::Ambiguous,
        ),
        (
            headers(&[("From", FROM), ("Date", DATE), ("Message-ID", b" ")]),
            Unmarked::NoMessageId,
        ),
        (many, Unmarked::Ambiguous),
    ] {
        assert_eq!(write(&headers, &ours(), 20_000, 7), Err(why), "{headers:?}");
    }
    let mut retired = ours();
    retired.retire(3, 20_000);
    for keys in [Keys::default(), retired] {
        assert_eq!(
            write(&message(), &keys, 20_000, 7),
            Err(Unmarked::NoKey),
            "{keys:?}"
        );
    }
}

#[test]
fn a_second_one_is_written_only_where_the_first_ends_too_early() {
    let marked = returned(written(&ours(), 20_000).as_bytes());
    for day in [20_000, 20_001] {
        assert_eq!(
            write(&marked, &ours(), day, 7),
            Err(Unmarked::AlreadyMarked)
        );
    }
    let second = write(&marked, &ours(), 20_002, 7).unwrap();
    let mut both = marked.clone();
    both.push(HEADER.as_bytes(), second.as_bytes());
    assert_eq!(verify(&both, &ours(), 20_009, 7), valid(20_009, 3));
    // Another site's says nothing of ours.
    let theirs = written(
        &[key(3, b"a secret of theirs", None)].into_iter().collect(),
        20_000,
    );
    assert!(write(&returned(theirs.as_bytes()), &ours(), 20_000, 7).is_ok());
}

#[test]
fn whose_it_is_comes_before_what_it_says() {
    let ours = ours();
    let genuine = written(&ours, 20_000);
    let theirs = written(
        &[key(3, b"a secret of theirs", None)].into_iter().collect(),
        20_000,
    );
    let made_up = genuine.replace("x=20007", "x=20006");
    let answer = |marks: &[&str]| {
        let mut headers = message();
        for mark in marks {
            headers.push(HEADER.as_bytes(), mark.as_bytes());
        }
        verify(&headers, &ours, 20_000, 7)
    };
    for (marks, expected) in [
        (vec![], WatermarkResult::Absent),
        (vec!["made by another product"], WatermarkResult::Absent),
        (vec![&*theirs], WatermarkResult::Absent),
        (
            vec![&*genuine.replace("v=1", "v=2")],
            WatermarkResult::Absent,
        ),
        (
            vec![&*genuine.replace("k=3", "k=4")],
            WatermarkResult::Absent,
        ),
        (
            vec![&*genuine.replace("k=3", "k=03")],
            WatermarkResult::Absent,
        ),
        (
            vec![&*genuine.replace("x=20007", "x=020007")],
            WatermarkResult::Absent,
        ),
        (vec![&*format!("{genuine};")], WatermarkResult::Absent),
        (
            vec![&*format!("{genuine}{}", " ".repeat(400))],
            WatermarkResult::Absent,
        ),
        (vec![&*made_up], WatermarkResult::Wrong),
        (vec![&*made_up, &*theirs], WatermarkResult::Wrong),
        (vec![&*made_up, &*theirs, &*genuine], valid(20_007, 3)),
        (vec!["x", "x", "x", &*genuine], valid(20_007, 3)),
        (vec!["x", "x", "x", "x", &*genuine], WatermarkResult::Absent),
    ] {
        assert_eq!(answer(&marks), expected, "{marks:?}");
    }
}

/// RFC 3464 allows to cut headers, and hosts rewrite them: that is not a forgery.
#[test]
fn without_what_it_covers_it_proves_nothing_for_or_against() {
    let genuine = written(&ours(), 20_000);
    let other = b"<2@example.org>";
    for fields in [
        vec![],
        vec![("From", FROM), ("Date", DATE)],
        vec![
            ("From", FROM),
            ("Date", DATE),
            ("Message-ID", other.as_slice()),
        ],
        vec![
            ("From", FROM),
            ("Date", DATE),
            ("Message-ID", ID),
            ("Message-ID", other),
        ],
        vec![
            ("From", FROM),
            ("From", FROM),
            ("Date", DATE),
            ("Message-ID", ID),
        ],
        vec![
            ("From", b"Joe <j@example.org>"),
            ("Date", DATE),
            ("Message-ID", ID),
        ],
    ] {
        let mut returned = headers(&fields);
        returned.push(HEADER.as_bytes(), genuine.as_bytes());
        for day in [20_000, 20_008] {
            assert_eq!(
                verify(&returned, &ours(), day, 7),
                WatermarkResult::Unverifiable,
                "{fields:?}"
            );
        }
    }
    for end in 0..genuine.len() {
        let cut = genuine.get(..end).unwrap();
        let found = verify(&returned(cut.as_bytes()), &ours(), 20_000, 7);
        assert_eq!(found, WatermarkResult::Absent, "{cut}");
    }
}

fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec("[!-~éü]{1,20}", 1..6)
}

fn blank() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(vec![" ", "  ", "\t", "\r\n ", "\n\t", "\r\n  \t", " \n "])
}

proptest! {
    #[test]
    fn it_proves_any_message_whatever_blanks_are_put_in(
        fields in [words(), words(), words()],
        blanks in proptest::collection::vec(blank(), 20),
        (id, secret, retired) in (0_u8..10, proptest::collection::vec(any::<u8>(), 0..130), any::<bool>()),
        (today, lifetime) in (0_u64..40_000, 1_u64..100),
        late in 0_u64..100,
    ) {
        let names = ["From", "Date", "Message-ID"];
        let mut headers = Headers::new();
        let mut refolded = Headers::new();
        let mut blanks = blanks.into_iter();
        for (name, words) in names.into_iter().zip(&fields) {
            headers.push(name.as_bytes(), words.join(" ").as_bytes());
            let pieces = words.iter().map(|word| [blanks.next().unwrap_or(" "), word].concat());
            refolded.push(name.to_uppercase().as_bytes(), pieces.collect::<String>().as_bytes());
        }
        let mut keys: Keys = [key(id, &secret, None)].into_iter().collect();
        let watermark = write(&headers, &keys, today, lifetime).unwrap();
        prop_assert!(watermark.split('\n').all(|line| line.len() + HEADER.len() + 2 <= 78));
        refolded.push(HEADER.as_bytes(), watermark.replace(' ', "\r\n\t ").as_bytes());
        keys.add(key((id + 1) % 10, b"the next key", None)).unwrap();
        if retired {
            keys.retire(id, today);
        }
        let expected = match late {
            _ if late <= lifetime => {
                let message_id = fields[2].join(" ").into_bytes();
                WatermarkResult::Valid { message_id, expires: today + lifetime, signer: Signer::Own(id) }
            }
            _ if retired => WatermarkResult::Absent,
            _ => WatermarkResult::Expired,
        };
        prop_assert_eq!(verify(&refolded, &keys, today + late, lifetime), expected);
    }

    #[test]
    fn one_byte_changed_proves_nothing(field in 0_usize..4, at in any::<prop::sample::Index>(), to in 0x21_u8..0x7f) {
        let watermark = written(&ours(), 20_000);
        let mut values = [FROM.to_vec(), DATE.to_vec(), ID.to_vec(), watermark.into_bytes()];
        let value = &mut values[field];
        let at = at.index(value.len());
        prop_assume!(value[at] != to);
        value[at] = to;
        let [from, date, id, watermark] = &values;
        let changed = headers(&[("From", from), ("Date", date), ("Message-ID", id), (HEADER, watermark)]);
        let found = verify(&changed, &ours(), 20_000, 7);
        prop_assert!(found < WatermarkResult::Expired, "{:?}", found);
    }

    #[test]
    fn what_moves_from_one_field_to_the_next_is_another_message(all in "[!-~]{3,40}", cuts in prop::array::uniform4(any::<prop::sample::Index>())) {
        let split = |a: &prop::sample::Index, b: &prop::sample::Index| {
            let mut cuts = [1 + a.index(all.len() - 1), 1 + b.index(all.len() - 1)];
            cuts.sort_unstable();
            let [first, second] = cuts;
            [&all[..first], &all[first..second], &all[second..]].map(|part| part.as_bytes().to_vec())
        };
        let [signed, changed] = [split(&cuts[0], &cuts[1]), split(&cuts[2], &cuts[3])];
        prop_assume!(signed != changed && signed.iter().all(|part| !part.is_empty()));
        let of = |[from, date, id]: &[Vec<u8>; 3]| headers(&[("From", from), ("Date", date), ("Message-ID", id)]);
        let watermark = write(&of(&signed), &ours(), 20_000, 7).unwrap();
        let mut changed = of(&changed);
        changed.push(HEADER.as_bytes(), watermark.as_bytes());
        prop_assert_eq!(verify(&changed, &ours(), 20_000, 7), WatermarkResult::Unverifiable);
    }

    #[test]
    fn no_input_panics(
        value in proptest::collection::vec(any::<u8>(), 0..300),
        pieces in proptest::collection::vec(
            proptest::sample::select(vec!["v=1;", "k=3;", "f=", "x=", "d=", "h=", ";", "AAAAAAAAAAA", "99999999999999999999", "-1", "é"]),
            0..12,
        ),
        today in any::<u64>(),
        lifetime in any::<u64>(),
    ) {
        for value in [&value[..], pieces.concat().as_bytes()] {
            let found = verify(&returned(value), &ours(), today, lifetime);
            prop_assert!(found < WatermarkResult::Expired);
            let mut odd = Headers::new();
            for name in [HEADER, "From", "Date", "Message-ID"] {
                odd.push(name.as_bytes(), value);
            }
            if let Ok(watermark) = write(&odd, &ours(), today, lifetime) {
                odd.push(HEADER.as_bytes(), watermark.as_bytes());
                prop_assert!(verify(&odd, &ours(), today, lifetime) > WatermarkResult::Expired);
            }
        }
    }
}
