//! Properties of the encodings over random messages: nothing is lost on the way, and nothing that comes in makes them
//! panic.

use std::collections::BTreeMap;

use akinai_connect::json::{self, Types};
use akinai_connect::wkt;
use akinai_connect_test_schema::testing::v1::{
    Choice, Everything, Kind, Lists, Maps, Optionals, Scalars, TYPES, Tree, WellKnown, choice, kind,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

fn types() -> Types {
    Types::default().with(TYPES)
}

/// Doubles with one NaN only, since JSON knows no other, and without the negative zero, since prost takes it for the
/// default and leaves it out in binary.
fn double() -> impl Strategy<Value = f64> {
    any::<f64>().prop_map(|value| if value.is_nan() { f64::NAN } else { value + 0.0 })
}

fn float() -> impl Strategy<Value = f32> {
    any::<f32>().prop_map(|value| if value.is_nan() { f32::NAN } else { value + 0.0 })
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..8)
}

/// Known numbers and others.
fn color() -> impl Strategy<Value = i32> {
    prop_oneof![-2..5, any::<i32>()]
}

fn timestamp() -> impl Strategy<Value = wkt::Timestamp> {
    (-62_135_596_800_i64..=253_402_300_799, 0..1_000_000_000_i32)
        .prop_map(|(seconds, nanos)| wkt::Timestamp { seconds, nanos })
}

fn duration() -> impl Strategy<Value = wkt::Duration> {
    (
        0..=315_576_000_000_i64,
        0..1_000_000_000_i32,
        prop_oneof![Just(1), Just(-1)],
    )
        .prop_map(|(seconds, nanos, sign)| wkt::Duration {
            seconds: seconds * i64::from(sign),
            nanos: nanos * sign,
        })
}

fn value() -> impl Strategy<Value = wkt::Value> {
    let leaf = prop_oneof![
        Just(wkt::value::Kind::NullValue(0)),
        any::<bool>().prop_map(wkt::value::Kind::BoolValue),
        double()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(wkt::value::Kind::NumberValue),
        any::<String>().prop_map(wkt::value::Kind::StringValue),
    ];
    let value = leaf.prop_map(|kind| wkt::Value { kind: Some(kind) });
    value.prop_recursive(3, 16, 4, |inner| {
        let list = vec(inner.clone(), 0..4).prop_map(|values| wkt::ListValue { values });
        let object = btree_map(any::<String>(), inner, 0..4).prop_map(|fields| wkt::Struct { fields });
        prop_oneof![
            list.prop_map(wkt::value::Kind::ListValue),
            object.prop_map(wkt::value::Kind::StructValue),
        ]
        .prop_map(|kind| wkt::Value { kind: Some(kind) })
    })
}

prop_compose! {
    fn scalars()(
        floats in (double(), float()),
        signed in (any::<i32>(), any::<i64>(), any::<i32>(), any::<i64>(), any::<i32>(), any::<i64>()),
        unsigned in (any::<u32>(), any::<u64>(), any::<u32>(), any::<u64>()),
        others in (any::<bool>(), any::<String>(), bytes(), color()),
    ) -> Scalars {
        Scalars {
            a_double: floats.0,
            a_float: floats.1,
            an_int32: signed.0,
            an_int64: signed.1,
            a_sint32: signed.2,
            a_sint64: signed.3,
            a_sfixed32: signed.4,
            a_sfixed64: signed.5,
            a_uint32: unsigned.0,
            a_uint64: unsigned.1,
            a_fixed32: unsigned.2,
            a_fixed64: unsigned.3,
            a_bool: others.0,
            a_string: others.1,
            a_bytes: others.2,
            a_color: others.3,
            a_null: 0,
        }
    }
}

prop_compose! {
    fn optionals()(all in scalars(), there in vec(any::<bool>(), 17)) -> Optionals {
        Optionals {
            a_double: there[0].then_some(all.a_double),
            a_float: there[1].then_some(all.a_float),
            an_int32: there[2].then_some(all.an_int32),
            an_int64: there[3].then_some(all.an_int64),
            a_uint32: there[4].then_some(all.a_uint32),
            a_uint64: there[5].then_some(all.a_uint64),
            a_sint32: there[6].then_some(all.a_sint32),
            a_sint64: there[7].then_some(all.a_sint64),
            a_fixed32: there[8].then_some(all.a_fixed32),
            a_fixed64: there[9].then_some(all.a_fixed64),
            a_sfixed32: there[10].then_some(all.a_sfixed32),
            a_sfixed64: there[11].then_some(all.a_sfixed64),
            a_bool: there[12].then_some(all.a_bool),
            a_string: there[13].then_some(all.a_string),
            a_bytes: there[14].then_some(all.a_bytes),
            a_color: there[15].then_some(all.a_color),
            a_null: there[16].then_some(0),
        }
    }
}

prop_compose! {
    fn lists()(
        numbers in (vec(double(), 0..3), vec(any::<i64>(), 0..3), vec(any::<u32>(), 0..3)),
        bools in vec(any::<bool>(), 0..3),
        texts in (vec(any::<String>(), 0..3), vec(bytes(), 0..3)),
        colors in vec(color(), 0..3),
        messages in (vec(scalars(), 0..3), vec(value(), 0..3), vec(timestamp(), 0..3)),
    ) -> Lists {
        Lists {
            doubles: numbers.0,
            int64s: numbers.1,
            unpacked: numbers.2,
            bools,
            strings: texts.0,
            bytes_values: texts.1,
            colors,
            messages: messages.0,
            values: messages.1,
            times: messages.2,
        }
    }
}

fn map<K, V>(key: K, value: V) -> impl Strategy<Value = BTreeMap<K::Value, V::Value>>
where
    K: Strategy<Value: Ord>,
    V: Strategy,
{
    btree_map(key, value, 0..3)
}

prop_compose! {
    fn maps()(
        signed in (map(any::<i32>(), any::<String>()), map(any::<i64>(), bytes()), map(any::<i32>(), any::<bool>())),
        unsigned in (map(any::<u32>(), double()), map(any::<u64>(), float()), map(any::<u32>(), color())),
        more in (map(any::<i64>(), any::<i64>()), map(any::<u64>(), scalars()), map(any::<i32>(), duration())),
        others in (map(any::<i64>(), value()), map(any::<bool>(), any::<i32>()), map(any::<String>(), any::<u64>())),
    ) -> Maps {
        Maps {
            by_int32: signed.0,
            by_int64: signed.1,
            by_sint32: signed.2,
            by_uint32: unsigned.0,
            by_uint64: unsigned.1,
            by_fixed32: unsigned.2,
            by_sint64: more.0,
            by_fixed64: more.1,
            by_sfixed32: more.2,
            by_sfixed64: others.0,
            by_bool: others.1,
            by_string: others.2,
        }
    }
}

fn choice() -> impl Strategy<Value = Choice> {
    let leaf = prop_oneof![
        double().prop_map(choice::Choice::ADouble),
        any::<i32>().prop_map(choice::Choice::AnInt32),
        any::<u64>().prop_map(choice::Choice::AUint64),
        any::<bool>().prop_map(choice::Choice::ABool),
        any::<String>().prop_map(choice::Choice::AString),
        bytes().prop_map(choice::Choice::ABytes),
        color().prop_map(choice::Choice::AColor),
        scalars().prop_map(choice::Choice::AMessage),
        Just(choice::Choice::ANull(0)),
        value().prop_map(choice::Choice::AValue),
        Just(choice::Choice::AnEmpty(())),
    ];
    let leaf = option::of(leaf).prop_map(|choice| Choice { choice });
    leaf.prop_recursive(4, 4, 1, |inner| {
        inner.prop_map(|inner| Choice {
            choice: Some(choice::Choice::AChoice(Box::new(inner))),
        })
    })
}

fn any_message() -> impl Strategy<Value = wkt::Any> {
    let pack = |name: &str, value| wkt::Any {
        type_url: format!("type.googleapis.com/{name}"),
        value,
    };
    prop_oneof![
        Just(wkt::Any::default()),
        scalars().prop_map(move |message| pack("testing.v1.Scalars", message.encode_to_vec())),
        duration().prop_map(move |message| pack("google.protobuf.Duration", message.encode_to_vec())),
        value().prop_map(move |message| pack("google.protobuf.Value", message.encode_to_vec())),
    ]
}

prop_compose! {
    fn well_known()(
        any in option::of(any_message()),
        times in (option::of(duration()), option::of(timestamp())),
        empty in option::of(Just(())),
        paths in option::of(vec("[a-z]{1,3}(_[a-z][a-z0-9]{0,2}){0,2}(\\.[a-z]{1,2})?", 0..3)),
        values in (option::of(vec(value(), 0..3)), option::of(map(any::<String>(), value())), option::of(value())),
        numbers in (option::of(double()), option::of(float()), option::of(any::<i32>()), option::of(any::<i64>())),
        unsigned in (option::of(any::<u32>()), option::of(any::<u64>())),
        others in (option::of(any::<bool>()), option::of(bytes()), option::of(any::<String>())),
    ) -> WellKnown {
        WellKnown {
            any,
            duration: times.0,
            timestamp: times.1,
            empty,
            field_mask: paths.map(|paths| wkt::FieldMask { paths }),
            list: values.0.map(|values| wkt::ListValue { values }),
            r#struct: values.1.map(|fields| wkt::Struct { fields }),
            value: values.2,
            double_value: numbers.0,
            float_value: numbers.1,
            int32_value: numbers.2,
            int64_value: numbers.3,
            uint32_value: unsigned.0,
            uint64_value: unsigned.1,
            bool_value: others.0,
            bytes_value: others.1,
            string_value: others.2,
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = any::<String>().prop_map(|label| Tree {
        label,
        ..Tree::default()
    });
    leaf.prop_recursive(4, 12, 3, |inner| {
        (any::<String>(), option::of(inner.clone()), vec(inner, 0..3)).prop_map(|(label, left, branches)| {
            Tree {
                label,
                left: left.map(Box::new),
                branches,
            }
        })
    })
}

prop_compose! {
    fn kind()(texts in (any::<String>(), any::<String>(), any::<String>(), any::<String>()), mood in color(), which in option::of(any::<String>())) -> Kind {
        Kind {
            r#type: texts.0,
            self_: texts.1,
            renamed: texts.2,
            x_1y_2: texts.3,
            mood,
            which: which.map(|name| kind::WhichOneOf::AMessage(kind::Which { name })),
        }
    }
}

prop_compose! {
    fn everything()(
        first in (option::of(scalars()), option::of(optionals()), option::of(lists()), option::of(maps())),
        second in (option::of(choice()), option::of(well_known()), option::of(tree()), option::of(kind())),
    ) -> Everything {
        Everything {
            scalars: first.0,
            optionals: first.1,
            lists: first.2,
            maps: first.3,
            choice: second.0,
            well_known: second.1,
            tree: second.2,
            kind: second.3,
        }
    }
}

/// What somebody may do to bytes on their way.
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

/// Decodes what may be anything. A message that comes out must be one that can be sent on, if it has a JSON form.
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
    fn any_message_survives_json(message in everything()) {
        let written = json::to_vec(&message, &types()).unwrap();
        let read: Everything = json::from_slice(&written, &types()).unwrap();
        prop_assert_eq!(read.encode_to_vec(), message.encode_to_vec(), "by way of {}", String::from_utf8_lossy(&written));
    }

    #[test]
    fn any_message_survives_binary(message in everything()) {
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
