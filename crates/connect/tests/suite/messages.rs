//! Random messages of the test schema, with every kind of field and every kind of value.

use std::collections::BTreeMap;

use akinai_connect::wkt;
use akinai_connect_test_schema::testing::v1::{
    Choice, Everything, Kind, Lists, Maps, Optionals, Scalars, Tree, WellKnown, choice, kind,
};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

/// Doubles with only one NaN, because JSON has only one.
fn double() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => any::<f64>(),
        1 => (-1000..1000).prop_map(f64::from),
        1 => prop::sample::select(vec![
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            0.1,
            1e15,
            1e16,
            1e21,
            1e-5,
            1e-7,
            9_007_199_254_740_993.0,
            18_446_744_073_709_551_616.0,
            5e-324,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::MIN,
        ]),
    ]
}

fn float() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => any::<f32>(),
        1 => (-1000..1000_i16).prop_map(f32::from),
        1 => prop::sample::select(vec![
            f32::NAN,
            f32::INFINITY,
            f32::NEG_INFINITY,
            -0.0,
            0.1,
            1e7,
            1e16,
            16_777_217.0,
            1e-45,
            f32::MIN_POSITIVE,
            f32::MAX,
            f32::MIN,
        ]),
    ]
}

/// For fields without presence: prost treats the negative zero as the default and leaves it out in binary.
fn without_negative_zero<F: std::ops::Add<Output = F> + Default + std::fmt::Debug>(
    numbers: impl Strategy<Value = F>,
) -> impl Strategy<Value = F> {
    numbers.prop_map(|number| number + F::default())
}

/// Integers of all sizes. The limits of the representations occur more often than in a uniform distribution.
macro_rules! integer {
    ($name:ident, $type:ty) => {
        fn $name() -> impl Strategy<Value = $type> {
            let ends = vec![<$type>::MIN, <$type>::MAX, 0, 1, <$type>::MAX - 1];
            prop_oneof![3 => any::<$type>(), 1 => 0..1000 as $type, 1 => prop::sample::select(ends)]
        }
    };
}

integer!(int32, i32);
integer!(int64, i64);
integer!(uint32, u32);
integer!(uint64, u64);

/// Texts of any characters. Some of the characters must be escaped in JSON.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => any::<String>(),
        1 => "[a-z0-9]{0,12}",
        1 => "[\\u{0}-\\u{1f}\"\\\\/\u{7f}\u{2028}\u{2029}é商🍵]{0,8}",
    ]
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..8)
}

/// Known numbers and unknown ones.
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
        text().prop_map(wkt::value::Kind::StringValue),
    ];
    let value = leaf.prop_map(|kind| wkt::Value { kind: Some(kind) });
    value.prop_recursive(3, 16, 4, |inner| {
        let list = vec(inner.clone(), 0..4).prop_map(|values| wkt::ListValue { values });
        let object = btree_map(text(), inner, 0..4).prop_map(|fields| wkt::Struct { fields });
        prop_oneof![
            list.prop_map(wkt::value::Kind::ListValue),
            object.prop_map(wkt::value::Kind::StructValue),
        ]
        .prop_map(|kind| wkt::Value { kind: Some(kind) })
    })
}

prop_compose! {
    fn scalars()(
        floats in (without_negative_zero(double()), without_negative_zero(float())),
        signed in (int32(), int64(), int32(), int64(), int32(), int64()),
        unsigned in (uint32(), uint64(), uint32(), uint64()),
        others in (any::<bool>(), text(), bytes(), color()),
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
        numbers in (vec(double(), 0..3), vec(int64(), 0..3), vec(uint32(), 0..3)),
        bools in vec(any::<bool>(), 0..3),
        texts in (vec(text(), 0..3), vec(bytes(), 0..3)),
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
        signed in (map(int32(), text()), map(int64(), bytes()), map(int32(), any::<bool>())),
        unsigned in (map(uint32(), without_negative_zero(double())), map(uint64(), without_negative_zero(float())), map(uint32(), color())),
        more in (map(int64(), int64()), map(uint64(), scalars()), map(int32(), duration())),
        others in (map(int64(), value()), map(any::<bool>(), int32()), map(text(), uint64())),
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
        int32().prop_map(choice::Choice::AnInt32),
        uint64().prop_map(choice::Choice::AUint64),
        any::<bool>().prop_map(choice::Choice::ABool),
        text().prop_map(choice::Choice::AString),
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
        values in (option::of(vec(value(), 0..3)), option::of(map(text(), value())), option::of(value())),
        numbers in (option::of(without_negative_zero(double())), option::of(without_negative_zero(float())), option::of(int32()), option::of(int64())),
        unsigned in (option::of(uint32()), option::of(uint64())),
        others in (option::of(any::<bool>()), option::of(bytes()), option::of(text())),
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
    let leaf = text().prop_map(|label| Tree {
        label,
        ..Tree::default()
    });
    leaf.prop_recursive(4, 12, 3, |inner| {
        (text(), option::of(inner.clone()), vec(inner, 0..3)).prop_map(|(label, left, branches)| Tree {
            label,
            left: left.map(Box::new),
            branches,
        })
    })
}

prop_compose! {
    fn kind()(texts in (text(), text(), text(), text()), mood in color(), which in option::of(text())) -> Kind {
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
    pub(crate) fn everything()(
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
