//! Drives the target `append_rows` of `windtunnel_fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| windtunnel_fuzz::run("append_rows", data));
