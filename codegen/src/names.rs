//! Spellings: from WIT's kebab-case to Rust's, to JSON's, and to what people read.

/// `first-name` becomes `firstName`.
pub(crate) fn camel(kebab: &str) -> String {
    let pascal = pascal(kebab);
    let mut chars = pascal.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

/// `first-name` becomes `FirstName`. WIT allows words of capitals too: `URL-path` becomes `UrlPath`, as `wit-bindgen` has it.
pub(crate) fn pascal(kebab: &str) -> String {
    kebab.to_lowercase().split('-').map(capitalised).collect()
}

/// The name of a type: as [`pascal`] has it, but for the one that `wit-bindgen` keeps for its traits.
pub(crate) fn type_name(kebab: &str) -> String {
    let name = pascal(kebab);
    if name == "Guest" { name + "_" } else { name }
}

/// `first-name` becomes `first_name`; a Rust keyword gets `wit-bindgen`'s trailing underscore.
pub(crate) fn snake(kebab: &str) -> String {
    let name = kebab.to_lowercase().replace('-', "_");
    if RUST_KEYWORDS.contains(&name.as_str()) {
        name + "_"
    } else {
        name
    }
}

/// `first-name` becomes `First name`.
pub(crate) fn title(kebab: &str) -> String {
    capitalised(&kebab.replace('-', " "))
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// The words that `wit-bindgen` escapes.
const RUST_KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "if", "impl", "in",
    "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Words that WIT keeps for itself: as a function's name they need a `%`, which tools that call by name do not take.
pub(crate) const WIT_KEYWORDS: &[&str] = &[
    "as",
    "async",
    "bool",
    "borrow",
    "char",
    "constructor",
    "enum",
    "error-context",
    "export",
    "f32",
    "f64",
    "flags",
    "from",
    "func",
    "future",
    "import",
    "include",
    "interface",
    "list",
    "map",
    "option",
    "own",
    "package",
    "record",
    "resource",
    "result",
    "s16",
    "s32",
    "s64",
    "s8",
    "static",
    "stream",
    "string",
    "tuple",
    "type",
    "u16",
    "u32",
    "u64",
    "u8",
    "use",
    "variant",
    "with",
    "world",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_spelling_for_each_reader() {
        for (kebab, in_json, of_types, of_fields, for_people) in [
            (
                "first-name",
                "firstName",
                "FirstName",
                "first_name",
                "First name",
            ),
            ("id", "id", "Id", "id", "Id"),
            ("type", "type", "Type", "type_", "Type"),
            ("URL-path", "urlPath", "UrlPath", "url_path", "URL path"),
            ("line2", "line2", "Line2", "line2", "Line2"),
        ] {
            assert_eq!(camel(kebab), in_json);
            assert_eq!(pascal(kebab), of_types);
            assert_eq!(snake(kebab), of_fields);
            assert_eq!(title(kebab), for_people);
        }
        assert_eq!(type_name("new-person"), "NewPerson");
        assert_eq!(type_name("guest"), "Guest_");
    }
}
