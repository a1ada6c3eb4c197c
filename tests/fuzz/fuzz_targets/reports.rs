#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::bounded(data, targets::reports::run));
