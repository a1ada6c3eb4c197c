//! Arms of `match` that are not there, and guards that are always true or false.
use super::{Rewriter, blamed, range, text};
use crate::wraps::Piece;
use syn::{Arm, ExprMatch, Pat};

impl Rewriter<'_> {
    /// Arms without which their `match` would not be exhaustive: a guard on them, which is what leaves an arm out here, is
    /// none to the compiler.
    pub fn needed_arms(&mut self, expression: &ExprMatch) {
        let takes_all = |arm: &Arm| {
            arm.guard.is_none()
                && match &arm.pat {
                    Pat::Wild(_) => true,
                    Pat::Ident(name) => {
                        let name = (name.subpat.is_none()).then(|| name.ident.to_string());
                        name.is_some_and(|name| name.starts_with(char::is_lowercase))
                    }
                    _ => false,
                }
        };
        let any = expression.arms.iter().any(takes_all);
        for arm in &expression.arms {
            if arm.guard.is_none() && (!any || takes_all(arm)) {
                for start in [range(arm).start, range(&arm.pat).start] {
                    let found = self.take(start, "MatchArm");
                    self.leave_out(&found, "no arm is left for this value");
                }
            }
        }
    }

    pub fn arm(&mut self, arm: &Arm) {
        let pattern = range(&arm.pat);
        let mut gone = self.take(range(arm).start, "MatchArm");
        gone.extend(self.take(pattern.start, "MatchArm"));
        let mut made = Vec::new();
        let mut pieces = Vec::new();
        if let Some(gone) = gone.first() {
            let on = self.on(gone.id);
            pieces.push(blamed(format!("!{on}"), gone.id));
            made.push(gone.id);
        }
        let Some((_, guard)) = &arm.guard else {
            if !made.is_empty() {
                pieces.insert(0, text(" if "));
                self.wrap(pattern.end..pattern.end, pieces, made, 0);
            }
            return;
        };
        let guard = range(&**guard);
        let mut closed = ")";
        let mut or = Vec::new();
        for found in self.take(guard.start, "MatchArmGuard") {
            let on = self.on(found.id);
            if found.replacement == "true" {
                or.push(blamed(format!("({on} || "), found.id));
                closed = "))";
            } else {
                let and = if pieces.is_empty() { "" } else { " && " };
                pieces.push(blamed(format!("{and}!{on}"), found.id));
            }
            made.push(found.id);
        }
        if !made.is_empty() {
            if !pieces.is_empty() {
                pieces.push(text(" && "));
            }
            pieces.extend(or);
            pieces.extend([text("("), Piece::Part(guard.clone()), text(closed)]);
            self.wrap(guard, pieces, made, 1);
        }
    }
}
