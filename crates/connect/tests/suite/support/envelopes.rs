//! Envelopes as in the specifications: one byte of flags, four of length, and the message.

/// A message in an envelope.
pub(crate) fn envelope(flags: u8, message: impl AsRef<[u8]>) -> Vec<u8> {
    let message = message.as_ref();
    let mut envelope = vec![flags];
    envelope.extend_from_slice(&(message.len() as u32).to_be_bytes());
    envelope.extend_from_slice(message);
    envelope
}

/// The envelopes of a body: flags and message.
pub(crate) fn envelopes(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut envelopes = Vec::new();
    while let [flags, a, b, c, d, rest @ ..] = body {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        envelopes.push((*flags, rest[..length].to_vec()));
        body = &rest[length..];
    }
    assert!(body.is_empty(), "a body is nothing but envelopes");
    envelopes
}
