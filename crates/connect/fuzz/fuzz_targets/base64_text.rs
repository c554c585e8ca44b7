//! Fuzzes the decoder `base64_text` of `src/decoders.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akinai_connect_fuzz::decoders::base64_text(input));
