//! The shape of the file: the place of each key, list and value. serde_yaml reads the values, but it forgets the place
//! of a key, and accepts duplicate keys in some maps.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScanError, Span};

use super::{
    diagnostic::{Mistake, Place},
    path::{Path, Step},
    syntax,
};

/// The file needs at most six.
const MAX_DEPTH: usize = 64;

/// The file's shape.
#[derive(Debug)]
pub(super) struct Outline {
    root: Node,
}

#[derive(Debug)]
struct Node {
    place: Place,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<KeyedNode>),
}

#[derive(Debug)]
struct KeyedNode {
    key: String,
    key_place: Place,
    node: Node,
}

/// What kind of value stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// None, or an empty text.
    Empty,
    /// One word.
    Scalar,
    /// A list.
    List,
    /// Keys and values.
    Map,
}

impl Outline {
    /// Reads the shape of the file. Rejects duplicate keys, anchors and aliases (which can make a small file large), tags,
    /// a second document and endless nesting.
    pub fn read(text: &str) -> Result<Self, Vec<Mistake>> {
        let mut builder = Builder::default();
        for event in Parser::new_from_str(text) {
            if let Err(mistake) = event
                .map_err(|error| syntax::mistake(text, scan_place(&error), error.info()))
                .and_then(|(event, span)| builder.take(event, place(span)))
            {
                builder.mistakes.push(mistake);
                break;
            }
        }
        match builder {
            Builder { mistakes, .. } if !mistakes.is_empty() => Err(mistakes),
            Builder { root, .. } => Ok(Self {
                root: root.unwrap_or(Node {
                    place: TOP,
                    value: Value::Scalar(String::new()),
                }),
            }),
        }
    }

    /// Whether there is no more in the file than comments, or YAML's word for nothing.
    pub fn says_nothing(&self) -> bool {
        match &self.root.value {
            Value::Scalar(text) => ["", "~", "null", "Null", "NULL"].contains(&text.as_str()),
            Value::List(_) | Value::Map(_) => false,
        }
    }

    /// The place of the value at this path, or of the nearest thing above it.
    pub fn value(&self, path: &Path) -> Place {
        let (entry, node) = self.walk(path);
        match (&node.value, entry) {
            (Value::Scalar(text), Some(entry)) if text.is_empty() => entry.key_place,
            _ => node.place,
        }
    }

    /// The place of the key at this path, or of the nearest thing above it.
    pub fn key(&self, path: &Path) -> Place {
        let (entry, node) = self.walk(path);
        entry.map_or(node.place, |entry| entry.key_place)
    }

    /// Whether the file has such a key.
    pub fn has(&self, path: &Path) -> bool {
        match (path.parent(), path.last_key()) {
            (Some(parent), Some(key)) => match &self.walk(&parent).1.value {
                Value::Map(entries) => entries.iter().any(|entry| entry.key == key),
                Value::Scalar(_) | Value::List(_) => false,
            },
            _ => false,
        }
    }

    /// The text of the value, unless that is a list or a map.
    pub fn scalar(&self, path: &Path) -> Option<&str> {
        match &self.walk(path).1.value {
            Value::Scalar(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Every value that is neither a list nor a map, with its path.
    pub fn scalars(&self) -> Vec<(Path, &str)> {
        let mut scalars = Vec::new();
        let mut open = vec![(Path::default(), &self.root)];
        while let Some((path, node)) = open.pop() {
            match &node.value {
                Value::Scalar(text) => scalars.push((path, text.as_str())),
                Value::List(items) => {
                    let items = items.iter().enumerate();
                    open.extend(items.map(|(index, item)| (path.index(index), item)));
                }
                Value::Map(entries) => {
                    let entries = entries.iter();
                    open.extend(entries.map(|entry| (path.key(&entry.key), &entry.node)));
                }
            }
        }
        scalars
    }

    /// Whether the file has a value at this path.
    pub fn has_value(&self, path: &Path) -> bool {
        self.found(path).is_some()
    }

    /// How many items the list at this path has; 0 where there is no list.
    pub fn items(&self, path: &Path) -> usize {
        match self.found(path).map(|node| &node.value) {
            Some(Value::List(items)) => items.len(),
            _ => 0,
        }
    }

    /// The keys of the map at this path.
    pub fn keys(&self, path: &Path) -> Vec<&str> {
        match self.found(path).map(|node| &node.value) {
            Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
            _ => Vec::new(),
        }
    }

    /// What kind of value is at this path.
    pub fn shape(&self, path: &Path) -> Shape {
        match self.found(path).map(|node| &node.value) {
            None => Shape::Empty,
            Some(Value::Scalar(text)) if text.is_empty() => Shape::Empty,
            Some(Value::Scalar(_)) => Shape::Scalar,
            Some(Value::List(_)) => Shape::List,
            Some(Value::Map(_)) => Shape::Map,
        }
    }

    fn found(&self, path: &Path) -> Option<&Node> {
        path.steps()
            .iter()
            .try_fold(&self.root, |node, step| match (step, &node.value) {
                (Step::Key(key), Value::Map(entries)) => {
                    let entry = entries.iter().find(|entry| entry.key == *key)?;
                    Some(&entry.node)
                }
                (Step::Index(index), Value::List(items)) => items.get(*index),
                _ => None,
            })
    }

    /// Whether a rule is monitored by itself: `monitor` stands in no other place.
    pub fn has_monitored_rules(&self) -> bool {
        let mut scalars = self.scalars().into_iter();
        scalars.any(|(path, value)| path.last_key() == Some("monitor") && value == "true")
    }

    fn walk(&self, path: &Path) -> (Option<&KeyedNode>, &Node) {
        let mut at = (None, &self.root);
        for step in path.steps() {
            let next = match (step, &at.1.value) {
                (Step::Key(key), Value::Map(entries)) => entries
                    .iter()
                    .find(|entry| entry.key == *key)
                    .map(|entry| (Some(entry), &entry.node)),
                (Step::Index(index), Value::List(items)) => {
                    items.get(*index).map(|item| (None, item))
                }
                _ => None,
            };
            match next {
                Some(next) => at = next,
                None => break,
            }
        }
        at
    }
}

const TOP: Place = Place {
    line: 1,
    column: 1,
    width: 1,
};

fn place(span: Span) -> Place {
    let (start, end) = (span.start, span.end);
    let width = if start.line() == end.line() {
        end.col().saturating_sub(start.col())
    } else {
        1
    };
    Place {
        line: start.line(),
        column: start.col() + 1,
        width: width.max(1),
    }
}

fn scan_place(error: &ScanError) -> Place {
    place(Span::empty(*error.marker()))
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    root: Option<Node>,
    mistakes: Vec<Mistake>,
}

/// A list or a map that has not ended yet.
enum Open {
    List(Place, Vec<Node>),
    Map {
        place: Place,
        entries: Vec<KeyedNode>,
        key: Option<(String, Place)>,
        /// The line of each key.
        seen: HashMap<String, usize>,
    },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), Mistake> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => Err(Mistake::error(
                place,
                "a second document begins here",
                "expected one YAML document; remove the line `---`",
            )),
            Event::Alias(_) => Err(syntax::alias(place)),
            Event::Scalar(text, _, anchor, tag) => {
                refuse_decoration(anchor, tag.is_some(), place)?;
                self.scalar(text.into_owned(), place)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_decoration(anchor, tag.is_some(), place)?;
                self.begin(place, Open::List(place, Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                refuse_decoration(anchor, tag.is_some(), place)?;
                let map = Open::Map {
                    place,
                    entries: Vec::new(),
                    key: None,
                    seen: HashMap::new(),
                };
                self.begin(place, map)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                match self.open.pop() {
                    Some(Open::List(place, items)) => self.put(place, Value::List(items)),
                    Some(Open::Map { place, entries, .. }) => self.put(place, Value::Map(entries)),
                    None => {}
                }
                Ok(())
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, open: Open) -> Result<(), Mistake> {
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err(Mistake::error(
                place,
                "expected a key, found a list or a map",
                "use a single word, or put a text that begins with [ or { in 'quotes'",
            ));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Mistake::error(
                place,
                format!("lists and maps are nested more than {MAX_DEPTH} deep"),
                "remove extra brackets; this file needs no such nesting",
            ));
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(&mut self, text: String, place: Place) -> Result<(), Mistake> {
        let Some(Open::Map {
            key: key @ None,
            seen,
            ..
        }) = self.open.last_mut()
        else {
            self.put(place, Value::Scalar(text));
            return Ok(());
        };
        if text == "<<" {
            return Err(Mistake::error(
                place,
                "merge keys (`<<`) are not supported",
                "write out the keys where you need them",
            ));
        }
        if let Some(line) = seen.insert(text.clone(), place.line) {
            self.mistakes.push(Mistake::error(
                place,
                format!("duplicate key `{text}`; it is also in line {line}"),
                "keep one of the two, and join their values",
            ));
        }
        *key = Some((text, place));
        Ok(())
    }

    fn put(&mut self, place: Place, value: Value) {
        let node = Node { place, value };
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                if let Some((key, key_place)) = key.take() {
                    entries.push(KeyedNode {
                        key,
                        key_place,
                        node,
                    });
                }
            }
        }
    }
}

fn refuse_decoration(anchor: usize, tagged: bool, place: Place) -> Result<(), Mistake> {
    let (mark, name) = match (anchor, tagged) {
        (0, false) => return Ok(()),
        (0, true) => ('!', "a tag"),
        _ => ('&', "an anchor"),
    };
    Err(Mistake::error(
        place,
        format!("YAML reads a word that begins with `{mark}` as {name}, which is not supported"),
        format!("put a text that begins with `{mark}` in 'quotes'"),
    ))
}
