//! The Rust names of protobuf things. They must be the ones that prost gives, since prost generates what they name.

use heck::{ToSnakeCase as _, ToUpperCamelCase as _};

/// A field, method or module.
pub(crate) fn snake(name: &str) -> String {
    identifier(name.to_snake_case())
}

/// A message, enum, oneof, variant or service.
pub(crate) fn upper_camel(name: &str) -> String {
    identifier(name.to_upper_camel_case())
}

/// A static.
pub(crate) fn constant(name: &str) -> String {
    name.to_snake_case().to_uppercase()
}

/// Makes an identifier of a name that may be a keyword or begin with a digit.
fn identifier(name: String) -> String {
    let is_digit_first = name.starts_with(|first: char| first.is_numeric());
    if is_digit_first {
        return format!("_{name}");
    }
    // These cannot even be raw identifiers.
    if matches!(
        name.as_str(),
        "_" | "super" | "self" | "Self" | "extern" | "crate"
    ) {
        return format!("{name}_");
    }
    if syn::parse_str::<syn::Ident>(&name).is_err() {
        return format!("r#{name}");
    }
    name
}

/// The path from the module of `package` to the type with the full name `.other.package.Outer.Inner`.
pub(crate) fn type_path(package: &str, full_name: &str) -> String {
    let full_name = full_name.trim_start_matches('.');
    if let Some(well_known) = full_name.strip_prefix("google.protobuf.") {
        return well_known_path(well_known);
    }
    let from: Vec<&str> = package.split('.').filter(|part| !part.is_empty()).collect();
    let to: Vec<&str> = full_name.split('.').collect();
    let (name, scope) = to
        .split_last()
        .map_or(("", &[][..]), |(name, scope)| (*name, scope));
    let common = from.iter().zip(scope).take_while(|(from, to)| from == to).count();
    let up = from[common..].iter().map(|_| "super".to_owned());
    let down = scope[common..].iter().map(|part| snake(part));
    up.chain(down)
        .chain([upper_camel(name)])
        .collect::<Vec<_>>()
        .join("::")
}

/// The type that stands for a message of `google.protobuf`.
fn well_known_path(name: &str) -> String {
    let path = match name {
        "Empty" => "()",
        "BoolValue" => "bool",
        "Int32Value" => "i32",
        "UInt32Value" => "u32",
        "Int64Value" => "i64",
        "UInt64Value" => "u64",
        "FloatValue" => "f32",
        "DoubleValue" => "f64",
        "StringValue" => "::std::string::String",
        "BytesValue" => "::std::vec::Vec<u8>",
        other => return format!("::connect::wkt::{other}"),
    };
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_rust_identifiers() {
        assert_eq!(snake("imageUrl"), "image_url");
        assert_eq!(snake("type"), "r#type");
        assert_eq!(snake("self"), "self_");
        assert_eq!(upper_camel("STOCK_shortage"), "StockShortage");
        assert_eq!(constant("BatchGetProducts"), "BATCH_GET_PRODUCTS");
    }

    #[test]
    fn paths_lead_from_package_to_package() {
        let cases = [
            ("shop.v1", ".shop.v1.Item", "Item"),
            ("shop.v1", ".shop.v1.Item.Part", "item::Part"),
            ("shop.v1", ".shop.v2.Item", "super::v2::Item"),
            ("shop.v1", ".common.v1.Money", "super::super::common::v1::Money"),
            (
                "shop.v1",
                ".google.protobuf.Timestamp",
                "::connect::wkt::Timestamp",
            ),
            ("shop.v1", ".google.protobuf.Empty", "()"),
            ("", ".Item", "Item"),
            ("", ".shop.Item", "shop::Item"),
        ];
        for (package, full_name, path) in cases {
            assert_eq!(
                type_path(package, full_name),
                path,
                "{full_name} seen from {package:?}"
            );
        }
    }
}
