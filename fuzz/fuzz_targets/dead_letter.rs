//! Drives the target `dead_letter` of `windtunnel_fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| windtunnel_fuzz::run("dead_letter", data));
