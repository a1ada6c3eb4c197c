//! The siege by tables, by any input, and by the shapes that floods have.

mod bytes;
mod exchange;
mod host;
mod machine;
mod merged;
mod networks;
mod parts;
mod random;
mod shapes;
mod simulation;
