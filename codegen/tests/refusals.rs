//! What the build refuses, and that it says so.

#![allow(clippy::unwrap_used, clippy::panic)]

use codegen::{Contract, Refusal};

/// A world with one interface, which holds an error type and the given text.
fn interface(body: &str) -> String {
    format!(
        "package test:test@0.1.0;
        /// Things.
        interface things {{
            /// E.
            variant error {{
                /// G.
                gone
            }}
            {body}
        }}
        world connector {{ export things; }}"
    )
}

/// The same, with one function that takes a record with the given fields.
fn field(types: &str, field: &str) -> String {
    interface(&format!(
        "{types}
        /// What to get.
        record wanted {{
            {field}
        }}
        /// Get a thing.
        get: func(input: wanted) -> result<string, error>;"
    ))
}

/// The same, with one function of the given signature.
fn signature(types: &str, signature: &str) -> String {
    interface(&format!("{types}\n/// Get a thing.\nget: {signature};"))
}

fn refusal(text: &str) -> Refusal {
    match Contract::parse(text, "connector") {
        Ok(_) => panic!("nothing was refused in\n{text}"),
        Err(error) => error
            .downcast::<Refusal>()
            .unwrap_or_else(|error| panic!("no refusal but {error:?} of\n{text}")),
    }
}

/// A refusal is told as the item, a colon, and the way out.
fn assert_names(refusal: &Refusal, item: &str) {
    let told = refusal.to_string();
    assert!(
        told.starts_with(&format!("{item}: ")),
        "{told:?} does not begin with {item:?}"
    );
}

fn assert_passes(text: &str) {
    Contract::parse(text, "connector").unwrap_or_else(|error| panic!("{error:#} in\n{text}"));
}

const RECORD: &str = "
    /// A thing.
    record thing {
        /// Its id.
        id: u64,
    }";

const REF: &str = "
    /// A record, by id or by name.
    /// @json bare
    variant ref {
        /// The id.
        id(u64),
        /// The name.
        name(string),
    }";

const CHANGE: &str = "
    /// A change of a text.
    /// @json change
    variant text-change {
        /// The new text.
        set(string),
        /// Take it away.
        clear,
    }";

const COLOUR: &str = "
    /// A colour.
    enum colour {
        /// As blood.
        red,
        /// As the sea.
        /// @json navy
        blue,
    }";

// ---- doc comments ----

#[test]
fn every_item_needs_a_doc_comment() {
    let get = "/// Get.\nget: func(input: wanted) -> result<string, error>;";
    for (item, text) in [
        ("things", interface("").replace("/// Things.", "")),
        (
            "things.get",
            interface("get: func() -> result<string, error>;"),
        ),
        (
            "wanted",
            interface(&format!("record wanted {{\n/// The id.\nid: u64 }}\n{get}")),
        ),
        (
            "wanted.id",
            interface(&format!("/// What.\nrecord wanted {{ id: u64 }}\n{get}")),
        ),
        (
            "colour",
            field(
                "enum colour {\n/// Red.\nred }",
                "/// A colour.\ncolour: colour,",
            ),
        ),
        (
            "colour.red",
            field(
                "/// Colours.\nenum colour { red }",
                "/// A colour.\ncolour: colour,",
            ),
        ),
        (
            "form",
            field(
                "variant form {\n/// A text.\ntext(string) }",
                "/// A form.\nform: form,",
            ),
        ),
        (
            "form.text",
            field(
                "/// Forms.\nvariant form { text(string) }",
                "/// A form.\nform: form,",
            ),
        ),
    ] {
        let refusal = refusal(&text);
        assert_eq!(refusal, Refusal::Undocumented { item: item.into() });
        assert_names(&refusal, item);
    }
}

#[test]
fn tags_are_no_help() {
    assert_eq!(
        refusal(&field("", "/// @format date\nday: string,")),
        Refusal::Undocumented {
            item: "wanted.day".into()
        }
    );
}

#[test]
fn text_after_a_tag_would_be_lost() {
    let refusal = refusal(&field(
        "",
        "/// A day.\n/// @format date\n/// In the calendar.\nday: string,",
    ));
    assert_eq!(
        refusal,
        Refusal::ProseAfterTags {
            item: "wanted.day".into()
        }
    );
    assert_names(&refusal, "wanted.day");
}

// ---- tags ----

#[test]
fn a_tag_that_does_not_exist_or_cannot_be_read_is_refused() {
    for (tag, ty) in [
        ("colour red", "string"),
        ("json", "string"),
        ("values A || B", "string"),
        ("format calendar", "string"),
        ("range 5", "u32"),
        ("range 9..1", "u32"),
        ("range low..high", "u32"),
        ("default many", "option<u32>"),
        ("default 5000000000", "option<u32>"),
        ("default yes", "option<bool>"),
        ("default blue", "option<colour>"),
    ] {
        let refusal = refusal(&field(
            COLOUR,
            &format!("/// A field.\n/// @{tag}\nfield: {ty},"),
        ));
        assert!(
            matches!(&refusal, Refusal::Tag { item, tag: told, .. } if item == "wanted.field" && told == tag),
            "{tag}: {refusal:?}"
        );
        assert_names(&refusal, "wanted.field");
    }
}

#[test]
fn a_default_lies_in_the_range() {
    let text = |default| {
        field(
            "",
            &format!(
                "/// A field.\n/// @default {default}\n/// @range 1..500\nfield: option<u32>,"
            ),
        )
    };
    assert!(matches!(refusal(&text("501")), Refusal::Tag { .. }));
    assert_passes(&text("500"));
}

#[test]
fn an_effect_is_one_of_three() {
    let text = |effect| {
        interface(&format!(
            "/// Get.\n/// @effect {effect}\nget: func() -> result<string, error>;"
        ))
    };
    let refused = refusal(&text("loud"));
    assert!(
        matches!(&refused, Refusal::Tag { item, .. } if item == "things.get"),
        "{refused:?}"
    );
    for effect in ["read", "write", "destructive"] {
        assert_passes(&text(effect));
    }
}

#[test]
fn a_tag_stands_where_it_is_read() {
    let get = "/// Get.\nget: func() -> result<string, error>;";
    for (item, text) in [
        (
            "things",
            interface(get).replace("/// Things.", "/// Things.\n/// @scope read"),
        ),
        (
            "things.get",
            interface(&format!("/// Get.\n/// @json fetch\n{get}")),
        ),
        (
            "things.get",
            interface(&format!("/// Get.\n/// @alias thing\n{get}")),
        ),
        (
            "thing",
            signature(
                &RECORD.replace("/// A thing.", "/// A thing.\n/// @json object"),
                "func(input: thing) -> result<_, error>",
            ),
        ),
        (
            "thing.id",
            signature(
                &RECORD.replace("/// Its id.", "/// Its id.\n/// @scope read"),
                "func(input: thing) -> result<_, error>",
            ),
        ),
        (
            "colour",
            field(
                &COLOUR.replace("/// A colour.", "/// A colour.\n/// @values red"),
                "/// A colour.\ncolour: colour,",
            ),
        ),
        (
            "colour.red",
            field(
                &COLOUR.replace("/// As blood.", "/// As blood.\n/// @range 1..2"),
                "/// A colour.\ncolour: colour,",
            ),
        ),
        (
            "ref",
            field(
                &REF.replace("/// @json bare", "/// @json bare\n/// @format date"),
                "/// A record.\nfield: ref,",
            ),
        ),
    ] {
        let refusal = refusal(&text);
        assert!(
            matches!(&refusal, Refusal::Misplaced { item: told, .. } if told == item),
            "{item}: {refusal:?}"
        );
        assert_names(&refusal, item);
    }
}

#[test]
fn a_tag_fits_the_type_of_its_field() {
    for (tag, ty) in [
        ("range 1..5", "string"),
        ("range 0..256", "u8"),
        ("range -1..5", "u32"),
        ("range 1..5", "f64"),
        ("format date", "u64"),
        ("format date", "list<string>"),
        ("format date", "ref"),
        ("values A | B", "bool"),
        ("default 5", "u32"),
        ("default 5", "option<f64>"),
        ("default 5", "option<thing>"),
        ("default 5", "option<ref>"),
        ("default 5", "option<list<string>>"),
        ("default 5", "option<text-change>"),
        ("json bare", "ref"),
        ("json change", "option<text-change>"),
        ("json base64", "string"),
        ("json base64", "list<u16>"),
        ("json base64", "option<string>"),
        ("json value", "string"),
        ("json value", "option<u64>"),
        ("json value", "list<string>"),
        ("json object", "thing"),
        ("json object", "option<thing>"),
        ("json object", "list<string>"),
        ("json object", "list<thing>"),
        ("json object", "list<ref>"),
        ("json name-or-number", "string"),
        ("json name-or-number", "u64"),
        ("json name-or-number", "thing"),
        ("choices stage after board", "string"),
        ("choices stage after field", "string"),
    ] {
        let types = [RECORD, REF, CHANGE].concat();
        let refusal = refusal(&field(
            &types,
            &format!("/// A field.\n/// @{tag}\nfield: {ty},"),
        ));
        assert!(
            matches!(&refusal, Refusal::Misplaced { item, .. } if item == "wanted.field"),
            "@{tag} on {ty}: {refusal:?}"
        );
        assert_names(&refusal, "wanted.field");
    }
}

#[test]
fn a_tag_fits_the_payload_of_its_case() {
    for (tag, case) in [
        ("range 1..5", "one"),
        ("format date", "one"),
        ("choices stage", "one"),
        ("format date", "one(u32)"),
        ("values A", "one(bool)"),
        ("range 1..5", "one(string)"),
        ("range 0..300", "one(u8)"),
        ("choices stage after board", "one(string)"),
        ("json base64", "one(string)"),
        ("json value", "one(string)"),
        ("json bare", "one(string)"),
        ("json object", "one(list<string>)"),
        ("default red", "one(string)"),
    ] {
        let types = format!(
            "/// Forms.\nvariant form {{\n/// One.\n/// @{tag}\n{case},\n/// Another.\nanother }}"
        );
        let refusal = refusal(&field(&types, "/// A form.\nform: form,"));
        assert!(
            matches!(&refusal, Refusal::Misplaced { item, .. } if item == "form.one"),
            "@{tag} on {case}: {refusal:?}"
        );
        assert_names(&refusal, "form.one");
    }
}

#[test]
fn a_variant_is_tagged_bare_or_a_change() {
    for form in ["object", "base64", "value", "myName"] {
        let types = REF.replace("@json bare", &format!("@json {form}"));
        let refusal = refusal(&field(&types, "/// A record.\nfield: ref,"));
        assert!(
            matches!(&refusal, Refusal::Misplaced { item, .. } if item == "ref"),
            "{form}: {refusal:?}"
        );
    }
}

// ---- functions ----

#[test]
fn a_verb_that_nobody_declared_has_no_known_effect() {
    for function in ["frobnicate", "getter", "re-create"] {
        let refusal = refusal(&interface(&format!(
            "/// Do it.\n{function}: func() -> result<string, error>;"
        )));
        assert_eq!(
            refusal,
            Refusal::Verb {
                function: format!("things.{function}")
            }
        );
        assert_names(&refusal, &format!("things.{function}"));
    }
}

#[test]
fn a_word_of_wit_is_no_name_of_a_function() {
    for word in [
        "list",
        "from",
        "import",
        "export",
        "use",
        "with",
        "error-context",
        "map",
    ] {
        let refusal = refusal(&interface(&format!(
            "/// Do it.\n%{word}: func() -> result<string, error>;"
        )));
        assert_eq!(
            refusal,
            Refusal::Keyword {
                function: format!("things.{word}")
            }
        );
        assert_names(&refusal, &format!("things.{word}"));
    }
}

#[test]
fn a_function_takes_one_record_named_input_or_plain_scalars() {
    let types = [RECORD, REF, CHANGE, COLOUR].concat();
    for params in [
        "thing: thing",
        "input: ref",
        "input: colour",
        "input: text-change",
        "input: list<thing>",
        "input: option<thing>",
        "input: option<string>",
        "input: thing, more: thing",
        "input: thing, id: u64",
        "id: u64, input: thing",
        "ids: list<u64>",
        "data: list<u8>",
    ] {
        let refusal = refusal(&signature(
            &types,
            &format!("func({params}) -> result<string, error>"),
        ));
        assert!(
            matches!(&refusal, Refusal::Signature { function, .. } if function == "things.get"),
            "{params}: {refusal:?}"
        );
        assert_names(&refusal, "things.get");
    }
    for params in [
        "",
        "input: thing",
        "id: u64",
        "id: u64, name: string, all: bool, share: f64",
    ] {
        assert_passes(&signature(
            &types,
            &format!("func({params}) -> result<string, error>"),
        ));
    }
}

#[test]
fn a_function_returns_a_result_with_the_error() {
    let types = [RECORD, "variant fault { gone }"].concat();
    for result in [
        "",
        "-> string",
        "-> thing",
        "-> option<thing>",
        "-> result",
        "-> result<thing>",
        "-> result<thing, string>",
        "-> result<thing, fault>",
    ] {
        let refusal = refusal(&signature(&types, &format!("func() {result}")));
        assert!(
            matches!(&refusal, Refusal::Signature { function, .. } if function == "things.get"),
            "{result}: {refusal:?}"
        );
    }
    for result in [
        "result<_, error>",
        "result<thing, error>",
        "result<list<thing>, error>",
        "result<option<thing>, error>",
        "result<u64, error>",
    ] {
        assert_passes(&signature(&types, &format!("func() -> {result}")));
    }
}

#[test]
fn a_method_or_an_async_function_is_no_operation() {
    let method = "resource file {\nget: func() -> result<string, error>; }";
    assert!(matches!(
        refusal(&interface(method)),
        Refusal::Signature { .. }
    ));
    assert!(matches!(
        refusal(&signature("", "async func() -> result<string, error>")),
        Refusal::Signature { .. }
    ));
}

#[test]
fn a_function_outside_of_an_interface_has_no_id() {
    let text =
        "package test:test;\nworld connector { export get: func() -> result<string, string>; }";
    assert!(matches!(refusal(text), Refusal::Signature { function, .. } if function == "get"));
    let text = "package test:test;\nworld connector { export things: interface { get: func() -> result<string, string>; } }";
    assert!(matches!(refusal(text), Refusal::Signature { function, .. } if function == "things"));
}

// ---- types ----

#[test]
fn a_type_without_natural_json_is_refused() {
    let types = [
        CHANGE,
        "resource file;",
        "flags rights { read, write }",
        "type pair = tuple<u64, u64>;",
    ]
    .concat();
    for (ty, kind) in [
        ("tuple<u64, string>", "tuple"),
        ("pair", "tuple"),
        ("rights", "flags"),
        ("char", "char"),
        ("f32", "f32"),
        ("file", "own"),
        ("borrow<file>", "borrow"),
        ("result<string>", "result"),
        ("map<string, u64>", "map"),
        ("future<string>", "future"),
        ("stream<u8>", "stream"),
        ("error-context", "error-context"),
        ("list<u64, 4>", "fixed-length list"),
        ("option<option<string>>", "option in an option"),
        ("option<option<text-change>>", "option in an option"),
        ("list<tuple<u64>>", "tuple"),
        ("list<option<char>>", "char"),
        (
            "list<u8>",
            "list<u8> that is no field tagged `@json base64`",
        ),
        (
            "option<list<u8>>",
            "list<u8> that is no field tagged `@json base64`",
        ),
        (
            "list<list<u8>>",
            "list<u8> that is no field tagged `@json base64`",
        ),
    ] {
        let refusal = refusal(&field(&types, &format!("/// A field.\nfield: {ty},")));
        assert_eq!(
            refusal,
            Refusal::NoJson {
                item: "wanted.field".into(),
                kind: kind.into()
            },
            "{ty}"
        );
        assert_names(&refusal, "wanted.field");
    }
}

#[test]
fn an_output_or_a_payload_has_json_too() {
    for ty in ["tuple<u64>", "list<u8>", "char", "option<option<string>>"] {
        let refused = refusal(&signature("", &format!("func() -> result<{ty}, error>")));
        assert!(
            matches!(&refused, Refusal::NoJson { item, .. } if item == "things.get"),
            "{ty}: {refused:?}"
        );
        let types = format!("/// Forms.\nvariant form {{\n/// One.\none({ty}) }}");
        let refused = refusal(&field(&types, "/// A form.\nform: form,"));
        assert!(
            matches!(&refused, Refusal::NoJson { item, .. } if item == "form.one"),
            "{ty}: {refused:?}"
        );
    }
    let types = "/// Forms.\nvariant form {\n/// One.\none(option<string>) }";
    assert!(
        matches!(refusal(&field(types, "/// A form.\nform: form,")), Refusal::NoJson { item, .. } if item == "form.one")
    );
}

#[test]
fn a_change_stands_in_an_option_of_a_record() {
    for ty in [
        "text-change",
        "list<text-change>",
        "list<option<text-change>>",
        "option<list<text-change>>",
    ] {
        let refused = refusal(&field(CHANGE, &format!("/// A field.\nfield: {ty},")));
        assert!(
            matches!(&refused, Refusal::Misplaced { item, .. } if item == "wanted.field"),
            "{ty}: {refused:?}"
        );
    }
    for ty in ["text-change", "option<text-change>"] {
        let refused = refusal(&signature(
            CHANGE,
            &format!("func() -> result<{ty}, error>"),
        ));
        assert!(
            matches!(&refused, Refusal::Misplaced { item, .. } if item == "things.get"),
            "{ty}: {refused:?}"
        );
    }
    assert_passes(&field(CHANGE, "/// A field.\nfield: option<text-change>,"));
}

#[test]
fn a_change_is_set_or_clear() {
    for cases in [
        "/// Set.\nset(string)",
        "/// Set.\nset,\n/// Clear.\nclear",
        "/// Set.\nset(string),\n/// Clear.\nclear(string)",
        "/// Put.\nput(string),\n/// Clear.\nclear",
        "/// Clear.\nclear,\n/// Set.\nset(string)",
        "/// Set.\nset(string),\n/// Clear.\nclear,\n/// More.\nmore",
        "/// Set.\n/// @format date\nset(string),\n/// Clear.\nclear",
    ] {
        let types = format!("/// A change.\n/// @json change\nvariant text-change {{\n{cases} }}");
        let refused = refusal(&field(&types, "/// A field.\nfield: option<text-change>,"));
        assert!(
            matches!(refused, Refusal::Misplaced { .. }),
            "{cases}: {refused:?}"
        );
    }
}

#[test]
fn a_changed_field_takes_the_tags_of_what_it_is_set_to() {
    assert_passes(&field(
        CHANGE,
        "/// A day.\n/// @format date\nfield: option<text-change>,",
    ));
    let refused = refusal(&field(
        CHANGE,
        "/// A number.\n/// @range 1..5\nfield: option<text-change>,",
    ));
    assert!(matches!(refused, Refusal::Misplaced { .. }), "{refused:?}");
}

#[test]
fn the_cases_of_a_bare_variant_differ_in_json() {
    let types = [RECORD, COLOUR, REF].concat();
    for (cases, kind) in [
        ("/// A.\na(u64),\n/// B.\nb(f64)", "number"),
        ("/// A.\na(string),\n/// B.\nb(colour)", "string"),
        ("/// A.\na(list<string>),\n/// B.\nb(list<u64>)", "array"),
        ("/// A.\na(thing),\n/// B.\nb(tagged)", "object"),
        ("/// A.\na(string),\n/// B.\nb(ref)", "string"),
        ("/// A.\na(string),\n/// B.\nb(tagged)", "string"),
    ] {
        let types = format!(
            "{types}\n/// Tagged.\nvariant tagged {{\n/// One.\none(string),\n/// Two.\ntwo }}\n/// Bare.\n/// @json bare\nvariant form {{\n{cases} }}"
        );
        let refused = refusal(&field(&types, "/// A form.\nform: form,"));
        assert_eq!(
            refused,
            Refusal::AmbiguousBare {
                item: "form".into(),
                kind: kind.into()
            },
            "{cases}"
        );
        assert_names(&refused, "form");
    }
    let types = format!(
        "{RECORD}\n/// Bare.\n/// @json bare\nvariant form {{\n/// A.\na(thing),\n/// B.\nb(list<thing>),\n/// C.\nc(string),\n/// D.\nd(bool),\n/// E.\ne(s8) }}"
    );
    assert_passes(&field(&types, "/// A form.\nform: form,"));
}

#[test]
fn a_bare_case_without_payload_has_no_json() {
    let types = "/// Bare.\n/// @json bare\nvariant form {\n/// A.\na(u64),\n/// B.\nb }";
    let refused = refusal(&field(types, "/// A form.\nform: form,"));
    assert!(
        matches!(&refused, Refusal::Misplaced { item, .. } if item == "form.b"),
        "{refused:?}"
    );
}

#[test]
fn a_key_of_an_object_is_a_text_or_an_id() {
    let text = |key: &str, value: &str| {
        let types = [RECORD, REF, CHANGE, COLOUR].concat();
        let types = format!(
            "{types}\n/// An entry.\nrecord entry {{\n/// The key.\nkey: {key},\n/// The value.\nvalue: {value} }}"
        );
        field(
            &types,
            "/// Entries.\n/// @json object\nfield: list<entry>,",
        )
    };
    for key in [
        "bool",
        "u32",
        "s64",
        "f64",
        "option<string>",
        "thing",
        "list<string>",
    ] {
        let refused = refusal(&text(key, "string"));
        assert!(
            matches!(&refused, Refusal::Misplaced { item, .. } if item == "wanted.field"),
            "{key}: {refused:?}"
        );
    }
    for key in ["string", "u64", "ref", "colour"] {
        assert_passes(&text(key, "option<string>"));
    }
    let refused = refusal(&text("string", "option<text-change>"));
    assert!(
        matches!(&refused, Refusal::Misplaced { item, .. } if item == "wanted.field"),
        "{refused:?}"
    );
}

// ---- names ----

#[test]
fn a_name_in_json_stands_for_one_thing() {
    for (item, name, text) in [
        (
            "wanted",
            "name",
            field(
                "",
                "/// A.\nname: string,\n/// B.\n/// @json name\nlabel: string,",
            ),
        ),
        (
            "wanted",
            "firstName",
            field(
                "",
                "/// A.\nfirst-name: string,\n/// B.\n/// @json firstName\nlabel: string,",
            ),
        ),
        (
            "colour",
            "red",
            field(
                &COLOUR.replace("navy", "red"),
                "/// A colour.\nfield: colour,",
            ),
        ),
        (
            "form",
            "a",
            field(
                "/// Forms.\nvariant form {\n/// A.\na,\n/// B.\n/// @json a\nb(string) }",
                "/// A form.\nfield: form,",
            ),
        ),
    ] {
        let refusal = refusal(&text);
        assert_eq!(
            refusal,
            Refusal::Twice {
                item: item.into(),
                name: name.into()
            }
        );
        assert_names(&refusal, item);
    }
}

#[test]
fn types_of_two_interfaces_have_names_of_their_own() {
    let text = "package test:test;
        interface one {
            /// A thing.
            record thing {
                /// Its id.
                id: u64,
            }
        }
        /// Things.
        interface things {
            use one.{thing as other};
            /// E.
            variant error {
                /// G.
                gone
            }
            /// Another thing.
            record thing {
                /// One of the others.
                other: other,
            }
            /// Get.
            get: func(input: thing) -> result<string, error>;
        }
        world connector { export things; }";
    assert!(matches!(refusal(text), Refusal::Twice { name, .. } if name == "thing"));
}

#[test]
fn an_id_and_an_alias_stand_for_one_operation() {
    let text = "package test:test;
        interface types { /// E.
            variant error {
                /// G.
                gone
            } }
        /// Cases.
        /// @alias projects
        interface cases {
            use types.{error};
            /// Get.
            get: func() -> result<string, error>;
        }
        /// Projects.
        interface projects {
            use types.{error};
            /// Get.
            get: func() -> result<string, error>;
        }
        world connector { export cases; export projects; }";
    let refused = refusal(text);
    assert_eq!(
        refused,
        Refusal::Twice {
            item: "projects".into(),
            name: "projects.get".into()
        }
    );
}

// ---- WIT itself ----

#[test]
fn text_that_is_no_wit_is_an_error_of_the_parser() {
    for text in [
        "",
        "package test:test",
        "package test:test; world other {}",
        "nonsense",
    ] {
        let error = Contract::parse(text, "connector").err().unwrap();
        assert!(error.downcast_ref::<Refusal>().is_none(), "{error:?}");
    }
}

// ---- triggers ----

/// A world whose events wait for one trigger, with the given tags.
fn trigger(tags: &str) -> String {
    let tags: String = tags.lines().map(|tag| format!("/// {tag}\n")).collect();
    format!(
        "package test:test@0.1.0;
        /// Events.
        /// @events
        interface events {{
            /// E.
            variant error {{
                /// G.
                gone
            }}
            /// What is wanted.
            record options {{
                /// For whom.
                owner: option<string>,
            }}
            /// A thing.
            record thing {{
                /// Its id.
                id: u64,
            }}
            /// What one can wait for.
            /// @triggers
            variant trigger {{
                /// A thing is made.
                {tags}thing-made(options),
            }}
            /// What an event carries.
            /// @data
            variant data {{
                /// A thing.
                thing(thing),
                /// Nothing.
                nothing,
            }}
            /// What to poll for.
            record wanted {{
                /// Who waits.
                listeners: list<trigger>,
            }}
            /// What was found.
            record found {{
                /// It.
                events: list<data>,
            }}
            /// Frobnicate: no verb that operations have.
            frobnicate: func(input: wanted) -> result<found, error>;
        }}
        world connector {{ export events; }}"
    )
}

const TRIGGER: &str = "@trigger thing.made\n@group Things\n@feed things\n@gives thing";

#[test]
fn functions_of_events_need_no_verb() {
    assert_passes(&trigger(TRIGGER));
    let plain = trigger(TRIGGER).replace("/// @events\n", "");
    assert!(matches!(refusal(&plain), Refusal::Verb { .. }));
}

#[test]
fn a_trigger_says_its_id_its_group_and_what_it_gives() {
    for tag in ["@trigger thing.made", "@group Things", "@gives thing"] {
        let refused = refusal(&trigger(&TRIGGER.replace(tag, "@scope read")));
        assert_names(&refused, "trigger.thing-made");
        let name = tag.split(' ').next().unwrap();
        assert!(
            refused.to_string().contains(&format!("`{name}`")),
            "{refused}"
        );
    }
}

#[test]
fn a_trigger_is_fired_by_a_hook_or_by_a_feed() {
    let refused = refusal(&trigger(&TRIGGER.replace("@feed things", "@scope read")));
    assert!(matches!(refused, Refusal::Trigger { .. }));
    assert!(
        refused.to_string().contains("`@hook` or `@feed`"),
        "{refused}"
    );
    assert_passes(&trigger(
        &TRIGGER.replace("@feed things", "@hook thing/made"),
    ));
}

#[test]
fn the_administrator_of_a_trigger_is_that_of_its_hooks() {
    let alone = format!("{TRIGGER}\n@administrator");
    assert!(matches!(refusal(&trigger(&alone)), Refusal::Trigger { .. }));
    assert_passes(&trigger(&format!("{alone}\n@hook thing/made")));
}

#[test]
fn what_a_trigger_gives_is_a_case_with_a_payload() {
    for gives in ["nothing", "elsewhere"] {
        let tags = TRIGGER.replace("@gives thing", &format!("@gives {gives}"));
        let refused = refusal(&trigger(&tags));
        assert!(
            refused.to_string().contains(&format!("`@gives {gives}`")),
            "{refused}"
        );
    }
}

#[test]
fn a_trigger_has_a_payload_of_options() {
    let text = trigger(TRIGGER).replace("thing-made(options)", "thing-made");
    assert!(matches!(refusal(&text), Refusal::Trigger { .. }));
}

#[test]
fn tags_of_a_trigger_stand_on_a_trigger() {
    let text = trigger(TRIGGER).replace("/// Nothing.", "/// Nothing.\n/// @feed things");
    assert_names(&refusal(&text), "data.nothing");
    let text = trigger(TRIGGER).replace("/// @triggers\n", "");
    assert_names(&refusal(&text), "trigger.thing-made");
}

#[test]
fn one_variant_holds_the_triggers_and_one_the_data() {
    let text = trigger(TRIGGER).replace("/// @data", "/// @data\n/// @triggers");
    assert!(matches!(refusal(&text), Refusal::Misplaced { .. }));
}

#[test]
fn an_id_of_a_trigger_stands_for_it_alone() {
    let text = trigger(TRIGGER).replace(
        "thing-made(options),",
        "thing-made(options),
        /// It is made again.
        /// @trigger thing.made
        /// @group Things
        /// @feed things
        /// @gives thing
        thing-made-again(options),",
    );
    assert!(matches!(refusal(&text), Refusal::Twice { .. }));
    let alias = format!("{TRIGGER}\n@alias thing.made");
    assert!(matches!(refusal(&trigger(&alias)), Refusal::Twice { .. }));
}
