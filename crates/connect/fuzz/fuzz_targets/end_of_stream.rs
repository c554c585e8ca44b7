//! Fuzzes the decoder `end_of_stream` of `src/decoders.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| akinai_connect_fuzz::decoders::end_of_stream(input));
