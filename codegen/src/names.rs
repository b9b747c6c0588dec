//! Spellings: from WIT's kebab-case to Rust's, to JSON's, and to what people read.

/// `first-name` becomes `firstName`.
pub(crate) fn camel(kebab: &str) -> String {
    let pascal = pascal(kebab);
    let mut chars = pascal.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// `first-name` becomes `FirstName`.
pub(crate) fn pascal(kebab: &str) -> String {
    kebab.split('-').map(capitalised).collect()
}

/// `first-name` becomes `first_name`; a Rust keyword gets `wit-bindgen`'s trailing underscore.
pub(crate) fn snake(kebab: &str) -> String {
    let name = kebab.replace('-', "_");
    if RUST_KEYWORDS.contains(&name.as_str()) { name + "_" } else { name }
}

/// `first-name` becomes `First name`.
pub(crate) fn title(kebab: &str) -> String {
    capitalised(&kebab.replace('-', " "))
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

const RUST_KEYWORDS: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn", "for", "gen", "if",
    "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "static", "struct", "super", "trait",
    "true", "try", "type", "unsafe", "use", "where", "while", "yield",
];

/// Words that WIT keeps for itself: as a function's name they need a `%`, which tools that call by name do not take.
pub(crate) const WIT_KEYWORDS: &[&str] = &[
    "as", "async", "bool", "borrow", "char", "constructor", "enum", "error-context", "export", "f32", "f64", "flags", "from", "func",
    "future", "import", "include", "interface", "list", "map", "option", "own", "package", "record", "resource", "result", "s16", "s32",
    "s64", "s8", "static", "stream", "string", "tuple", "type", "u16", "u32", "u64", "u8", "use", "variant", "with", "world",
];
