//! What the measurements of Backstop share. The programs that use it are in `src/bin`; `tests/bench` and `tests/faults` run them.

pub mod spread;
