//! libFuzzer's way to `bodies/connection_http.rs`.

#![no_main]
#![allow(dead_code, reason = "each program runs one of the bodies")]

#[path = "../bodies/mod.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::connection_http::run(bytes));
