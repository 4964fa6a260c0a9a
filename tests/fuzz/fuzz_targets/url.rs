#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muxfer_tests::fuzz::url(bytes));
