//! Puts mutants into a source file. Each is cargo-mutants' own, as an expression that asks `crate::mutant::on` which of the
//! two to be: the rest of the file stays as it was, and so do the lines of the functions.
use crate::{
    Outcome,
    mutants::{Id, Mutant, Place},
    wraps::{Piece, Rendered, Wrap, render},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};
use syn::{spanned::Spanned, visit::Visit};

mod arms;
mod bodies;
mod operators;

/// A file with its mutants, and those that no expression can be.
pub struct Rewritten {
    pub rendered: Rendered,
    pub left_out: BTreeMap<Id, String>,
}

/// Rewrites a file, with these of its mutants.
///
/// # Errors
///
/// The file is no Rust.
pub fn rewrite(source: &str, mutants: &[(Id, &Mutant)]) -> Outcome<Rewritten> {
    let lines = Lines::new(source);
    let mut rewriter = Rewriter {
        source,
        by_start: HashMap::new(),
        bodies: HashMap::new(),
        wraps: Vec::new(),
        done: HashSet::new(),
        left_out: BTreeMap::new(),
    };
    for &(id, mutant) in mutants {
        let start = lines.offset(&mutant.span.start);
        let end = lines.offset(&mutant.span.end);
        let found = Found {
            id,
            replacement: mutant.replacement.trim().to_owned(),
        };
        if mutant.genre == "FnValue" {
            rewriter.bodies.entry((start, end)).or_default().push(found);
        } else {
            let key = (start, mutant.genre.clone());
            rewriter.by_start.entry(key).or_default().push(found);
        }
    }
    rewriter.visit_file(&syn::parse_file(source)?);
    for (id, _) in mutants {
        if !rewriter.done.contains(id) {
            let not_found = || "the rewriter does not know this kind".to_owned();
            rewriter.left_out.entry(*id).or_insert_with(not_found);
        }
    }
    Ok(Rewritten {
        rendered: render(source, rewriter.wraps),
        left_out: rewriter.left_out,
    })
}

struct Found {
    id: Id,
    replacement: String,
}

struct Rewriter<'a> {
    source: &'a str,
    /// Those of other kinds, by where they start and their kind.
    by_start: HashMap<(usize, String), Vec<Found>>,
    /// Those that stand for a whole function, by the range of its statements.
    bodies: HashMap<(usize, usize), Vec<Found>>,
    wraps: Vec<Wrap>,
    done: HashSet<Id>,
    left_out: BTreeMap<Id, String>,
}

impl Rewriter<'_> {
    fn take(&mut self, start: usize, genre: &str) -> Vec<Found> {
        self.by_start
            .remove(&(start, genre.to_owned()))
            .unwrap_or_default()
    }

    fn leave_out(&mut self, found: &[Found], why: &str) {
        for found in found {
            self.left_out.insert(found.id, why.to_owned());
        }
    }

    /// The text that asks whether a mutant is on, which is thereby made.
    fn on(&mut self, id: Id) -> String {
        self.done.insert(id);
        format!("crate::mutant::on({id})")
    }

    fn source(&self, range: Range<usize>) -> String {
        self.source.get(range).unwrap_or_default().to_owned()
    }

    fn wrap(&mut self, range: Range<usize>, pieces: Vec<Piece>, ids: Vec<Id>, rank: u8) {
        self.wraps.push(Wrap {
            range,
            pieces,
            ids,
            rank,
        });
    }
}

fn range(part: &impl Spanned) -> Range<usize> {
    part.span().byte_range()
}

fn ids(found: &[Found]) -> Vec<Id> {
    found.iter().map(|found| found.id).collect()
}

fn text(text: impl Into<String>) -> Piece {
    Piece::Text(text.into(), None)
}

fn blamed(text: impl Into<String>, id: Id) -> Piece {
    Piece::Text(text.into(), Some(id))
}

impl<'ast> Visit<'ast> for Rewriter<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.body(&item.block, &item.sig);
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.body(&item.block, &item.sig);
        syn::visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.body(block, &item.sig);
        }
        syn::visit::visit_trait_item_fn(self, item);
    }

    fn visit_expr_binary(&mut self, expression: &'ast syn::ExprBinary) {
        self.binary(expression);
        syn::visit::visit_expr_binary(self, expression);
    }

    fn visit_expr_unary(&mut self, expression: &'ast syn::ExprUnary) {
        self.unary(expression);
        syn::visit::visit_expr_unary(self, expression);
    }

    fn visit_expr_match(&mut self, expression: &'ast syn::ExprMatch) {
        self.needed_arms(expression);
        syn::visit::visit_expr_match(self, expression);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        self.arm(arm);
        syn::visit::visit_arm(self, arm);
    }

    fn visit_expr_struct(&mut self, expression: &'ast syn::ExprStruct) {
        self.fields(expression);
        syn::visit::visit_expr_struct(self, expression);
    }
}

/// Where the lines of a text start.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        let after = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(after).collect(),
        }
    }

    /// An octet's place in the text.
    fn offset(&self, place: &Place) -> usize {
        let start = self.starts.get(place.line.saturating_sub(1));
        let start = start.copied().unwrap_or(self.text.len());
        let line = self.text.get(start..).unwrap_or_default();
        let mut places = line.char_indices().map(|(at, _)| at);
        let column = places.nth(place.column.saturating_sub(1));
        column.map_or(self.text.len(), |at| start + at)
    }
}
