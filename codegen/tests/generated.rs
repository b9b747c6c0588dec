//! What is generated for a good text. That it compiles and works is shown by `fixture/`.

#![allow(clippy::unwrap_used, clippy::panic)]

use codegen::{Contract, Generated, Paths, generate, generate_neutral};

fn paths() -> Paths {
    Paths {
        bindings: "b".into(),
        contract: "c".into(),
        actions: "a".into(),
        client: "k::Client".into(),
    }
}

fn generated(text: &str) -> Generated {
    Contract::parse(text, "connector")
        .unwrap_or_else(|error| panic!("{error:#}"))
        .generate(&paths())
}

const TEXT: &str = "package test:shop@1.2.3;
    interface types {
        /// E.
            variant error {
                /// G.
                gone
            }
        /// How to sort.
        enum order {
            /// Cheapest first.
            price,
            /// Newest first.
            /// @json newest first
            age,
        }
        /// Which articles to list.
        record list-articles {
            /// Results in a page.
            /// @default 100
            /// @range 1..500
            limit: option<u32>,
            /// How to sort.
            /// @default newest first
            order: option<order>,
            /// Where the page before ended.
            cursor: option<string>,
        }
        /// An article.
        record article {
            /// Its id.
            id: u64,
        }
        /// A page.
        record article-page {
            /// The articles.
            items: list<article>,
            /// None: the end.
            next: option<string>,
        }
        /// All articles.
        record all-articles {
            /// The articles.
            items: list<article>,
        }
        /// Never used.
        record unused {
            /// Nothing.
            nothing: tuple<u8>,
        }
    }
    /// Articles of the shop.
    /// @alias goods
    /// @alias wares
    interface articles {
        use types.{error, list-articles, article, article-page, all-articles};
        /// List articles.
        ///
        /// Cheapest first.
        /// @scope read
        list-all: func(input: list-articles) -> result<article-page, error>;
        /// Get all articles.
        get-all: func(input: list-articles) -> result<all-articles, error>;
        /// Get an article.
        get: func(id: u64, dry-run: bool) -> result<article, error>;
        /// Delete an article.
        delete: func(id: u64) -> result<_, error>;
    }
    interface internal {
        frobnicate: func();
    }
    package other:neutral@2.0.0 {
        interface chatter {
            frobnicate: func() -> string;
        }
    }
    world connector {
        import internal;
        export articles;
        export other:neutral/chatter@2.0.0;
    }";

/// The row of an operation in the table.
fn row<'a>(contract: &'a str, id: &str) -> &'a str {
    contract
        .lines()
        .find(|line| line.contains(&format!("Operation {{ id: {id:?},")))
        .unwrap_or_else(|| panic!("no row of {id}"))
}

#[test]
fn an_operation_exists_for_each_function_of_the_package_and_no_other() {
    let contract = generated(TEXT).contract;
    let ids: Vec<_> = contract
        .lines()
        .filter_map(|line| line.split("Operation { id: \"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(
        ids,
        [
            "articles.delete",
            "articles.get",
            "articles.get-all",
            "articles.list-all"
        ]
    );
}

#[test]
fn a_row_says_what_the_doc_comment_says() {
    let contract = generated(TEXT).contract;
    let row = row(&contract, "articles.list-all");
    for piece in [
        r#"title: "List articles""#,
        r#"help: "Cheapest first.""#,
        r#"group: "Articles of the shop""#,
        r#"aliases: &["goods.list-all", "wares.list-all"]"#,
        "effect: Effect::Read",
        "repeat_safe: true",
        r#"scopes: &["read"]"#,
        "administrator: false",
        r#"typed: "test:shop/articles@1.2.3.list-all""#,
        "input: Shape::Record(&LIST_ARTICLES)",
        "output: Some(Shape::Record(&ARTICLE_PAGE))",
    ] {
        assert!(row.contains(piece), "{piece} is missing in {row}");
    }
}

#[test]
fn an_operation_is_paged_where_a_cursor_goes_in_and_items_and_next_come_out() {
    let contract = generated(TEXT).contract;
    for (id, paged) in [
        ("articles.list-all", true),
        ("articles.get-all", false),
        ("articles.get", false),
        ("articles.delete", false),
    ] {
        assert!(
            row(&contract, id).contains(&format!("paged: {paged},")),
            "{id}"
        );
    }
}

#[test]
fn scalars_become_a_record_of_their_own() {
    let contract = generated(TEXT).contract;
    assert!(
        contract.contains(r#"static ARTICLES_GET_INPUT: Record = Record::new("ArticlesGetInput""#)
    );
    assert!(contract.contains(
        r#"Field { json: "dryRun", doc: "", shape: Shape::Boolean, hints: &Hints::NONE }"#
    ));
    assert!(row(&contract, "articles.get").contains("input: Shape::Record(&ARTICLES_GET_INPUT)"));
    assert!(row(&contract, "articles.delete").contains("output: None"));
}

#[test]
fn a_default_becomes_a_method_that_holds_the_range() {
    let contract = generated(TEXT).contract;
    assert!(contract.contains(
        "pub fn limit_or_default(&self) -> u32 { self.limit.unwrap_or(100).clamp(1, 500) }"
    ));
    assert!(contract.contains("self.order.unwrap_or(b::test::shop::types::Order::Age)"));
    assert!(!contract.contains("cursor_or_default"));
}

#[test]
fn types_that_no_operation_uses_are_left_alone() {
    let contract = generated(TEXT).contract;
    assert!(!contract.contains("Unused"));
}

#[test]
fn the_typed_exports_run_the_rows_of_their_operations() {
    let generated = generated(TEXT);
    let exports = &generated.exports;
    // Sorted by id: delete, get, list-all.
    for piece in [
        r#"#[unsafe(export_name = "test:shop/articles@1.2.3#delete")]
extern "C" fn articles_delete(p0: u64) -> u32 { typed(&c::OPERATIONS[0], Arguments::Flat(&[p0])) }"#,
        "fn articles_get(p0: u64, p1: u32) -> u32 { typed(&c::OPERATIONS[1], Arguments::Flat(&[p0, u64::from(p1)])) }",
        "fn articles_list_all(",
    ] {
        assert!(exports.contains(piece), "{piece} is missing in {exports}");
    }
    assert!(exports.contains(&format!("[u8; {}]", generated.component_type.len())));
    assert!(generated.component_type.starts_with(b"\0asm"));
}

#[test]
fn more_arguments_than_sixteen_come_in_memory() {
    let fields: String = (0..17)
        .map(|index| format!("/// F.\nf{index}: u8,\n"))
        .collect();
    let text = format!(
        "package test:shop@1.2.3;
        interface articles {{
            /// E.
            variant error {{
                /// G.
                gone
            }}
            /// Many.
            record many {{ {fields} }}
            /// Get it all.
            get: func(input: many) -> result<_, error>;
        }}
        world connector {{ export articles; }}"
    )
    .replace(
        "interface articles {",
        "/// Articles.\ninterface articles {",
    );
    let exports = generated(&text).exports;
    assert!(
        exports.contains(
            "fn articles_get(p0: u32) -> u32 { typed(&c::OPERATIONS[0], Arguments::Memory(p0 as usize)) }"
        ),
        "{exports}"
    );
}

#[test]
fn the_same_text_gives_the_same_code() {
    let (one, other) = (generated(TEXT), generated(TEXT));
    assert_eq!((one.contract, one.exports), (other.contract, other.exports));
}

#[test]
fn a_folder_is_read_with_its_dependencies() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixture/wit");
    let generated = generate(folder.as_ref(), "connector", &paths()).unwrap();
    assert!(generated.contract.contains(r#"id: "things.update""#));
}

#[test]
fn a_world_or_a_folder_that_is_not_there_is_told() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixture/wit");
    let error = generate(folder.as_ref(), "elsewhere", &paths()).unwrap_err();
    assert!(format!("{error:#}").contains("elsewhere"), "{error:#}");
    let error = generate("no/such/folder".as_ref(), "connector", &paths()).unwrap_err();
    assert!(format!("{error:#}").contains("no/such/folder"), "{error:#}");
}

#[test]
fn functions_of_events_are_exported_and_are_no_operations() {
    let text = TEXT.replace(
        "world connector {",
        "/// Events of the shop.
            /// @events
            interface events {
                use types.{error, article};
                /// Frobnicate.
                frobnicate: func(input: article) -> result<article, error>;
            }
            world connector {
                export events;",
    );
    let generated = generated(&text);
    let (operations, events) = generated
        .contract
        .split_once("pub static EVENT_FUNCTIONS")
        .unwrap();
    assert!(!operations.contains("id: \"events.frobnicate\""));
    assert!(events.contains("id: \"events.frobnicate\""));
    assert!(
        generated.exports.contains(
            "fn events_frobnicate(p0: u64) -> u32 { typed(&c::EVENT_FUNCTIONS[0], Arguments::Flat(&[p0])) }"
        ),
        "{}",
        generated.exports
    );
}

#[test]
fn functions_of_other_packages_are_exported_as_they_are() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixture/wit");
    let neutral = generate_neutral(folder.as_ref(), "bound", &paths()).unwrap();
    for piece in [
        // More than sixteen arguments lie in memory.
        r#"#[unsafe(export_name = "integration:connector/calls@0.1.0#send")]
extern "C" fn calls_send(p0: u32) -> u32 { neutral(&c::FUNCTIONS[0], Arguments::Memory(p0 as usize), |input| { let mut input = json::object(input); <Component as b::exports::integration::connector::calls::Guest>::send(Json::from_json(json::take(&mut input, "request")), "#,
        r#"#[unsafe(export_name = "integration:connector/calls@0.1.0#forget")]
extern "C" fn calls_forget() -> u32 { neutral(&c::FUNCTIONS[1], Arguments::Flat(&[]), |input| { drop(input); <Component as b::exports::integration::connector::calls::Guest>::forget().map(|()| Value::Null) }) }"#,
    ] {
        assert!(
            neutral.exports.contains(piece),
            "{piece} is missing in {}",
            neutral.exports
        );
    }
    assert!(
        neutral
            .exports
            .contains(&format!("[u8; {}]", neutral.component_type.len()))
    );
    // A world without such interfaces has none of it.
    let none = generate_neutral(folder.as_ref(), "connector", &paths()).unwrap();
    assert!(none.tables.contains("FUNCTIONS: &[Function] = &[\n]"));
    assert!(!none.exports.contains("export_name"));
}
