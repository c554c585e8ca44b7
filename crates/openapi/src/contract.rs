//! The declarations of compiled contracts, each with its comment.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use prost_types::{
    DescriptorProto, EnumDescriptorProto, FileDescriptorProto, MethodDescriptorProto, ServiceDescriptorProto,
};

use crate::{Error, comment};

/// All declarations of some files and of those that they import.
pub(crate) struct Contract {
    /// By their full names, without a leading dot.
    pub(crate) messages: BTreeMap<String, Message>,
    pub(crate) enums: BTreeMap<String, Enum>,
    pub(crate) services: Vec<Service>,
}

/// A message.
pub(crate) struct Message {
    pub(crate) descriptor: DescriptorProto,
    pub(crate) comment: String,
    /// The comments of its fields, in their order.
    pub(crate) fields: Vec<String>,
}

/// An enum.
pub(crate) struct Enum {
    pub(crate) descriptor: EnumDescriptorProto,
    pub(crate) comment: String,
    /// The comments of its values, in their order.
    pub(crate) values: Vec<String>,
}

/// A service.
pub(crate) struct Service {
    /// The path of its file, relative to the folder of the contracts.
    pub(crate) file: String,
    /// The full name.
    pub(crate) name: String,
    /// Its comment, and that of its file.
    pub(crate) comment: String,
    pub(crate) methods: Vec<Method>,
}

/// A method.
pub(crate) struct Method {
    pub(crate) descriptor: MethodDescriptorProto,
    pub(crate) comment: String,
}

// The numbers of fields in descriptor.proto, of which the path of a declaration is made.
const MESSAGES_OF_FILE: i32 = 4;
const ENUMS_OF_FILE: i32 = 5;
const SERVICES_OF_FILE: i32 = 6;
const SYNTAX_OF_FILE: i32 = 12;
const FIELDS_OF_MESSAGE: i32 = 2;
const MESSAGES_OF_MESSAGE: i32 = 3;
const ENUMS_OF_MESSAGE: i32 = 4;
const VALUES_OF_ENUM: i32 = 2;
const METHODS_OF_SERVICE: i32 = 2;

impl Contract {
    /// Compiles files, with paths relative to their folder.
    pub(crate) fn compile(folder: &Path, files: &[&str]) -> Result<Self, Error> {
        let set = protox::compile(files, [folder]).map_err(|error| Error::new(format!("{error:?}")))?;
        let mut contract = Self {
            messages: BTreeMap::new(),
            enums: BTreeMap::new(),
            services: Vec::new(),
        };
        for file in &set.file {
            contract.add(file);
        }
        Ok(contract)
    }

    fn add(&mut self, file: &FileDescriptorProto) {
        let comments = Comments::of(file);
        let package = file.package();
        for (index, message) in file.message_type.iter().enumerate() {
            self.add_message(package, message, &[MESSAGES_OF_FILE, index as i32], &comments);
        }
        for (index, declared) in file.enum_type.iter().enumerate() {
            self.add_enum(package, declared, &[ENUMS_OF_FILE, index as i32], &comments);
        }
        for (index, service) in file.service.iter().enumerate() {
            self.services.push(Service::new(
                file,
                service,
                &[SERVICES_OF_FILE, index as i32],
                &comments,
            ));
        }
    }

    fn add_message(&mut self, scope: &str, message: &DescriptorProto, path: &[i32], comments: &Comments<'_>) {
        let name = format!("{scope}.{}", message.name());
        for (index, nested) in message.nested_type.iter().enumerate() {
            self.add_message(&name, nested, &under(path, MESSAGES_OF_MESSAGE, index), comments);
        }
        for (index, nested) in message.enum_type.iter().enumerate() {
            self.add_enum(&name, nested, &under(path, ENUMS_OF_MESSAGE, index), comments);
        }
        let message = Message {
            comment: comments.at(path),
            fields: comments.under(path, FIELDS_OF_MESSAGE, message.field.len()),
            descriptor: message.clone(),
        };
        self.messages.insert(name, message);
    }

    fn add_enum(
        &mut self,
        scope: &str,
        declared: &EnumDescriptorProto,
        path: &[i32],
        comments: &Comments<'_>,
    ) {
        let described = Enum {
            comment: comments.at(path),
            values: comments.under(path, VALUES_OF_ENUM, declared.value.len()),
            descriptor: declared.clone(),
        };
        self.enums
            .insert(format!("{scope}.{}", declared.name()), described);
    }
}

impl Service {
    fn new(
        file: &FileDescriptorProto,
        service: &ServiceDescriptorProto,
        path: &[i32],
        comments: &Comments<'_>,
    ) -> Self {
        let of_methods = comments.under(path, METHODS_OF_SERVICE, service.method.len());
        let methods = service.method.iter().cloned().zip(of_methods);
        Self {
            file: file.name().to_owned(),
            name: format!("{}.{}", file.package(), service.name()),
            comment: format!("{}\n\n{}", comments.at(path), comments.of_file()),
            methods: methods
                .map(|(descriptor, comment)| Method { descriptor, comment })
                .collect(),
        }
    }
}

/// The path of a declaration inside another one.
fn under(path: &[i32], field: i32, index: usize) -> Vec<i32> {
    [path, &[field, index as i32]].concat()
}

/// The comments of a file, by the paths of what they stand above.
struct Comments<'a> {
    leading: HashMap<&'a [i32], &'a str>,
    /// The comment at the beginning of the file.
    of_file: String,
}

impl<'a> Comments<'a> {
    fn of(file: &'a FileDescriptorProto) -> Self {
        let locations = || file.source_code_info.iter().flat_map(|info| &info.location);
        let syntax = locations().find(|location| location.path == [SYNTAX_OF_FILE]);
        let detached = syntax
            .into_iter()
            .flat_map(|location| &location.leading_detached_comments);
        let paragraphs: Vec<String> = detached.map(|text| comment::paragraphs(text)).collect();
        Self {
            leading: locations()
                .filter_map(|location| Some((&*location.path, location.leading_comments.as_deref()?)))
                .collect(),
            of_file: paragraphs.join("\n\n"),
        }
    }

    fn of_file(&self) -> &str {
        &self.of_file
    }

    fn at(&self, path: &[i32]) -> String {
        comment::paragraphs(self.leading.get(path).copied().unwrap_or_default())
    }

    /// The comments of so many declarations inside another one.
    fn under(&self, path: &[i32], field: i32, count: usize) -> Vec<String> {
        (0..count)
            .map(|index| self.at(&under(path, field, index)))
            .collect()
    }
}
