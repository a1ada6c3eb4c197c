//! Functions that give something else at once, and struct expressions that leave a field to `..`.
use super::{Found, Rewriter, blamed, ids, range, text};
use crate::wraps::Piece;
use syn::{Block, ExprStruct, ReturnType, Signature};

impl Rewriter<'_> {
    pub fn body(&mut self, block: &Block, signature: &Signature) {
        let found = self.of_body(block);
        if found.is_empty() {
            return;
        }
        if signature.constness.is_some() {
            return self.leave_out(&found, "const");
        }
        let returned = match &signature.output {
            ReturnType::Default => String::new(),
            ReturnType::Type(_, returned) => self.source(range(&**returned)),
        };
        let inside = range(block).start + 1..range(block).end - 1;
        let mut pieces = Vec::new();
        if !returned.starts_with("impl ") {
            for found in &found {
                let on = self.on(found.id);
                let code = format!(" if {on} {{ return {}; }}", found.replacement);
                pieces.push(blamed(code, found.id));
            }
            return self.wrap(inside.start..inside.start, pieces, ids(&found), 0);
        }
        if !returned.contains("Iterator") {
            return self.leave_out(&found, "returns impl");
        }
        // Two iterators are of two types.
        for found in &found {
            let on = self.on(found.id);
            let code = format!(
                " if {on} {{ crate::mutant::Either::L({}) }} else {{ crate::mutant::Either::R(",
                found.replacement
            );
            pieces.push(blamed(code, found.id));
        }
        pieces.extend([text("{ "), Piece::Part(inside.clone()), text(" }")]);
        pieces.extend(found.iter().rev().map(|found| blamed(") }", found.id)));
        self.wrap(inside, pieces, ids(&found), 0);
    }

    /// The mutants of a function: their range is that of its statements, or of its block.
    fn of_body(&mut self, block: &Block) -> Vec<Found> {
        let block_range = range(block);
        let mut found = Vec::new();
        let mut first = block_range.start;
        if let (Some(one), Some(last)) = (block.stmts.first(), block.stmts.last()) {
            first = range(one).start;
            found.extend(self.bodies.remove(&(first, range(last).end)));
        }
        found.extend(self.bodies.remove(&(block_range.start, block_range.end)));
        if found.is_empty() {
            // The range may begin with a comment.
            let keys = self.bodies.keys().filter(|(start, end)| {
                (block_range.start..=first).contains(start) && *end <= block_range.end
            });
            for key in keys.copied().collect::<Vec<_>>() {
                found.extend(self.bodies.remove(&key));
            }
        }
        found.into_iter().flatten().collect()
    }

    pub fn fields(&mut self, expression: &ExprStruct) {
        let whole = range(expression);
        let mut pieces = vec![text("(")];
        let mut made = Vec::new();
        for field in &expression.fields {
            let field = range(field);
            for found in self.take(field.start, "StructField") {
                // With the comma after it.
                let rest = self.source(field.end..whole.end);
                let comma = rest.trim_start().starts_with(',');
                let blank = rest.len() - rest.trim_start().len();
                let end = field.end + if comma { blank + 1 } else { 0 };
                let on = self.on(found.id);
                pieces.push(blamed(format!("if {on} {{ "), found.id));
                pieces.push(Piece::Plain(whole.start..field.start));
                pieces.push(Piece::Plain(end..whole.end));
                pieces.push(blamed(" } else ", found.id));
                made.push(found.id);
            }
        }
        if !made.is_empty() {
            pieces.extend([text("{ "), Piece::Part(whole.clone()), text(" })")]);
            self.wrap(whole, pieces, made, 2);
        }
    }
}
