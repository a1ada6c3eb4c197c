//! `println!` and `eprintln!` of the commands. Those of std panic where nobody reads any more, as in
//! `backstop explain ... | head -1`; what the commands found is told by their exit code all the same.

macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

macro_rules! eprintln {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}
