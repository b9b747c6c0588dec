//! What is generated for a good text. That it compiles and works is shown by `fixture/`.

#![allow(clippy::unwrap_used, clippy::panic)]

use codegen::{Contract, Generated, Paths, generate};

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
        variant error { gone }
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
        contract
            .contains(r#"static ARTICLES_GET_INPUT: Record = Record { name: "ArticlesGetInput""#)
    );
    assert!(contract.contains(r#"Field { json: "dryRun", title: "Dry run", doc: "", shape: Shape::Boolean, hints: Hints::NONE }"#));
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
    assert!(!contract.contains("::Error for") && !contract.contains("static ERROR"));
}

#[test]
fn the_typed_exports_call_the_bodies() {
    let exports = generated(TEXT).exports;
    assert_eq!(exports.matches("impl b::exports::").count(), 1, "{exports}");
    for piece in [
        "impl b::exports::test::shop::articles::Guest for Component {",
        "fn list_all(input: b::test::shop::types::ListArticles) -> Result<b::test::shop::types::ArticlePage, Error> {",
        "run(async move |client| a::articles::list_all(client, input).await)",
        "fn get(id: u64, dry_run: bool) -> Result<b::test::shop::types::Article, Error> {",
        "a::articles::get(client, id, dry_run)",
        "fn delete(id: u64) -> Result<(), Error> {",
    ] {
        assert!(exports.contains(piece), "{piece} is missing in {exports}");
    }
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
