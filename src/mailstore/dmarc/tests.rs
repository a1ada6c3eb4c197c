mod places;

use std::{fs, io::Write};

use flate2::{Compression, write::DeflateEncoder};
use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::*;
use crate::mailstore::packed::pack::{bzip2, gzip, xz, zstd};

const HEAD: &str = "<feedback><report_metadata><org_name>Far</org_name><email>a@far.example</email><report_id>1</report_id>\
    <date_range><begin>1795737600</begin><end>1795823999</end></date_range></report_metadata>\
    <policy_published><domain>example.org</domain></policy_published>";
const RECORD: &str = "<record><row><source_ip>192.0.2.1</source_ip><count>2</count></row></record>";

fn xml(records: &str) -> Vec<u8> {
    format!("{HEAD}{records}</feedback>").into_bytes()
}

/// An archive of these files, each packed by deflate or not at all.
fn zip(files: &[(&str, &[u8])], deflated: bool) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut packed);
    for (name, octets) in files {
        let method = match deflated {
            true => CompressionMethod::DEFLATE,
            false => CompressionMethod::STORE,
        };
        let file = archive.new_file(*name).compression_method(method);
        let (mut entry, config) = file.start().unwrap();
        let descriptor = if deflated {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::best()));
            writer.write_all(octets).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        } else {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(octets).unwrap();
            writer.finish().unwrap().1
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    packed
}

/// A report of so many MiB that says nothing.
fn padded(mebibytes: usize) -> Vec<u8> {
    let piece = [&vec![b' '; (60 << 10) - 7][..], b"<!---->"].concat();
    [&xml("")[..], &piece.repeat(mebibytes * 1024 / 60)].concat()
}

/// How many messages there are in the reports, or what is wrong.
fn read(octets: &[u8]) -> Result<Vec<u64>, Broken> {
    let messages = |report: &Written| report.rows.iter().map(|row| row.messages).sum();
    Ok(reports(octets)?.iter().map(messages).collect())
}

#[test]
fn what_is_packed_as_reports_are_is_read() {
    let one = xml(RECORD);
    let other = xml(&RECORD.repeat(2));
    let mac = ("__MACOSX/._r.xml", &b"\0\x05\x16\x07"[..]);
    for (octets, expected) in [
        (one.clone(), &[2][..]),
        (gzip(&one), &[2]),
        ([gzip(&one[..50]), gzip(&one[50..])].concat(), &[2]),
        (zip(&[("r.xml", &one)], true), &[2]),
        (zip(&[("r.xml", &one)], false), &[2]),
        (
            zip(&[("a/r.xml", &one), ("s.xml", &other), mac], true),
            &[2, 4],
        ),
        ([b"\xef\xbb\xbf\r\n ", &one[..]].concat(), &[2]),
    ] {
        assert_eq!(read(&octets).as_deref(), Ok(expected));
    }
}

/// Each answers with its line, and nothing of it is taken.
#[test]
fn what_is_made_to_harm_is_refused() {
    let one = xml(RECORD);
    let within = |text: &str| {
        xml(&format!(
            "<record><row><source_ip>{text}</source_ip></row></record>"
        ))
    };
    let records = |count: usize| xml(&"<record/>".repeat(count));
    let nine: Vec<(&str, &[u8])> = vec![("r.xml", &one); 9];
    // Where the directory of the archive says how long the file is.
    let lying = |more: i32| {
        let mut packed = zip(&[("r.xml", &one)], true);
        let at = packed
            .windows(4)
            .position(|sign| sign == b"PK\x01\x02")
            .unwrap()
            + 24;
        let length = i32::try_from(one.len()).unwrap() + more;
        packed[at..at + 4].copy_from_slice(&length.to_le_bytes());
        packed
    };
    let damaged = |mut packed: Vec<u8>, at: usize| {
        packed[at] ^= 0x55;
        packed
    };
    let encrypted = || {
        let mut packed = zip(&[("r.xml", &one)], true);
        let at = packed
            .windows(4)
            .position(|sign| sign == b"PK\x01\x02")
            .unwrap()
            + 8;
        packed[at] |= 1;
        packed
    };
    let stored_as = |method: u8| {
        let mut packed = zip(&[("r.xml", &one)], true);
        let at = packed
            .windows(4)
            .position(|sign| sign == b"PK\x01\x02")
            .unwrap()
            + 10;
        packed[at] = method;
        packed
    };
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "too large",
            [&one[..], &vec![b' '; MAX_PACKED]].concat(),
            "larger than 2 MiB",
        ),
        (
            "a gzip bomb",
            gzip(&padded(41)),
            "unpacks to more than 40 MiB",
        ),
        (
            "a zip bomb",
            zip(&[("r.xml", &padded(41))], true),
            "unpacks to more than 40 MiB",
        ),
        (
            "a bomb in parts",
            zip(&[("r.xml", &padded(21)), ("s.xml", &padded(21))], true),
            "unpacks to more than 40 MiB",
        ),
        (
            "a bomb in one text",
            gzip(&within(&"x".repeat(41 << 20))),
            "longer than",
        ),
        (
            "a bomb in one tag",
            gzip(&[b"<feedback ", &vec![b'x'; 41 << 20][..]].concat()),
            "longer than 64 KiB",
        ),
        (
            "a bomb in a comment",
            gzip(&[b"<!--", &vec![b'x'; 1 << 20][..]].concat()),
            "longer than 64 KiB",
        ),
        ("gzip in gzip", gzip(&gzip(&one)), "an archive within"),
        (
            "zip in gzip",
            gzip(&zip(&[("r.xml", &one)], true)),
            "an archive within",
        ),
        (
            "gzip in zip",
            zip(&[("r.xml.gz", &gzip(&one))], true),
            "an archive within",
        ),
        (
            "zip in zip",
            zip(&[("r.zip", &zip(&[("r.xml", &one)], true))], false),
            "an archive within",
        ),
        (
            "bzip2 in zip",
            zip(&[("r.bz2", &bzip2(&one))], false),
            "an archive within",
        ),
        ("bzip2", bzip2(&one), "expected gzip, zip or XML"),
        ("xz", xz(&one), "expected gzip, zip or XML"),
        ("zstd", zstd(&one), "expected gzip, zip or XML"),
        ("many entries", zip(&nine, true), "more than 8 entries"),
        (
            "one good and one bad",
            zip(&[("r.xml", &one), ("s.xml", b"<x/>")], true),
            "root element is not feedback",
        ),
        ("an archive of nothing", zip(&[], true), "it is not XML"),
        ("a length too small", lying(-1), "can't be unpacked"),
        ("a length too large", lying(1), "can't be unpacked"),
        (
            "a length of nothing",
            lying(-i32::try_from(one.len()).unwrap()),
            "can't be unpacked",
        ),
        ("encrypted", encrypted(), "encrypted"),
        (
            "packed by bzip2",
            stored_as(12),
            "otherwise than by deflate",
        ),
        (
            "a cut zip",
            zip(&[("r.xml", &one)], true)[..60].to_vec(),
            "the zip archive is broken",
        ),
        ("a cut gzip", gzip(&one)[..40].to_vec(), "can't be unpacked"),
        ("damaged gzip", damaged(gzip(&one), 30), "can't be unpacked"),
        (
            "a DTD",
            [b"<!DOCTYPE feedback [<!ENTITY a \"b\">]>", &one[..]].concat(),
            "DTD",
        ),
        ("an entity", within("&a;"), "entity"),
        (
            "an entity of XML's own form",
            within("&#0;"),
            "XML is broken",
        ),
        (
            "deep",
            xml(&format!("{}{}", "<a>".repeat(25), "</a>".repeat(25))),
            "more than 24 deep",
        ),
        (
            "a long value",
            within(&"1".repeat(1025)),
            "longer than 1024",
        ),
        (
            "a long value in parts",
            within(&"1<![CDATA[1]]>".repeat(600)),
            "longer than 1024",
        ),
        (
            "many records",
            gzip(&records(100_001)),
            "more than 100000 records",
        ),
        ("not closed", HEAD.as_bytes().to_vec(), "ends early"),
        ("closed otherwise", xml("<record></row>"), "XML is broken"),
        (
            "two roots",
            [&one[..], &one[..]].concat(),
            "something follows",
        ),
        (
            "text behind it",
            [&one[..], b"<b/>"].concat(),
            "something follows",
        ),
        (
            "HTML",
            b"<html><body>a</body></html>".to_vec(),
            "root element is not feedback",
        ),
        ("JSON", b"{}".to_vec(), "it is not XML"),
        ("nothing", vec![], "it is not XML"),
        (
            "Latin-1",
            [&one[..10], b"<a>\xfc</a>", &one[10..]].concat(),
            "XML is broken",
        ),
        (
            "no id",
            String::from_utf8(xml(""))
                .unwrap()
                .replace("<report_id>1", "<report_id>")
                .into_bytes(),
            "no report_metadata/report_id",
        ),
        (
            "no domain",
            String::from_utf8(xml(""))
                .unwrap()
                .replace("domain>", "name>")
                .into_bytes(),
            "no policy_published/domain",
        ),
        (
            "no begin",
            String::from_utf8(xml(""))
                .unwrap()
                .replace("begin>", "first>")
                .into_bytes(),
            "no date_range/begin",
        ),
        (
            "a date in words",
            String::from_utf8(xml(""))
                .unwrap()
                .replace("1795737600", "Yesterday")
                .into_bytes(),
            "date_range can't be read",
        ),
        (
            "a wrong domain",
            String::from_utf8(xml(""))
                .unwrap()
                .replace("example.org", "a b")
                .into_bytes(),
            "domain can't be read",
        ),
        (
            "a negative count",
            xml(&RECORD.replace(">2<", ">-2<")),
            "row/count can't be read",
        ),
        ("a control character", xml("</\x1b[2J>"), "XML is broken"),
    ];
    for (what, octets, why) in cases {
        let said = read(&octets).expect_err(what).to_string();
        assert!(said.contains(why), "{what}: {said}");
        assert!(
            !said.contains(char::is_control) && said.len() < 400,
            "{what}: {said}"
        );
    }
    // What is as large as it may be.
    assert_eq!(read(&gzip(&padded(39))), Ok(vec![0]));
    assert_eq!(read(&gzip(&records(100_000))), Ok(vec![0]));
    let deepest = format!("{}{}", "<a>".repeat(23), "</a>".repeat(23));
    assert_eq!(read(&xml(&deepest)), Ok(vec![0]));
    // What nobody reads may be long.
    let long = format!("<a>{}</a>", "x".repeat(60_000));
    assert_eq!(read(&xml(&long)), Ok(vec![0]));
}

#[test]
fn a_report_of_many_rows_is_summed_up() {
    let record = |at: u32| {
        let address = std::net::Ipv4Addr::from(at % 5_000);
        RECORD.replace("192.0.2.1", &address.to_string())
    };
    let records: String = (0..20_000).map(record).collect();
    let report = &reports(&gzip(&xml(&records))).unwrap()[0];
    assert_eq!(report.rows.len(), crate::core::aggregate::MAX_ROWS);
    assert_eq!(report.others, 40_000 - 2_000 * 8);
}
