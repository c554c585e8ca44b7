//! All decoders of a peer's bytes, with stored inputs and mutations of them: no input causes a panic, and none takes
//! more memory than the limits allow.
//!
//! These are the targets of `cargo fuzz` (see fuzz/README.md), which searches better but needs a nightly toolchain.
//! Here they run on any toolchain. To search longer than CI does, set `AKINAI_FUZZ_SECONDS` to the seconds for each
//! decoder.

#![allow(unsafe_code, reason = "an allocator that counts cannot be had without")]

#[allow(unreachable_pub, reason = "for the fuzz targets it is a library")]
#[path = "../fuzz/src/decoders.rs"]
mod decoders;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use decoders::{LIMIT, TARGETS};

/// The maximum memory of a decoder that does not depend on its input: routers, clients, headers and the state of gzip.
const MEMORY_AT_ALL: usize = 256 * 1024;
/// The maximum memory per byte of input. Two bytes can be a message of every scalar, and a list doubles its capacity.
const MEMORY_PER_BYTE: usize = 512;
/// The maximum memory for an input that decompresses to the limit: a text is copied several times.
const MEMORY_PER_PACKED_BYTE: usize = 8;

/// A decoder's name, the decoder, and an input.
type Case<'a> = (&'a str, fn(&[u8]), &'a [u8]);

/// Counts the allocated memory of each thread, and its maximum.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

// SAFETY: all memory comes from the system's allocator with the requested layout, and is returned to it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let allocated = ALLOCATED.get() + layout.size() as isize;
        ALLOCATED.set(allocated);
        PEAK.set(PEAK.get().max(allocated));
        // SAFETY: the caller keeps the same contract for this allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.set(ALLOCATED.get() - layout.size() as isize);
        // SAFETY: the caller keeps the same contract for this allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The largest memory that `work` used at any time.
fn peak_of(work: impl FnOnce()) -> usize {
    let before = ALLOCATED.get();
    PEAK.set(before);
    work();
    PEAK.get().abs_diff(before)
}

/// Prints the input, if a decoder panics on it.
struct Suspect<'a>(&'a str, &'a [u8]);

impl Drop for Suspect<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the decoder {:?} got b\"{}\"", self.0, self.1.escape_ascii());
        }
    }
}

/// Passes an input to a decoder. The decoder must not panic, and must not take more memory than is allowed for this
/// input.
fn feed(name: &str, decoder: fn(&[u8]), input: &[u8]) {
    let suspect = Suspect(name, input);
    let peak = peak_of(|| decoder(input));
    let allowed = MEMORY_AT_ALL + MEMORY_PER_PACKED_BYTE * LIMIT + MEMORY_PER_BYTE * input.len();
    assert!(
        peak <= allowed,
        "{name} took {peak} bytes of memory for {} of input",
        input.len()
    );
    drop(suspect);
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = files
        .map(|file| file.expect("a file of the corpus").path())
        .collect();
    paths.sort();
    let inputs: Vec<_> = paths
        .iter()
        .map(|path| std::fs::read(path).expect("a file of the corpus"))
        .collect();
    assert!(!inputs.is_empty(), "{} should have inputs", folder.display());
    inputs
}

#[test]
fn stored_inputs_cause_no_panic() {
    for (name, decoder) in TARGETS {
        for input in corpus(name) {
            feed(name, *decoder, &input);
        }
    }
}

#[test]
fn mutated_inputs_cause_no_panic() {
    let seconds = std::env::var("AKINAI_FUZZ_SECONDS").map_or(0.3, |text| text.parse().expect("seconds"));
    for (name, decoder) in TARGETS {
        let inputs = corpus(name);
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let end = Instant::now() + Duration::from_secs_f64(seconds);
        let mut count = 0;
        while Instant::now() < end || count < 100 {
            feed(name, *decoder, &chance.mutated(&inputs));
            count += 1;
        }
        println!("{name}: {count} inputs");
    }
}

/// Random numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        // A xorshift generator.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end.max(1)
    }

    fn mutated(&mut self, inputs: &[Vec<u8>]) -> Vec<u8> {
        let mut input = inputs[self.below(inputs.len())].clone();
        for _ in 0..=self.below(4) {
            let at = self.below(input.len());
            match self.below(6) {
                0 if !input.is_empty() => input[at] ^= 1 << self.below(8),
                1 if !input.is_empty() => input[at] = self.below(256) as u8,
                2 if !input.is_empty() => drop(input.remove(at)),
                3 => input.truncate(at),
                4 => input.insert(at, b"{}[],:\"\\0-e%&=\x00\x80\xff"[self.below(17)]),
                _ => self.splice(&mut input, inputs),
            }
        }
        input
    }

    /// Puts a piece of another input into this one.
    fn splice(&mut self, input: &mut Vec<u8>, inputs: &[Vec<u8>]) {
        let other = &inputs[self.below(inputs.len())];
        let (start, at) = (self.below(other.len()), self.below(input.len()));
        let end = start + self.below(other.len() - start);
        input.splice(at..at, other[start..end].iter().copied());
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn envelope(flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small message");
    [&[flags], &length.to_be_bytes()[..], payload].concat()
}

#[test]
fn decompression_bombs_take_no_more_memory_than_the_limit() {
    let bomb = gzip(&vec![b' '; 256 * LIMIT]);
    assert!(bomb.len() < LIMIT / 2, "the bomb is small: {} bytes", bomb.len());
    let packed = envelope(1, &bomb);
    let last = envelope(3, &bomb);
    let in_text = STANDARD.encode(&packed);
    let in_query = URL_SAFE_NO_PAD.encode(&bomb);
    let cases: [Case; 6] = [
        ("a body", decoders::gzip, &bomb),
        ("an envelope", decoders::envelopes, &packed),
        ("an envelope in text", decoders::base64_text, in_text.as_bytes()),
        ("a query", decoders::query, in_query.as_bytes()),
        ("a response", decoders::stream_response, &packed),
        ("the end of a response", decoders::stream_response, &last),
    ];
    for (place, decoder, input) in cases {
        let peak = peak_of(|| decoder(input));
        let allowed = MEMORY_AT_ALL + MEMORY_PER_PACKED_BYTE * LIMIT;
        assert!(
            peak <= allowed,
            "a bomb in {place} took {peak} bytes; unpacked it has {}",
            256 * LIMIT
        );
    }
}

#[test]
fn announced_length_alone_takes_no_memory() {
    let cases: [Case; 3] = [
        ("a request", decoders::envelopes, b"\x00\xff\xff\xff\xff"),
        ("a response", decoders::stream_response, b"\x00\xff\xff\xff\xff"),
        ("a string", decoders::binary, b"\x3a\x07\x0a\xff\xff\xff\xff\x07a"),
    ];
    for (place, decoder, input) in cases {
        let peak = peak_of(|| decoder(input));
        assert!(
            peak <= MEMORY_AT_ALL,
            "4 GiB announced in {place} took {peak} bytes"
        );
    }
}

#[test]
fn dense_messages_take_no_more_memory_than_the_limit() {
    let json = format!(r#"{{"lists":{{"messages":[{}{{}}]}}}}"#, "{},".repeat(LIMIT / 3));
    let peak = peak_of(|| decoders::json(json.as_bytes()));
    assert!(
        peak <= MEMORY_PER_BYTE * json.len(),
        "{} bytes of JSON took {peak}",
        json.len()
    );
    assert!(peak > 10 * json.len(), "memory is not counted: {peak} bytes");

    let values = format!(
        r#"{{"wellKnown":{{"list":[{}{{}}]}}}}"#,
        r#"{"":0},"#.repeat(LIMIT / 7)
    );
    let peak = peak_of(|| decoders::json(values.as_bytes()));
    assert!(
        peak <= MEMORY_PER_BYTE * values.len(),
        "{} bytes of values took {peak}",
        values.len()
    );
}
