//! `println!` and `eprintln!` of the commands. Those of std panic when the reader has gone, as in
//! `backstop explain ... | head -1`. Here the exit code still has the result.

macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

macro_rules! eprintln {
    ($($text:tt)*) => {
        crate::observe::print_error(format_args!($($text)*))
    };
}
