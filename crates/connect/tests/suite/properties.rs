//! Properties of the encodings for random messages: no value is lost, and no input causes a panic.

use akinai_connect::json::{self, Types};
use akinai_connect_test_schema::testing::v1::{Everything, TYPES};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;

use crate::messages::everything;

fn types() -> Types {
    Types::default().with(TYPES)
}

/// A change of bytes in transport.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index),
    Cut(prop::sample::Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let token = prop::sample::select(vec![
        "{", "}", "[", "]", ",", ":", "\"", "\\", "null", "-", "e", "\\u", "1",
    ]);
    prop_oneof![
        (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (any::<prop::sample::Index>(), token).prop_map(|(at, token)| Mutation::Insert(at, token.into())),
        any::<prop::sample::Index>().prop_map(Mutation::Remove),
        any::<prop::sample::Index>().prop_map(Mutation::Cut),
    ]
}

fn mutate(mut bytes: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations.iter().filter(|_| !bytes.is_empty()).collect::<Vec<_>>() {
        if bytes.is_empty() {
            break;
        }
        match mutation {
            Mutation::Replace(at, byte) => *at.get_mut(&mut bytes) = *byte,
            Mutation::Insert(at, more) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, more.iter().copied());
            }
            Mutation::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Mutation::Cut(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes
}

/// Decodes any bytes. A decoded message must be encodable, if it has a JSON form.
fn survives(json: &[u8], binary: &[u8]) {
    let types = types();
    for message in [
        json::from_slice::<Everything>(json, &types).ok(),
        Everything::decode(binary).ok(),
    ] {
        let Some(message) = message else { continue };
        let Ok(written) = json::to_vec(&message, &types) else {
            continue;
        };
        let read: Result<Everything, _> = json::from_slice(&written, &types);
        assert!(read.is_ok(), "what was written should be read again: {read:?}");
    }
}

proptest! {
    #[test]
    fn any_message_is_unchanged_by_json(message in everything()) {
        let written = json::to_vec(&message, &types()).unwrap();
        let read: Everything = json::from_slice(&written, &types()).unwrap();
        prop_assert_eq!(read.encode_to_vec(), message.encode_to_vec(), "by way of {}", String::from_utf8_lossy(&written));
    }

    #[test]
    fn any_message_is_unchanged_by_binary(message in everything()) {
        let read = Everything::decode(&*message.encode_to_vec()).unwrap();
        prop_assert_eq!(json::to_vec(&read, &types()).unwrap(), json::to_vec(&message, &types()).unwrap());
    }

    #[test]
    fn mutated_messages_never_panic(message in everything(), mutations in vec(mutation(), 1..4)) {
        let json = json::to_vec(&message, &types()).unwrap();
        survives(&mutate(json, &mutations), &mutate(message.encode_to_vec(), &mutations));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..64), text in ".{0,64}") {
        survives(&bytes, &bytes);
        survives(text.as_bytes(), text.as_bytes());
    }
}
