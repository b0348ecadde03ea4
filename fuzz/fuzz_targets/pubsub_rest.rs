//! Drives the target `pubsub_rest` of `windtunnel_fuzz`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| windtunnel_fuzz::run("pubsub_rest", data));
