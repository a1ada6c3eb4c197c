//! The XML of a report: the schema of RFC 9990 appendix A and that of RFC 7489 appendix C, by the names that both have.
//!
//! A stream: what is kept is bounded, and so is each piece that is read. Elements that decide nothing here are skipped, whatever
//! stands in them; so what RFC 9990 added (`np`, `testing`, `discovery_method`, extensions) and took away (`pct`) makes no
//! difference. There are no entities but the five of XML itself, and there is no DTD. mail-auth's reader is not used: it keeps all
//! records, has no limit for their number, for depth or for the length of a text, and takes a value that it can't read for none.

use std::{io::BufRead, net::IpAddr};

use quick_xml::{
    Error, Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::{Broken, limited::Limited};
use crate::core::{
    address::{Domain, Mailbox},
    aggregate::{Checked, MAX_RESULTS, Row, Written, plain, summed},
};

/// The deepest element. Those of the schema are five deep, and an extension may have some of its own.
const MAX_DEPTH: usize = 24;
/// The longest text that is kept, in octets.
const MAX_TEXT: usize = 1024;
/// The most records.
const MAX_RECORDS: usize = 100_000;
/// The longest name of an element that can be one of the schema.
const MAX_NAME: usize = 32;

/// Reads a report up to the end.
pub(super) fn read(source: &mut Limited<impl BufRead>) -> Result<Written, Broken> {
    let mut reader = Reader::from_reader(source);
    reader.config_mut().expand_empty_elements = true;
    let mut walk = Walk::default();
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        reader.get_mut().next_piece();
        match reader.read_event_into(&mut buffer).map_err(broken)? {
            Event::Start(tag) => walk.begin(&tag)?,
            Event::End(_) => walk.end()?,
            Event::Text(text) => walk.text(&text)?,
            Event::CData(text) => walk.text(&text)?,
            Event::GeneralRef(reference) => {
                walk.text(resolved(&reference)?.encode_utf8(&mut [0; 4]))?
            }
            Event::DocType(_) => return Err(Broken::Dtd),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return walk.report(),
        }
    }
}

/// What is wrong. The library quotes what it read, which is a stranger's.
fn broken(error: Error) -> Broken {
    match &error {
        Error::Io(io) => match io.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(broken) => Broken::clone(broken),
            None => Broken::Unpacking(plain(&io.to_string())),
        },
        other => Broken::Xml(plain(&other.to_string())),
    }
}

fn resolved(reference: &BytesRef<'_>) -> Result<char, Broken> {
    if let Some(character) = reference.resolve_char_ref().map_err(broken)? {
        return Ok(character);
    }
    match &**reference {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(Broken::Entity),
    }
}

/// Where the reader is, and what it has found.
#[derive(Default)]
struct Walk {
    /// The names of the open elements, without their namespaces, each after a slash.
    path: String,
    depth: usize,
    /// Whether the text of the innermost element is kept, and the text.
    keeps: bool,
    text: String,
    is_over: bool,
    organization: String,
    email: Option<Domain>,
    id: String,
    begin: Option<u64>,
    end: Option<u64>,
    domain: Option<Domain>,
    rows: Vec<Row>,
    records: usize,
    others: u64,
    record: Record,
}

/// A record so far.
#[derive(Default)]
struct Record {
    source: Option<IpAddr>,
    messages: u64,
    header_from: Option<Domain>,
    spf_aligned: bool,
    dkim_aligned: bool,
    spf: Vec<Checked>,
    dkim: Vec<Checked>,
    result: AuthResult,
}

/// An SPF or DKIM result so far.
#[derive(Default)]
struct AuthResult {
    domain: Option<Domain>,
    selector: String,
    passes: bool,
}

impl AuthResult {
    fn checked(self) -> Option<Checked> {
        Some(Checked {
            domain: self.domain?,
            selector: self.selector,
            passes: self.passes,
        })
    }
}

impl Walk {
    fn begin(&mut self, tag: &BytesStart<'_>) -> Result<(), Broken> {
        let name = tag.local_name().into_inner();
        if self.depth == 0 && (self.is_over || name != "feedback") {
            return Err(if self.is_over {
                Broken::Second
            } else {
                Broken::OtherRoot
            });
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Broken::Deep);
        }
        self.path.push('/');
        // No name of the schema is so long, and none is `?`.
        self.path
            .push_str(if name.len() > MAX_NAME { "?" } else { name });
        self.text.clear();
        self.keeps = true;
        match self.path.as_str() {
            "/feedback/record" => {
                self.records += 1;
                if self.records > MAX_RECORDS {
                    return Err(Broken::ManyRecords);
                }
                self.record = Record::default();
            }
            "/feedback/record/auth_results/dkim" | "/feedback/record/auth_results/spf" => {
                self.record.result = AuthResult::default();
            }
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Broken> {
        if !self.keeps || self.depth == 0 {
            return Ok(());
        }
        self.text.push_str(text.get(..MAX_TEXT + 1).unwrap_or(text));
        if self.text.len() > MAX_TEXT {
            if is_used(&self.path) {
                return Err(Broken::LongText);
            }
            self.keeps = false;
            self.text.clear();
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Broken> {
        let text = std::mem::take(&mut self.text);
        let keeps = std::mem::take(&mut self.keeps);
        let path = std::mem::take(&mut self.path);
        match path.as_str() {
            "/feedback" => self.is_over = true,
            "/feedback/record" => self.end_of_record(),
            "/feedback/record/auth_results/dkim" => {
                let result = std::mem::take(&mut self.record.result).checked();
                let room = MAX_RESULTS.saturating_sub(self.record.dkim.len());
                self.record.dkim.extend(result.into_iter().take(room));
            }
            "/feedback/record/auth_results/spf" => {
                let result = std::mem::take(&mut self.record.result).checked();
                let room = MAX_RESULTS.saturating_sub(self.record.spf.len());
                self.record.spf.extend(result.into_iter().take(room));
            }
            leaf if keeps => self.leaf(leaf, text.trim())?,
            _ => {}
        }
        self.path = path;
        let outer = self.path.rfind('/').unwrap_or_default();
        self.path.truncate(outer);
        self.depth = self.depth.saturating_sub(1);
        Ok(())
    }

    fn leaf(&mut self, path: &str, text: &str) -> Result<(), Broken> {
        let Self { record, .. } = self;
        match path {
            "/feedback/report_metadata/org_name" => self.organization = plain(text),
            "/feedback/report_metadata/email" => {
                let email = Mailbox::from_bytes(text.as_bytes());
                self.email = email.domain().cloned();
            }
            "/feedback/report_metadata/report_id" => self.id = plain(text),
            "/feedback/report_metadata/date_range/begin" => self.begin = Some(seconds(text)?),
            "/feedback/report_metadata/date_range/end" => self.end = Some(seconds(text)?),
            "/feedback/policy_published/domain" => {
                let domain = text
                    .parse()
                    .map_err(|_| Broken::Wrong("policy_published/domain"))?;
                self.domain = Some(domain);
            }
            "/feedback/record/row/source_ip" => {
                record.source = text
                    .parse()
                    .ok()
                    .map(|address: IpAddr| address.to_canonical());
            }
            "/feedback/record/row/count" => {
                record.messages = text.parse().map_err(|_| Broken::Wrong("row/count"))?;
            }
            "/feedback/record/row/policy_evaluated/dkim" => record.dkim_aligned = passes(text),
            "/feedback/record/row/policy_evaluated/spf" => record.spf_aligned = passes(text),
            // Yahoo wrote `identities` once.
            "/feedback/record/identifiers/header_from"
            | "/feedback/record/identities/header_from" => {
                record.header_from = text.parse().ok();
            }
            "/feedback/record/auth_results/dkim/domain"
            | "/feedback/record/auth_results/spf/domain" => {
                record.result.domain = text.parse().ok();
            }
            "/feedback/record/auth_results/dkim/selector" => record.result.selector = plain(text),
            "/feedback/record/auth_results/dkim/result"
            | "/feedback/record/auth_results/spf/result" => {
                record.result.passes = passes(text);
            }
            _ => {}
        }
        Ok(())
    }

    fn end_of_record(&mut self) {
        let record = std::mem::take(&mut self.record);
        let header_from = record.header_from.or_else(|| self.domain.clone());
        let (Some(source), Some(header_from)) = (record.source, header_from) else {
            self.others = self.others.saturating_add(record.messages);
            return;
        };
        self.rows.push(Row {
            source,
            header_from,
            spf_aligned: record.spf_aligned,
            dkim_aligned: record.dkim_aligned,
            spf: record.spf,
            dkim: record.dkim,
            messages: record.messages,
        });
    }

    fn report(self) -> Result<Written, Broken> {
        if !self.is_over {
            return Err(Broken::Ends);
        }
        if self.id.is_empty() {
            return Err(Broken::Missing("report_metadata/report_id"));
        }
        let missing = Broken::Missing;
        let (rows, others) = summed(self.rows);
        Ok(Written {
            organization: self.organization,
            email: self.email,
            id: self.id,
            begin: self.begin.ok_or(missing("date_range/begin"))?,
            end: self.end.ok_or(missing("date_range/end"))?,
            domain: self.domain.ok_or(missing("policy_published/domain"))?,
            rows,
            others: self.others.saturating_add(others),
        })
    }
}

/// Whether the text of this element is one that is read.
fn is_used(path: &str) -> bool {
    const ENDS: [&str; 12] = [
        "/org_name",
        "/email",
        "/report_id",
        "/begin",
        "/end",
        "/domain",
        "/source_ip",
        "/count",
        "/header_from",
        "/selector",
        "/result",
        "/spf",
    ];
    path.starts_with("/feedback/") && ENDS.iter().any(|end| path.ends_with(end))
}

/// A time in seconds since 1970; some write it with a fraction.
fn seconds(text: &str) -> Result<u64, Broken> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    whole.parse().map_err(|_| Broken::Wrong("date_range"))
}

fn passes(text: &str) -> bool {
    text.eq_ignore_ascii_case("pass")
}
