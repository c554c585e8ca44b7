//! Generates Rust from .proto files, for build scripts: messages (by prost), their proto3 JSON form, and for each
//! service a trait, a server and a client for the connect crate. No `protoc` is needed.
//!
//! ```no_run
//! # use akinai_connect_build as connect_build;
//! fn main() -> Result<(), connect_build::Error> {
//!     connect_build::Config::new("proto").compile(&["shop/v1/shop.proto"])
//! }
//! ```
//!
//! Each package becomes one file in `OUT_DIR`, named after it, to be included where the package's path lies:
//!
//! ```ignore
//! pub mod shop {
//!     pub mod v1 {
//!         include!(concat!(env!("OUT_DIR"), "/shop.v1.rs"));
//!     }
//! }
//! ```
//!
//! The crate that does so needs `prost` and `connect` (under these names) among its dependencies. What the generated
//! code does is up to them; it only says which field has which name and kind.
//!
//! Beside them stands [`DESCRIPTORS`]: what the files declare, in protobuf's own form, for server reflection.

mod access;
mod json;
mod names;
mod schema;
mod service;

use std::fmt;
use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_types::{FileDescriptorProto, FileDescriptorSet};

use crate::access::AccessExpressions;

/// The name of the file with a `google.protobuf.FileDescriptorSet` of everything that was compiled, imports included, without
/// comments and positions.
pub const DESCRIPTORS: &str = "descriptors.binpb";

/// The place of the .proto files, and the place of the generated code.
#[derive(Clone, Debug)]
pub struct Config {
    root: PathBuf,
    out_dir: Option<PathBuf>,
    access_option: Option<String>,
}

impl Config {
    /// Generates from the .proto files under `root`, which imports are relative to.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            out_dir: None,
            access_option: None,
        }
    }

    /// Writes to this folder instead of the one that Cargo gives build scripts (`OUT_DIR`).
    #[must_use]
    pub fn out_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.out_dir = Some(folder.into());
        self
    }

    /// Reads who may call each method from the method option with this full name, such as `shop.auth.access`, into
    /// `connect::MethodDescriptor::access`. A method without the option is then an error.
    ///
    /// The contract declares the option: an extension of `google.protobuf.MethodOptions` by a message with the fields
    /// `callers` = 1 (an enum: 1 the public, 2 users, 3 an owner, 4 roles, 5 components), `string owner_field` = 2,
    /// `repeated string roles` = 3, `repeated string components` = 4, `repeated string scopes` = 5,
    /// `google.protobuf.Duration sign_in_max_age` = 6 and `bool hashes_password` = 7.
    #[must_use]
    pub fn require_access(mut self, option: impl Into<String>) -> Self {
        self.access_option = Some(option.into());
        self
    }

    /// Generates the code of these files (paths relative to the root) and of what they import, and has Cargo run the
    /// build script again when any of them changes.
    pub fn compile(&self, files: &[&str]) -> Result<(), Error> {
        println!("cargo::rerun-if-changed={}", self.root.display());
        let out_dir = self
            .out_dir
            .clone()
            .or_else(|| std::env::var_os("OUT_DIR").map(PathBuf::from));
        let out_dir =
            out_dir.ok_or_else(|| Error::new("OUT_DIR is not set: call this from a build script"))?;
        let mut compiler = protox::Compiler::new([&self.root]).map_err(Error::of_contract)?;
        compiler.include_imports(true).include_source_info(true);
        compiler.open_files(files).map_err(Error::of_contract)?;
        let access = match &self.access_option {
            Some(option) => access::read(&compiler.descriptor_pool(), option)?,
            None => AccessExpressions::new(),
        };
        let files = compiler.file_descriptor_set();
        write(&out_dir.join(DESCRIPTORS), &descriptors(&files))?;
        for package in generate(files, &access)? {
            package.write(&out_dir)?;
        }
        Ok(())
    }
}

/// The code of one protobuf package.
struct Package {
    name: String,
    code: String,
}

impl Package {
    fn write(&self, folder: &Path) -> Result<(), Error> {
        write(&folder.join(format!("{}.rs", self.name)), self.code.as_bytes())
    }
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    std::fs::write(path, content)
        .map_err(|error| Error::new(format!("cannot write {}: {error}", path.display())))
}

/// The files in binary form, without comments and positions.
fn descriptors(files: &FileDescriptorSet) -> Vec<u8> {
    let mut files = files.clone();
    for file in &mut files.file {
        file.source_code_info = None;
    }
    files.encode_to_vec()
}

/// The code of all packages but `google.protobuf`, which the connect crate has.
fn generate(files: FileDescriptorSet, access: &AccessExpressions) -> Result<Vec<Package>, Error> {
    let files = files.file;
    for file in &files {
        supported(file)?;
    }
    let requests = files.iter().map(|file| (module_of(file), file.clone())).collect();
    let messages = prost()
        .generate(requests)
        .map_err(|error| Error::new(error.to_string()))?;
    let mut packages: Vec<&str> = files.iter().map(FileDescriptorProto::package).collect();
    packages.sort_unstable();
    packages.dedup();
    packages.retain(|name| *name != "google.protobuf");
    packages
        .into_iter()
        .map(|name| {
            let files: Vec<_> = files.iter().filter(|file| file.package() == name).collect();
            let messages = messages.get(&module_of(files[0])).map_or("", String::as_str);
            let code = package_code(name, messages, &files, access)?;
            Ok(Package {
                name: name.to_owned(),
                code,
            })
        })
        .collect()
}

/// proto2 has required fields, groups and closed enums, which the JSON code does not support.
fn supported(file: &FileDescriptorProto) -> Result<(), Error> {
    let ours = file.package() != "google.protobuf";
    if ours && file.syntax() != "proto3" {
        return Err(Error::new(format!(
            "{}: write `syntax = \"proto3\";` first",
            file.name()
        )));
    }
    Ok(())
}

fn module_of(file: &FileDescriptorProto) -> prost_build::Module {
    prost_build::Module::from_protobuf_package_name(file.package())
}

/// How prost makes messages: maps in order, so that equal messages are written equally, and every type with its name.
fn prost() -> prost_build::Config {
    let mut config = prost_build::Config::new();
    config
        .btree_map(["."])
        .enable_type_names()
        .prost_types_path("::connect::wkt");
    config
}

fn package_code(
    name: &str,
    messages: &str,
    files: &[&FileDescriptorProto],
    access: &AccessExpressions,
) -> Result<String, Error> {
    let mut code = messages.to_owned();
    for file in files {
        code.push_str(&service::generate(file, access));
    }
    code.push_str(&json::generate(name, files)?);
    let file = syn::parse_file(&code)
        .map_err(|error| Error::new(format!("the code generated for {name} is no Rust: {error}")))?;
    Ok(format!(
        "// Generated by connect-build from the package {name}.\n{}",
        formatted(file)
    ))
}

/// The code of a file as people would lay it out, an empty line before each item.
fn formatted(file: syn::File) -> String {
    let item = |item| {
        prettyplease::unparse(&syn::File {
            shebang: None,
            attrs: Vec::new(),
            items: vec![item],
        })
    };
    file.items
        .into_iter()
        .map(|each| format!("\n{}", item(each)))
        .collect()
}

/// Why no code could be generated. Displays (and debugs, for `main` of a build script) as text for people.
pub struct Error(String);

impl Error {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// The contract does not compile. Its `Debug` form shows where.
    fn of_contract(error: protox::Error) -> Self {
        Self(format!("{error:?}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
