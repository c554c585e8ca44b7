//! Fuzzes the decoder `trailers` of `src/decoders.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akinai_connect_fuzz::decoders::trailers(input));
