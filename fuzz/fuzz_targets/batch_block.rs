//! Drives the target `batch_block` of `windtunnel_fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| windtunnel_fuzz::run("batch_block", data));
