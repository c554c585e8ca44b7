//! The declarations of a package, flat.

use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};

/// A message and its full name, without a leading dot.
pub(crate) struct Message<'a> {
    pub(crate) full_name: String,
    pub(crate) descriptor: &'a DescriptorProto,
}

/// An enum and its full name, without a leading dot.
pub(crate) struct Enum<'a> {
    pub(crate) full_name: String,
    pub(crate) descriptor: &'a EnumDescriptorProto,
}

/// All messages and enums of some files, nested ones behind those they are in.
#[derive(Default)]
pub(crate) struct Declarations<'a> {
    pub(crate) messages: Vec<Message<'a>>,
    pub(crate) enums: Vec<Enum<'a>>,
}

impl<'a> Declarations<'a> {
    pub(crate) fn of(files: &[&'a FileDescriptorProto]) -> Self {
        let mut declarations = Self::default();
        for file in files {
            for descriptor in &file.message_type {
                declarations.add_message(file.package(), descriptor);
            }
            for descriptor in &file.enum_type {
                declarations.add_enum(file.package(), descriptor);
            }
        }
        declarations
    }

    fn add_message(&mut self, scope: &str, descriptor: &'a DescriptorProto) {
        if descriptor
            .options
            .as_ref()
            .is_some_and(|options| options.map_entry())
        {
            return;
        }
        let full_name = qualified(scope, descriptor.name());
        self.messages.push(Message {
            full_name: full_name.clone(),
            descriptor,
        });
        for nested in &descriptor.nested_type {
            self.add_message(&full_name, nested);
        }
        for nested in &descriptor.enum_type {
            self.add_enum(&full_name, nested);
        }
    }

    fn add_enum(&mut self, scope: &str, descriptor: &'a EnumDescriptorProto) {
        self.enums.push(Enum {
            full_name: qualified(scope, descriptor.name()),
            descriptor,
        });
    }
}

/// A name within a package or message.
pub(crate) fn qualified(scope: &str, name: &str) -> String {
    if scope.is_empty() {
        name.to_owned()
    } else {
        format!("{scope}.{name}")
    }
}
