//! Operators that are others.
use super::{Found, Rewriter, blamed, ids, range, text};
use crate::wraps::Piece;
use syn::{BinOp, Expr, ExprBinary, ExprUnary};

impl Rewriter<'_> {
    pub fn binary(&mut self, expression: &ExprBinary) {
        let operator = range(&expression.op);
        let found = self.take(operator.start, "BinaryOperator");
        let Some(first) = found.first() else {
            return;
        };
        let left = range(&*expression.left);
        let right = range(&*expression.right);
        let operator = self.source(operator);
        use BinOp::{Add, And, BitAnd, BitOr, BitXor, Div, Eq, Ge, Gt, Le, Lt, Mul, Ne, Or, Rem};
        let pieces = match expression.op {
            And(_) | Or(_) => {
                if has_let(&expression.left) || has_let(&expression.right) {
                    return self.leave_out(&found, "a chain with let");
                }
                // The other one of the two: the right side counts where the left one does not decide.
                let on = self.on(first.id);
                let unless = if operator == "&&" { "!=" } else { "==" };
                let code = format!(") {{ __left => if __left {unless} {on} {{ ");
                vec![
                    text("(match ("),
                    Piece::Part(left),
                    blamed(code, first.id),
                    Piece::Part(right),
                    blamed(" } else { __left } })", first.id),
                ]
            }
            // The types of both sides stay free to be what `==` makes of them.
            Eq(_) | Ne(_) if found.len() == 1 => {
                let on = self.on(first.id);
                vec![
                    blamed("((", first.id),
                    Piece::Part(left.start..right.end),
                    blamed(format!(") != {on})"), first.id),
                ]
            }
            Lt(_) | Le(_) | Gt(_) | Ge(_) | Eq(_) | Ne(_) => {
                let mut pieces = vec![
                    text("(match (&("),
                    Piece::Part(left),
                    text("), &("),
                    Piece::Part(right),
                    text(")) { (__left, __right) => "),
                ];
                self.choose(&mut pieces, &found, "*__left", &operator, "*__right");
                pieces
            }
            Add(_)
            | BinOp::Sub(_)
            | Mul(_)
            | Div(_)
            | Rem(_)
            | BitXor(_)
            | BitAnd(_)
            | BitOr(_)
            | BinOp::Shl(_)
            | BinOp::Shr(_) => {
                let mut pieces = vec![
                    text("(match (("),
                    Piece::Part(left),
                    text("), ("),
                    Piece::Part(right),
                    text(")) { (__left, __right) => "),
                ];
                self.choose(&mut pieces, &found, "__left", &operator, "__right");
                pieces
            }
            // Those that assign.
            _ => {
                let mut pieces = vec![
                    text("(match ("),
                    Piece::Part(right),
                    text(") { __right => "),
                ];
                for found in &found {
                    let on = self.on(found.id);
                    pieces.push(blamed(format!("if {on} {{ "), found.id));
                    pieces.push(Piece::Plain(left.clone()));
                    let code = format!(" {} __right }} else ", found.replacement);
                    pieces.push(blamed(code, found.id));
                }
                pieces.extend([text("{ "), Piece::Part(left)]);
                pieces.push(text(format!(" {operator} __right }} }})")));
                pieces
            }
        };
        self.wrap(range(expression), pieces, ids(&found), 2);
    }

    /// `if …` for each mutant, the original last.
    fn choose(
        &mut self,
        pieces: &mut Vec<Piece>,
        found: &[Found],
        left: &str,
        operator: &str,
        right: &str,
    ) {
        for found in found {
            let on = self.on(found.id);
            let code = format!("if {on} {{ {left} {} {right} }} else ", found.replacement);
            pieces.push(blamed(code, found.id));
        }
        pieces.push(text(format!("{{ {left} {operator} {right} }} }})")));
    }

    pub fn unary(&mut self, expression: &ExprUnary) {
        let operator = range(&expression.op);
        let found = self.take(operator.start, "UnaryOperator");
        if found.is_empty() {
            return;
        }
        let operator = self.source(operator);
        let operand = Piece::Part(range(&*expression.expr));
        let mut pieces = vec![text("(match ("), operand, text(") { __value => ")];
        for found in &found {
            let on = self.on(found.id);
            let code = format!("if {on} {{ {} __value }} else ", found.replacement);
            pieces.push(blamed(code, found.id));
        }
        pieces.push(text(format!("{{ {operator} __value }} }})")));
        self.wrap(range(expression), pieces, ids(&found), 2);
    }
}

fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => {
            matches!(binary.op, BinOp::And(_)) && (has_let(&binary.left) || has_let(&binary.right))
        }
        _ => false,
    }
}
