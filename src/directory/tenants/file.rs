//! Tenants' rows in a file. The last good copy stays row by row: a row that is wrong now leaves its domain as it was, and a
//! file that can't be read leaves all as they were.

use std::{
    collections::HashMap,
    mem::size_of,
    path::{Path, PathBuf},
    str,
    sync::Arc,
};

use arc_swap::ArcSwap;

use super::{
    TenantEvent, TenantKey, csv,
    file_row::FileRow,
    row::{self, Names, RowMistake},
    yaml,
};
use crate::{
    core::{address::Domain, tenant::TenantAnswers},
    directory::{
        cells::Cells,
        watched::{Look, WatchedFile},
    },
};

/// How many mistakes are kept to be shown.
const KEPT: usize = 1_000;

/// A file with a row for each domain.
pub(super) struct TenantFile {
    watched: WatchedFile,
    format: Format,
    allow: Vec<TenantKey>,
    /// The last good copy; none where there is none yet.
    copy: ArcSwap<Option<Copy>>,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A map of domains.
    Yaml,
    /// A header line, and a line for each domain.
    Csv,
}

impl Format {
    /// By the file's name; none where that says nothing.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "yaml" | "yml" => Some(Self::Yaml),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// What the file said when it was read.
#[derive(Default)]
struct Copy {
    rows: HashMap<Domain, Row>,
    mistakes: Vec<RowMistake>,
    mistaken: usize,
}

/// What counts for a domain.
struct Row {
    answers: Arc<TenantAnswers>,
    /// The last row that was right; that of `answers`, or what it was made of.
    good: Option<Arc<TenantAnswers>>,
}

/// How a file is, for those who watch it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileRows {
    pub rows: usize,
    pub mistaken: usize,
    pub mistakes: Vec<RowMistake>,
}

struct AsInFile;

impl Names for AsInFile {
    fn key(&self, column: &str) -> Option<TenantKey> {
        TenantKey::named(column)
    }
}

impl TenantFile {
    /// One that was not read yet.
    pub fn new(path: PathBuf, format: Format, allow: Vec<TenantKey>) -> Self {
        Self {
            watched: WatchedFile::new(path),
            format,
            allow,
            copy: ArcSwap::from_pointee(None),
        }
    }

    pub fn path(&self) -> &Path {
        self.watched.path()
    }

    pub fn is_unreadable(&self) -> bool {
        self.watched.is_unreadable()
    }

    /// What a domain's row answers; nothing where it has none.
    ///
    /// # Errors
    /// The file was never read.
    pub fn of(&self, domain: &Domain) -> Result<Option<Arc<TenantAnswers>>, String> {
        match &**self.copy.load() {
            Some(copy) => Ok(copy.rows.get(domain).map(|row| Arc::clone(&row.answers))),
            None => Err(format!("{} could not be read yet", self.path().display())),
        }
    }

    /// How it was read last; none where it never was.
    pub fn state(&self) -> Option<FileRows> {
        let copy = self.copy.load();
        let copy = (**copy).as_ref()?;
        Some(FileRows {
            rows: copy.rows.len(),
            mistaken: copy.mistaken,
            mistakes: copy.mistakes.clone(),
        })
    }

    /// The domains with a row, each with what it answers.
    pub fn rows(&self) -> Vec<(Domain, Arc<TenantAnswers>)> {
        let copy = self.copy.load();
        let rows = copy.iter().flat_map(|copy| &copy.rows);
        rows.map(|(domain, row)| (domain.clone(), Arc::clone(&row.answers)))
            .collect()
    }

    /// Reads the file if it has changed, and says what is new. Blocks on the disk.
    pub fn refresh(&self) -> Option<TenantEvent> {
        let former = self.copy.load_full();
        let look = self
            .watched
            .look(|bytes| self.read(bytes, (*former).as_ref()));
        let list = self.path().to_owned();
        match look {
            Look::New(copy) => {
                self.copy.store(Arc::new(Some(copy)));
                self.loaded()
            }
            Look::Back => self.loaded(),
            Look::Failed { why, is_new } => is_new.then(|| TenantEvent::Failed {
                file: list,
                why,
                kept: (*former).as_ref().map(|copy| copy.rows.len()),
            }),
            Look::Same => None,
        }
    }

    fn loaded(&self) -> Option<TenantEvent> {
        let FileRows {
            rows,
            mistaken,
            mistakes,
        } = self.state()?;
        Some(TenantEvent::Loaded {
            file: self.path().to_owned(),
            rows,
            mistaken,
            first: mistakes.into_iter().next(),
        })
    }

    fn read(&self, bytes: &[u8], former: Option<&Copy>) -> Result<Copy, String> {
        let rows = match self.format {
            Format::Csv => csv::rows(bytes, &self.allow)?,
            Format::Yaml => {
                let text = str::from_utf8(bytes).map_err(|error| {
                    let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                    let line = memchr::memchr_iter(b'\n', good).count() + 1;
                    format!("line {line}: this is not UTF-8")
                })?;
                yaml::rows(text)?
            }
        };
        let mut lines: HashMap<Domain, usize> = HashMap::with_capacity(rows.len());
        let mut copy = Copy {
            rows: HashMap::with_capacity(rows.len()),
            ..Copy::default()
        };
        // Most rows of thousands say the same, and are read once.
        let mut same: HashMap<Cells, TenantAnswers> = HashMap::new();
        for row in rows {
            let Ok(domain) = row.domain.parse::<Domain>() else {
                let wrong = [self.no_domain(&row)];
                copy.wrong(wrong.to_vec());
                continue;
            };
            let from: Arc<str> = format!("{}:{}", self.path().display(), row.line).into();
            let read = match (row.mistake, lines.insert(domain.clone(), row.line)) {
                (_, Some(first)) => {
                    let why = format!("there is another row for this domain in line {first}");
                    Err(vec![self.of_row(&row, &why, "one row for a domain")])
                }
                (Some((why, expected)), None) => Err(vec![self.of_row(&row, why, expected)]),
                (None, None) => match same.get(&row.cells) {
                    Some(answers) => Ok(TenantAnswers {
                        from: Arc::clone(&from),
                        ..answers.clone()
                    }),
                    None => {
                        let (line, cells) = (Some(row.line), &row.cells);
                        let from = Arc::clone(&from);
                        let read = row::answers(&domain, from, line, cells, &AsInFile, &self.allow);
                        if let Ok(answers) = &read
                            && answers.never_send.is_none()
                            && answers.exempt_recipients.is_none()
                        {
                            same.insert(cells.clone(), answers.clone());
                        }
                        read
                    }
                },
            };
            let counts = match read {
                Ok(answers) => {
                    let answers = Arc::new(answers);
                    Row {
                        good: Some(Arc::clone(&answers)),
                        answers,
                    }
                }
                Err(mistakes) => {
                    copy.wrong(mistakes);
                    let good = former.and_then(|former| former.rows.get(&domain)?.good.clone());
                    Row {
                        answers: Arc::new(row::instead(&from, good.as_deref())),
                        good,
                    }
                }
            };
            copy.rows.insert(domain, counts);
        }
        copy.rows.shrink_to_fit();
        Ok(copy)
    }

    fn no_domain(&self, row: &FileRow) -> RowMistake {
        let expected = match row.domain.starts_with(['.', '*', '@']) {
            true => "one domain, such as example.org: each has a row of its own",
            false => "a domain, such as example.org",
        };
        self.of_row(row, "it is no domain name", expected)
    }

    fn of_row(&self, row: &FileRow, why: &str, expected: &str) -> RowMistake {
        RowMistake::of_row(&row.domain, Some(row.line), why, expected)
    }
}

impl Copy {
    /// Notes what is wrong with one row.
    fn wrong(&mut self, mistakes: Vec<RowMistake>) {
        self.mistaken += 1;
        let room = KEPT.saturating_sub(self.mistakes.len());
        self.mistakes.extend(mistakes.into_iter().take(room));
    }
}

/// How much room an answer takes up, in octets, roughly.
pub(super) fn size(answers: &TenantAnswers) -> usize {
    /// An address with what finds it again, and a compiled pattern beside it.
    const ADDRESS: usize = 200;
    let lists = [
        answers
            .never_send
            .as_ref()
            .map_or(0, |never| never.addresses.len()),
        answers
            .exempt_recipients
            .as_ref()
            .map_or(0, |exempt| exempt.len()),
    ];
    size_of::<TenantAnswers>() + answers.from.len() + lists.iter().sum::<usize>() * ADDRESS
}
