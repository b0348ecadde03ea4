//! Drives the target `push_request` of `windtunnel_fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| windtunnel_fuzz::run("push_request", data));
