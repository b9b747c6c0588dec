//! Bodies, queries and paths that nobody should send: the fake refuses or ignores them, and never breaks.

use axum::body::Body;
use http::{Method, Request, header};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::faults::Fault;
use super::journal::redact;
use super::tests::Bench;

/// Keys that mean something somewhere, so that random bodies get past the first look.
const KEYS: [&str; 40] = [
    "id",
    "_delete",
    "name",
    "type",
    "firstName",
    "title",
    "owner",
    "team",
    "party",
    "kase",
    "opportunity",
    "organisation",
    "milestone",
    "stage",
    "value",
    "amount",
    "currency",
    "probability",
    "duration",
    "status",
    "dueOn",
    "dueTime",
    "description",
    "content",
    "entryAt",
    "category",
    "repeat",
    "tags",
    "fields",
    "definition",
    "phoneNumbers",
    "addresses",
    "country",
    "websites",
    "service",
    "conditions",
    "field",
    "operator",
    "orderBy",
    "direction",
];

const TEXTS: [&str; 18] = [
    "",
    "person",
    "organisation",
    "note",
    "COMPLETED",
    "2026-12-01",
    "-009999-01-01",
    "9999-12-31T23:59:59Z",
    "25:61",
    "GBP",
    "is",
    "is within last",
    "is older than",
    "addedOn",
    "tag",
    "custom:5",
    "descending",
    "İ\u{0}\u{1F600}",
];

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0u64..12).prop_map(Value::from),
        Just(json!(9001)),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(&TEXTS[..]).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((prop::sample::select(&KEYS[..]), inner), 0..8).prop_map(
                |pairs| {
                    Value::Object(
                        pairs
                            .into_iter()
                            .map(|(key, value)| (key.to_owned(), value))
                            .collect::<Map<_, _>>(),
                    )
                }
            ),
        ]
    })
}

/// Where a body can go: method, path, root key.
const DOORS: [(Method, &str, &str); 14] = [
    (Method::POST, "/parties", "party"),
    (Method::PUT, "/parties/9001", "party"),
    (Method::POST, "/parties/filters/results", "filter"),
    (Method::POST, "/opportunities", "opportunity"),
    (Method::POST, "/opportunities/filters/results", "filter"),
    (Method::POST, "/opportunities/value", "filter"),
    (Method::POST, "/kases", "kase"),
    (Method::POST, "/tasks", "task"),
    (Method::POST, "/entries", "entry"),
    (Method::POST, "/tracks", "track"),
    (Method::POST, "/trackdefinitions", "trackDefinition"),
    (Method::POST, "/parties/fields/definitions", "definition"),
    (Method::POST, "/goals", "goal"),
    (Method::POST, "/resthooks", "restHook"),
];

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_body_is_answered(value in json_value()) {
        run(async {
            let bench = Bench::new(3);
            for (method, path, root) in DOORS {
                let body = json!({ root: value });
                let got = bench.send(bench.request(method, path, Some(&body))).await;
                assert!(got.status.as_u16() < 500, "{path}: {:?}", got.body);
            }
            // What was stored can be shown.
            for path in ["/parties?embed=tags,fields,missingImportantFields,organisation", "/tasks", "/entries"] {
                assert_eq!(bench.get(path).await.status, 200);
            }
        });
    }

    #[test]
    fn any_path_and_query_is_answered(path in "[a-z0-9,%/.-]{0,30}", query in "[a-zA-Z0-9=&%,+-]{0,40}") {
        run(async {
            let bench = Bench::new(1);
            for prefix in ["/api/v2/", "/api/v2/parties/", "/oauth/authorise/", "/"] {
                let uri = format!("{prefix}{path}?since=1&page={query}&{query}");
                let request = Request::get(uri).header(header::AUTHORIZATION, "Bearer x").body(Body::empty());
                if let Ok(request) = request {
                    assert!(bench.raw(request).await.status().as_u16() < 500);
                }
            }
        });
    }

    #[test]
    fn any_fault_header_is_read_or_refused(text in ".{0,60}") {
        let _ = Fault::parse(&text);
        let _ = redact(&text);
    }

    #[test]
    fn a_secret_never_gets_past_the_journal(name in "access_token|refresh_token|client_secret|code|state", before in "[a-z]{0,4}=[a-z]{0,4}&") {
        let secret = "5ecret-valu3";
        let told = redact(&format!("{before}{name}={secret}"));
        prop_assert!(!told.contains(secret));
    }
}
