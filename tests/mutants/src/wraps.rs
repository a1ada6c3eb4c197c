//! Text around parts of a source file, which may be parts of each other.
use crate::mutants::Id;
use std::ops::Range;

pub enum Piece {
    /// New text, and the mutant to blame if the compiler dislikes it.
    Text(String, Option<Id>),
    /// A part of the source with all that is wrapped in it.
    Part(Range<usize>),
    /// A part of the source as it was, in one line.
    Plain(Range<usize>),
}

/// What stands in place of a range of the source.
pub struct Wrap {
    pub range: Range<usize>,
    pub pieces: Vec<Piece>,
    pub ids: Vec<Id>,
    /// Which of two wraps of the same range is the outer one: the lower.
    pub rank: u8,
}

/// A range of the new text, and the mutant it belongs to.
pub struct Region {
    pub range: Range<usize>,
    pub id: Id,
}

pub struct Rendered {
    pub text: String,
    pub regions: Vec<Region>,
}

/// The source with all wraps.
pub fn render(source: &str, mut wraps: Vec<Wrap>) -> Rendered {
    wraps.sort_by_key(|wrap| {
        let empty = wrap.range.is_empty();
        (
            wrap.range.start,
            !empty,
            usize::MAX - wrap.range.end,
            wrap.rank,
        )
    });
    let mut renderer = Renderer {
        source,
        used: vec![false; wraps.len()],
        wraps: &wraps,
        out: Rendered {
            text: String::new(),
            regions: Vec::new(),
        },
    };
    renderer.part(0..source.len(), None);
    renderer.out
}

struct Renderer<'a> {
    source: &'a str,
    wraps: &'a [Wrap],
    used: Vec<bool>,
    out: Rendered,
}

impl Renderer<'_> {
    /// A part of the source, in the wrap `outer`.
    fn part(&mut self, part: Range<usize>, outer: Option<usize>) {
        let wraps = self.wraps;
        let outer_range = outer
            .and_then(|outer| wraps.get(outer))
            .map(|wrap| &wrap.range);
        let mut at = part.start;
        for (index, wrap) in wraps.iter().enumerate() {
            if wrap.range.start > part.end {
                break;
            }
            let inside = wrap.range.start >= at && wrap.range.end <= part.end;
            // One that stands around the outer one has its turn already.
            let around = outer.is_some_and(|outer| index < outer)
                && outer_range == Some(&part)
                && wrap.range.start <= part.start
                && wrap.range.end >= part.end;
            let used = self.used.get(index).copied().unwrap_or(true);
            if !inside || around || used || outer == Some(index) {
                continue;
            }
            self.copy(at..wrap.range.start);
            if let Some(used) = self.used.get_mut(index) {
                *used = true;
            }
            let start = self.out.text.len();
            for piece in &wrap.pieces {
                self.piece(piece, index);
            }
            let range = start..self.out.text.len();
            for &id in &wrap.ids {
                let range = range.clone();
                self.out.regions.push(Region { range, id });
            }
            at = wrap.range.end;
        }
        self.copy(at..part.end);
    }

    fn piece(&mut self, piece: &Piece, wrap: usize) {
        match piece {
            Piece::Text(text, id) => {
                let start = self.out.text.len();
                self.out.text.push_str(text);
                if let &Some(id) = id {
                    let range = start..self.out.text.len();
                    self.out.regions.push(Region { range, id });
                }
            }
            Piece::Plain(range) => {
                let text = self.source.get(range.clone()).unwrap_or_default();
                self.out.text.push_str(&text.replace('\n', " "));
            }
            Piece::Part(range) => self.part(range.clone(), Some(wrap)),
        }
    }

    fn copy(&mut self, range: Range<usize>) {
        self.out
            .text
            .push_str(self.source.get(range).unwrap_or_default());
    }
}
