//! The access option of methods in .proto files, which is read for the generated code.
//!
//! The contract declares the option itself, so that it can choose the name. The option's message has the fields of
//! [`AccessOption`], by number.

use std::collections::HashMap;

use prost_types::Duration;
use protox::prost_reflect::{DescriptorPool, ExtensionDescriptor, Kind, MethodDescriptor};

use crate::Error;

/// The expressions of type `connect::Access`, by the full names of the methods, such as `shop.v1.Shop.Buy`.
pub(crate) type AccessExpressions = HashMap<String, String>;

/// The message of the option.
#[derive(Clone, PartialEq, prost::Message)]
struct AccessOption {
    #[prost(enumeration = "CallersOption", tag = "1")]
    callers: i32,
    #[prost(string, tag = "2")]
    owner_field: String,
    #[prost(string, repeated, tag = "3")]
    roles: Vec<String>,
    #[prost(string, repeated, tag = "4")]
    components: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    scopes: Vec<String>,
    #[prost(message, optional, tag = "6")]
    sign_in_max_age: Option<Duration>,
    #[prost(bool, tag = "7")]
    hashes_password: bool,
}

/// The clients that may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
enum CallersOption {
    Unspecified = 0,
    Public = 1,
    User = 2,
    Owner = 3,
    Role = 4,
    Component = 5,
}

/// Reads the option with this full name from every method of every service.
///
/// # Errors
/// The option is not declared; a method lacks it, or its content is incomplete. The message names each such method.
pub(crate) fn read(pool: &DescriptorPool, option: &str) -> Result<AccessExpressions, Error> {
    let extension = pool.get_extension_by_name(option).ok_or_else(|| {
        Error::new(format!(
            "no .proto file declares the option ({option}): import the file that does"
        ))
    })?;
    let (mut expressions, mut problems) = (HashMap::new(), Vec::new());
    for service in pool.services() {
        for method in service.methods() {
            match AccessOption::of(&method, &extension).and_then(|access| access.expression(&method)) {
                Ok(expression) => {
                    expressions.insert(method.full_name().to_owned(), expression);
                }
                Err(problem) => problems.push(format!("the method {} {problem}", method.full_name())),
            }
        }
    }
    match problems.is_empty() {
        true => Ok(expressions),
        false => Err(Error::new(problems.join("\n"))),
    }
}

impl AccessOption {
    fn of(method: &MethodDescriptor, extension: &ExtensionDescriptor) -> Result<Self, String> {
        let options = method.options();
        let name = extension.full_name();
        if !options.has_extension(extension) {
            return Err(format!(
                "does not say who may call it: add `option ({name}) = {{ callers: … }};`"
            ));
        }
        let value = options.get_extension(extension);
        let message = value
            .as_message()
            .ok_or_else(|| format!("has an option ({name}) that is not a message"))?;
        message
            .transcode_to()
            .map_err(|error| format!("has an option ({name}) that cannot be read: {error}"))
    }

    /// The option as an expression of type `connect::Access`.
    fn expression(&self, method: &MethodDescriptor) -> Result<String, String> {
        if self.components.is_empty() {
            return Err("names no component that may call it: fill the field `components`".to_owned());
        }
        let sign_in_max_age = match &self.sign_in_max_age {
            Some(age) => format!(
                "::std::option::Option::Some(::std::time::Duration::from_secs({}))",
                age.seconds.max(0)
            ),
            None => "::std::option::Option::None".to_owned(),
        };
        Ok(format!(
            "::connect::Access {{\n\
                 callers: ::connect::Callers::{callers},\n\
                 roles: &{roles:?},\n\
                 components: &{components:?},\n\
                 scopes: &{scopes:?},\n\
                 sign_in_max_age: {sign_in_max_age},\n\
                 hashes_password: {hashes_password},\n\
             }}",
            callers = self.callers_variant(method)?,
            roles = self.roles,
            components = self.components,
            scopes = self.scopes,
            hashes_password = self.hashes_password,
        ))
    }

    /// The variant of `connect::Callers`.
    fn callers_variant(&self, method: &MethodDescriptor) -> Result<String, String> {
        let field = &self.owner_field;
        match CallersOption::try_from(self.callers) {
            Ok(CallersOption::Public) => Ok("Public".to_owned()),
            Ok(CallersOption::User) => Ok("User".to_owned()),
            Ok(CallersOption::Component) => Ok("Component".to_owned()),
            Ok(CallersOption::Role) if self.roles.is_empty() => {
                Err("names no role that may call it: fill the field `roles`".to_owned())
            }
            Ok(CallersOption::Role) => Ok("Role".to_owned()),
            Ok(CallersOption::Owner) if has_text(method, field) => Ok(format!("Owner({field:?})")),
            Ok(CallersOption::Owner) => Err(format!(
                "names its owner by the field {field:?}, which is no `string` of its request"
            )),
            Ok(CallersOption::Unspecified) | Err(_) => {
                Err("does not say which clients may call it: fill the field `callers`".to_owned())
            }
        }
    }
}

/// Whether the request of a method has a single text of this name.
fn has_text(method: &MethodDescriptor, field: &str) -> bool {
    let found = method.input().get_field_by_name(field);
    found.is_some_and(|field| field.kind() == Kind::String && !field.is_list())
}

#[cfg(test)]
mod tests {
    use protox::{
        Compiler,
        file::{ChainFileResolver, File, FileResolver, GoogleFileResolver},
    };

    use super::*;

    /// The option, as a project declares it.
    const OPTION: &str = r#"
        syntax = "proto3";
        package auth;
        import "google/protobuf/descriptor.proto";
        extend google.protobuf.MethodOptions { Access access = 50000; }
        message Access {
          int32 callers = 1;
          string owner_field = 2;
          repeated string roles = 3;
          repeated string components = 4;
          repeated string scopes = 5;
          bool hashes_password = 7;
        }
    "#;

    /// .proto files in memory.
    struct Sources([(&'static str, String); 2]);

    impl FileResolver for Sources {
        fn open_file(&self, name: &str) -> Result<File, protox::Error> {
            match self.0.iter().find(|(file, _)| *file == name) {
                Some((file, source)) => File::from_source(file, source),
                None => Err(protox::Error::file_not_found(name)),
            }
        }
    }

    /// The result for a service whose method `Buy` has this body.
    fn access(body: &str) -> Result<String, String> {
        let shop = format!(
            r#"
                syntax = "proto3";
                package shop;
                import "auth.proto";
                message BuyRequest {{ string buyer = 1; repeated string items = 2; }}
                service Shop {{ rpc Buy(BuyRequest) returns (BuyRequest) {{ {body} }} }}
            "#
        );
        let mut files = ChainFileResolver::new();
        files.add(Sources([("auth.proto", OPTION.to_owned()), ("shop.proto", shop)]));
        files.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(files);
        compiler.open_file("shop.proto").expect("the contract compiles");
        let read = read(&compiler.descriptor_pool(), "auth.access");
        read.map(|expressions| expressions["shop.Shop.Buy"].clone())
            .map_err(|error| error.to_string())
    }

    fn option(content: &str) -> String {
        format!("option (auth.access) = {{ {content} }};")
    }

    #[test]
    fn method_without_the_option_fails_with_a_sentence_that_names_it() {
        assert_eq!(
            access("").unwrap_err(),
            "the method shop.Shop.Buy does not say who may call it: add `option (auth.access) = { callers: … };`"
        );
    }

    #[test]
    fn incomplete_option_fails_with_a_sentence_that_names_what_is_missing() {
        let cases = [
            ("callers: 2", "names no component"),
            ("components: ['bff']", "does not say which clients"),
            ("callers: 9 components: ['bff']", "does not say which clients"),
            ("callers: 4 components: ['bff']", "names no role"),
            ("callers: 3 components: ['bff']", "by the field \"\""),
            (
                "callers: 3 owner_field: 'seller' components: ['bff']",
                "by the field \"seller\"",
            ),
            (
                "callers: 3 owner_field: 'items' components: ['bff']",
                "by the field \"items\"",
            ),
        ];
        for (content, part) in cases {
            let problem = access(&option(content)).unwrap_err();
            assert!(
                problem.starts_with("the method shop.Shop.Buy ") && problem.contains(part),
                "{content:?} is answered {problem:?}"
            );
        }
    }

    #[test]
    fn complete_option_becomes_an_expression() {
        let content = "callers: 3 owner_field: 'buyer' roles: ['admin'] components: ['bff', 'order'] hashes_password: true";
        let expression = access(&option(content)).expect("the option is complete");
        for part in [
            "callers: ::connect::Callers::Owner(\"buyer\")",
            "roles: &[\"admin\"]",
            "components: &[\"bff\", \"order\"]",
            "scopes: &[]",
            "sign_in_max_age: ::std::option::Option::None",
            "hashes_password: true",
        ] {
            assert!(expression.contains(part), "{part} in {expression}");
        }
    }

    #[test]
    fn option_that_no_file_declares_is_refused() {
        let compiler = Compiler::with_file_resolver(GoogleFileResolver::new());
        let error = read(&compiler.descriptor_pool(), "auth.access").unwrap_err();
        assert!(error.to_string().contains("no .proto file declares"), "{error}");
    }
}
