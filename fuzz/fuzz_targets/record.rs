#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| ssehub_fuzz_targets::record(data));
