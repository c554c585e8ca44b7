//! The index of the declarations, for reflection.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use connect::wkt::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
};
use prost::{DecodeError, Message as _};

use crate::shown::Shown;

/// The files that are shown, by what they declare.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The full names of the services.
    services: BTreeSet<String>,
    /// By name.
    files: BTreeMap<String, File>,
    /// The names of the files that declare what has a full name.
    symbols: HashMap<String, String>,
    /// The names of the files that declare extensions, by number, for each message that is declared or extended.
    extensions: HashMap<String, BTreeMap<i32, String>>,
}

#[derive(Debug)]
struct File {
    /// A `FileDescriptorProto`.
    bytes: Vec<u8>,
    imports: Vec<String>,
}

impl Index {
    /// Looks through all that is to be shown.
    pub(crate) fn of(shown: &[Shown]) -> Result<Self, DecodeError> {
        let mut index = Self::default();
        for shown in shown {
            index.add(shown)?;
        }
        Ok(index)
    }

    fn add(&mut self, shown: &Shown) -> Result<(), DecodeError> {
        let set = FileDescriptorSet::decode(shown.descriptors)?;
        let names: BTreeSet<&str> = shown.services.iter().map(|service| service.name).collect();
        let files: HashMap<&str, &FileDescriptorProto> =
            set.file.iter().map(|file| (file.name(), file)).collect();
        let declares = |file: &&FileDescriptorProto| {
            let mut declared = file.service.iter();
            declared.any(|service| names.contains(&*qualified(file.package(), service.name())))
        };
        let of_services = set.file.iter().filter(declares).map(FileDescriptorProto::name);
        let mut wanted: Vec<&str> = of_services.chain(shown.files.iter().copied()).collect();
        while let Some(name) = wanted.pop() {
            let Some(file) = files.get(name).filter(|_| !self.files.contains_key(name)) else {
                continue;
            };
            wanted.extend(file.dependency.iter().map(String::as_str));
            self.add_file((*file).clone(), &names);
        }
        Ok(())
    }

    /// Adds a file without the services that are not shown.
    fn add_file(&mut self, mut file: FileDescriptorProto, shown: &BTreeSet<&str>) {
        let package = file.package().to_owned();
        file.service
            .retain(|service| shown.contains(&*qualified(&package, service.name())));
        for service in &file.service {
            let name = qualified(&package, service.name());
            for method in &service.method {
                self.add_symbol(qualified(&name, method.name()), &file);
            }
            self.add_symbol(name.clone(), &file);
            self.services.insert(name);
        }
        self.add_types(
            &package,
            &file.message_type,
            &file.enum_type,
            &file.extension,
            &file,
        );
        let described = File {
            bytes: file.encode_to_vec(),
            imports: file.dependency,
        };
        self.files.insert(file.name.unwrap_or_default(), described);
    }

    fn add_types(
        &mut self,
        scope: &str,
        messages: &[DescriptorProto],
        enums: &[EnumDescriptorProto],
        extensions: &[FieldDescriptorProto],
        file: &FileDescriptorProto,
    ) {
        for message in messages {
            let name = qualified(scope, message.name());
            self.add_types(
                &name,
                &message.nested_type,
                &message.enum_type,
                &message.extension,
                file,
            );
            self.extensions.entry(name.clone()).or_default();
            self.add_symbol(name, file);
        }
        for declared in enums {
            self.add_symbol(qualified(scope, declared.name()), file);
        }
        for extension in extensions {
            let extended = extension.extendee().trim_start_matches('.').to_owned();
            let numbers = self.extensions.entry(extended).or_default();
            numbers.insert(extension.number(), file.name().to_owned());
            self.add_symbol(qualified(scope, extension.name()), file);
        }
    }

    fn add_symbol(&mut self, name: String, file: &FileDescriptorProto) {
        self.symbols.insert(name, file.name().to_owned());
    }

    /// The full names of all services, in order.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(String::as_str)
    }

    /// A file, and behind it all that it imports, each a `FileDescriptorProto`.
    pub(crate) fn file(&self, name: &str) -> Option<Vec<Vec<u8>>> {
        let (mut wanted, mut seen, mut found) = (vec![name], BTreeSet::new(), Vec::new());
        while let Some(name) = wanted.pop() {
            if !seen.insert(name) {
                continue;
            }
            let file = self.files.get(name)?;
            wanted.extend(file.imports.iter().map(String::as_str));
            found.push(file.bytes.clone());
        }
        Some(found)
    }

    /// The file that declares a message, enum, service, method or extension.
    pub(crate) fn file_of_symbol(&self, name: &str) -> Option<Vec<Vec<u8>>> {
        self.file(self.symbols.get(name)?)
    }

    /// The file that declares an extension of a message.
    pub(crate) fn file_of_extension(&self, extended: &str, number: i32) -> Option<Vec<Vec<u8>>> {
        self.file(self.extensions.get(extended)?.get(&number)?)
    }

    /// The numbers of the extensions of a message that is declared or extended here.
    pub(crate) fn extensions(&self, extended: &str) -> Option<Vec<i32>> {
        Some(self.extensions.get(extended)?.keys().copied().collect())
    }
}

fn qualified(scope: &str, name: &str) -> String {
    match scope {
        "" => name.to_owned(),
        scope => format!("{scope}.{name}"),
    }
}
