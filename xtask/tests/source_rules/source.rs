//! The Rust code of the workspace for the rules: paths, texts, functions and types, each with its line.

use std::path::Path;
use std::sync::LazyLock;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::spanned::Spanned as _;
use syn::{Attribute, ImplItem, Item, Lit, TraitItem, Visibility};
use xtask::workspace::Workspace;

/// Folders with generated files.
const GENERATED: [&str; 8] = [
    ".git",
    ".akinai",
    ".schemathesis",
    ".venv",
    "built",
    "node_modules",
    "target",
    "gen",
];

/// A file of Rust code.
pub(crate) struct Source {
    /// The path, relative to the root of the workspace.
    pub(crate) path: String,
    pub(crate) lines: usize,
    /// Whether the file is a test or is used only by tests. The fields below are then empty.
    pub(crate) is_test: bool,
    pub(crate) code_paths: Vec<CodePath>,
    pub(crate) texts: Vec<Text>,
    pub(crate) functions: Vec<Function>,
    pub(crate) types: Vec<PublicType>,
}

/// A path such as `serde::Deserialize`, in an import or anywhere else. `crate`, `self` and `super` are resolved: a path in this
/// crate begins with `crate`.
#[derive(Debug)]
pub(crate) struct CodePath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    pub(crate) is_import: bool,
}

/// The content of a string literal.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) line: usize,
    pub(crate) content: String,
}

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) line: usize,
    pub(crate) name: String,
    pub(crate) lines: usize,
}

/// A struct, enum or trait that other modules can name.
#[derive(Debug)]
pub(crate) struct PublicType {
    pub(crate) line: usize,
    pub(crate) name: String,
}

impl Source {
    /// Reads one file.
    pub(crate) fn of(path: &str, text: &str) -> Source {
        let mut source = Source {
            path: path.to_owned(),
            lines: text.lines().count(),
            is_test: is_test(path),
            code_paths: Vec::new(),
            texts: Vec::new(),
            functions: Vec::new(),
            types: Vec::new(),
        };
        if !source.is_test {
            let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{path} is not Rust: {error}"));
            let tokens: TokenStream = text.parse().expect("what syn parses has tokens");
            let mut test_lines = Vec::new();
            source.read_items(&file.items, &mut test_lines);
            let module = source.module();
            source.read_tokens(tokens, &module);
            let is_tested = |line| {
                test_lines
                    .iter()
                    .any(|(first, last)| (*first..=*last).contains(&line))
            };
            source.code_paths.retain(|path| !is_tested(path.line));
            source.texts.retain(|text| !is_tested(text.line));
        }
        source
    }

    /// The folder of its package: `components/order`.
    pub(crate) fn package(&self) -> &str {
        let folder = self.path.split_once("/src/").map_or("", |(folder, _)| folder);
        folder.strip_suffix('/').unwrap_or(folder)
    }

    /// Its module: `["service", "cart"]` for `src/service/cart.rs`, nothing for `src/lib.rs`.
    pub(crate) fn module(&self) -> Vec<String> {
        let inside = self.path.split_once("/src/").map_or("", |(_, inside)| inside);
        let inside = inside.strip_suffix(".rs").unwrap_or(inside);
        let names = inside.split('/').map(str::to_owned);
        names
            .filter(|name| !["", "lib", "main", "mod"].contains(&name.as_str()))
            .collect()
    }

    /// Collects functions and types, and the lines of code for tests.
    fn read_items(&mut self, items: &[Item], test_lines: &mut Vec<(usize, usize)>) {
        for item in items {
            if is_for_tests(item) {
                test_lines.push((item.span().start().line, item.span().end().line));
                continue;
            }
            match item {
                Item::Fn(function) => self.add_function(&function.sig, &function.block),
                Item::Impl(implementation) => {
                    for item in &implementation.items {
                        if let ImplItem::Fn(function) = item {
                            self.add_function(&function.sig, &function.block);
                        }
                    }
                }
                Item::Trait(declared) => {
                    self.add_type(&declared.vis, &declared.ident);
                    for item in &declared.items {
                        if let TraitItem::Fn(function) = item
                            && let Some(body) = &function.default
                        {
                            self.add_function(&function.sig, body);
                        }
                    }
                }
                Item::Struct(declared) => self.add_type(&declared.vis, &declared.ident),
                Item::Enum(declared) => self.add_type(&declared.vis, &declared.ident),
                Item::Mod(module) => {
                    if let Some((_, items)) = &module.content {
                        self.read_items(items, test_lines);
                    }
                }
                _ => {}
            }
        }
    }

    fn add_function(&mut self, signature: &syn::Signature, body: &syn::Block) {
        let (line, last) = (signature.span().start().line, body.span().end().line);
        self.functions.push(Function {
            line,
            name: signature.ident.to_string(),
            lines: last + 1 - line,
        });
    }

    fn add_type(&mut self, visibility: &Visibility, name: &syn::Ident) {
        if !matches!(visibility, Visibility::Inherited) {
            self.types.push(PublicType {
                line: name.span().start().line,
                name: name.to_string(),
            });
        }
    }

    /// Collects paths and texts from these tokens, which are code of `module`. It reads tokens, to include the
    /// arguments of macros.
    fn read_tokens(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at += match &tokens[at..] {
                [TokenTree::Punct(hash), TokenTree::Group(attribute), ..]
                    if hash.as_char() == '#' && is_documentation(attribute) =>
                {
                    2
                }
                [
                    TokenTree::Punct(hash),
                    TokenTree::Punct(_),
                    TokenTree::Group(attribute),
                    ..,
                ] if hash.as_char() == '#' && is_documentation(attribute) => 3,
                [
                    TokenTree::Ident(word),
                    TokenTree::Ident(name),
                    TokenTree::Group(body),
                    ..,
                ] if word == "mod" && body.delimiter() == Delimiter::Brace => {
                    self.read_tokens(body.stream(), &[module, &[name.to_string()]].concat());
                    3
                }
                [TokenTree::Ident(word), rest @ ..] if word == "use" && !is_punct(rest.first(), '<') => {
                    let end = rest.iter().position(|token| is_punct(Some(token), ';'));
                    let tree = &rest[..end.unwrap_or(rest.len())];
                    self.read_import(tree, &[], module);
                    1 + tree.len()
                }
                [TokenTree::Ident(_), ..] if !is_inside_path(&tokens[..at]) => {
                    self.read_path(&tokens[at..], module)
                }
                [TokenTree::Group(group), ..] => {
                    self.read_tokens(group.stream(), module);
                    1
                }
                [TokenTree::Literal(literal), ..] => {
                    if let Lit::Str(text) = Lit::new(literal.clone()) {
                        self.texts.push(Text {
                            line: literal.span().start().line,
                            content: text.value(),
                        });
                    }
                    1
                }
                _ => 1,
            };
        }
    }

    /// Reads the path that begins here, and returns the number of its tokens. A single name is not a path.
    fn read_path(&mut self, tokens: &[TokenTree], module: &[String]) -> usize {
        let (mut names, mut length) = (Vec::new(), 0);
        while let Some(TokenTree::Ident(name)) = tokens.get(length) {
            names.push(name.to_string());
            length += 1;
            match begins_with_colons(&tokens[length..])
                && matches!(tokens.get(length + 2), Some(TokenTree::Ident(_)))
            {
                true => length += 2,
                false => break,
            }
        }
        let line = tokens[0].span().start().line;
        if names.len() > 1 {
            self.add_path(line, names, module, false);
        }
        length
    }

    /// Reads the part after `use`: one path, or several with a common beginning.
    fn read_import(&mut self, tree: &[TokenTree], beginning: &[String], module: &[String]) {
        let mut names = beginning.to_vec();
        for token in tree {
            match token {
                TokenTree::Ident(word) if word == "as" => break,
                TokenTree::Ident(name) => names.push(name.to_string()),
                TokenTree::Punct(star) if star.as_char() == '*' => names.push("*".to_owned()),
                TokenTree::Group(group) => {
                    let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                    for branch in inside.split(|token| is_punct(Some(token), ',')) {
                        self.read_import(branch, &names, module);
                    }
                    return;
                }
                _ => {}
            }
        }
        if let Some(token) = tree.first() {
            self.add_path(token.span().start().line, names, module, true);
        }
    }

    fn add_path(&mut self, line: usize, names: Vec<String>, module: &[String], is_import: bool) {
        self.code_paths.push(CodePath {
            line,
            segments: resolve(names, module),
            is_import,
        });
    }
}

/// Returns the path from `crate` on, if it begins with `crate`, `self` or `super`.
fn resolve(names: Vec<String>, module: &[String]) -> Vec<String> {
    let ups = names.iter().take_while(|name| *name == "super").count();
    let here = match names[0].as_str() {
        "self" => module,
        "super" => &module[..module.len().saturating_sub(ups)],
        _ => return names,
    };
    let rest = &names[ups.max(1)..];
    [&["crate".to_owned()], here, rest].concat()
}

fn is_punct(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

fn begins_with_colons(tokens: &[TokenTree]) -> bool {
    is_punct(tokens.first(), ':') && is_punct(tokens.get(1), ':')
}

/// Whether `name::` or a `.` comes before.
fn is_inside_path(before: &[TokenTree]) -> bool {
    match before {
        [.., dot] if is_punct(Some(dot), '.') => true,
        [.., name, one, two] if is_punct(Some(one), ':') && is_punct(Some(two), ':') => {
            matches!(name, TokenTree::Ident(_)) || is_punct(Some(name), '>')
        }
        _ => false,
    }
}

fn is_documentation(attribute: &proc_macro2::Group) -> bool {
    let first = attribute.stream().into_iter().next();
    matches!(first, Some(TokenTree::Ident(name)) if name == "doc")
}

fn is_for_tests(item: &Item) -> bool {
    let attributes: &[Attribute] = match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    };
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|condition| condition == "test")
    })
}

/// Whether a path names a part of the standard library that does I/O or reads a clock. Network addresses are plain
/// values.
pub(crate) fn is_io_of_std(segments: &[String]) -> bool {
    const IO: [&str; 9] = [
        "Command",
        "Instant",
        "SystemTime",
        "env",
        "fs",
        "net",
        "stdin",
        "stdout",
        "thread",
    ];
    const VALUES: [&str; 4] = ["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr"];
    let names_any = |names: &[&str]| segments.iter().any(|segment| names.contains(&segment.as_str()));
    segments[0] == "std" && names_any(&IO) && !names_any(&VALUES)
}

/// Tests, their helpers, measurements and fuzz targets.
fn is_test(path: &str) -> bool {
    const FOLDERS: [&str; 4] = ["tests", "benches", "bench", "fuzz"];
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    let is_below = folders.split('/').any(|folder| FOLDERS.contains(&folder));
    // `xtask bench` is a command, and production code.
    (is_below && !path.starts_with("xtask/src/")) || ["tests.rs", "testing.rs"].contains(&file)
}

/// The files of the workspace with these extensions, as paths relative to the root, with their texts.
pub(crate) fn files(extensions: &[&str]) -> Vec<(String, String)> {
    let (mut files, mut folders) = (Vec::new(), vec![Workspace::here().root().to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let extension = path
                .extension()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_symlink() || GENERATED.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if extensions.contains(&extension.as_str()) {
                // A file without an extension may be binary.
                let content = std::fs::read(&path).expect("a readable file");
                files.push((relative(&path), String::from_utf8_lossy(&content).into_owned()));
            }
        }
    }
    files.sort();
    files
}

fn relative(path: &Path) -> String {
    let root = Workspace::here().root().to_owned();
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

/// All Rust code of the workspace.
pub(crate) static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let files = files(&["rs"]);
    files.iter().map(|(path, text)| Source::of(path, text)).collect()
});

#[test]
fn paths_are_found_in_imports_expressions_and_macros_but_not_in_tests() {
    let source = Source::of(
        "components/shop/src/service/cart.rs",
        r#"
        use crate::{domain::Cart, store::{Postgres as P, *}};
        use super::ports;
        //! `doc::comment`
        fn f() { let x = serde_json::json!({ "a": std::mem::take(y).z }); println!("{}", http::X); }
        mod inner { use super::Y; }
        #[cfg(test)]
        mod tests { use super::*; fn g() { spin_sdk::x() } }
        "#
        .replace("//!", "///")
        .as_str(),
    );
    let paths: Vec<String> = source
        .code_paths
        .iter()
        .map(|path| path.segments.join("::"))
        .collect();
    assert_eq!(
        paths,
        [
            "crate::domain::Cart",
            "crate::store::Postgres",
            "crate::store::*",
            "crate::service::ports",
            "serde_json::json",
            "std::mem::take",
            "http::X",
            "crate::service::cart::Y",
        ]
    );
    assert_eq!(
        source.texts.iter().map(|text| &text.content).collect::<Vec<_>>(),
        ["a", "{}"]
    );
}
