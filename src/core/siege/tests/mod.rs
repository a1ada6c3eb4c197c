//! The siege by tables, by any input, and by the shapes that floods have.

mod baseline;
mod bytes;
mod exchange;
mod host;
mod machine;
mod merged;
mod networks;
mod parts;
mod random;
mod record;
mod rest;
mod shapes;
mod simulation;
mod spans;
mod steps;
mod windows;
