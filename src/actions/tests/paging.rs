//! Lists, page by page, against a server of many rows.

use super::*;
use crate::api::{Client, Sending, Settings, Transport};
use crate::bindings::capsule::crm::types::ListParties;
use proptest::prelude::*;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How a server says that there is more.
#[derive(Clone, Copy, Debug, PartialEq)]
enum More {
    Link,
    Header,
    Both,
    /// It does not know pages: it gives all rows whatever page is asked for.
    Unpaged,
    /// It gives less at a time than it is asked for.
    AtMost(u64),
}

/// A list of rows.
#[derive(Clone)]
struct Rows {
    count: u64,
    more: More,
    /// The row that has no id.
    broken: Option<u64>,
    requests: Rc<Cell<u32>>,
}

fn parameter(uri: &http::Uri, name: &str) -> u64 {
    let pairs = uri.query().unwrap_or_default().split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map_or(1, |(_, value)| value.parse().unwrap())
}

impl Transport for Rows {
    fn send(&self, request: http::Request<Vec<u8>>) -> Sending<'_> {
        self.requests.set(self.requests.get() + 1);
        let uri = request.uri();
        let (page, asked) = (parameter(uri, "page"), parameter(uri, "perPage"));
        assert!((1..=100).contains(&asked) && page >= 1, "{uri}");
        let per_page = if let More::AtMost(most) = self.more {
            asked.min(most)
        } else {
            asked
        };
        let (from, to) = match self.more {
            More::Unpaged => (0, self.count),
            _ => ((page - 1) * per_page, (page * per_page).min(self.count)),
        };
        let rows: Vec<_> = (from + 1..=to)
            .map(|id| {
                let mut row = json!({"id": id, "type": "person", "lastName": "D"});
                if id % 170 == 0 {
                    // Written so, a row can't pass as text: the list goes on as trees from there.
                    row["organisation"] = json!({"id": 5.0, "name": "Lagoa Foods"});
                }
                if self.broken == Some(id) {
                    row["id"] = Value::Null;
                }
                row
            })
            .collect();
        let mut reply = http::Response::builder().status(200);
        let more = to < self.count;
        if more && matches!(self.more, More::Link | More::Both | More::AtMost(_)) {
            let rest = uri
                .query()
                .unwrap_or_default()
                .replace(&format!("page={page}&"), &format!("page={}&", page + 1));
            let link = format!("<{API}{}?{rest}>; rel=\"next\"", uri.path());
            reply = reply.header(
                "link",
                if page > 1 {
                    format!("<{API}{}?page=1>; rel=\"prev\", {link}", uri.path())
                } else {
                    link
                },
            );
        }
        if matches!(self.more, More::Header | More::Both) {
            reply = reply.header("x-pagination-has-more", if more { "true" } else { "false" });
        }
        let body = json!({"parties": rows, "meta": {"totalCount": self.count}})
            .to_string()
            .into_bytes();
        Box::pin(std::future::ready(Ok(reply.body(body).unwrap())))
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

const API: &str = "https://api.capsulecrm.com";

fn server(count: u64, more: More) -> (Client, Rc<Cell<u32>>) {
    let requests = Rc::new(Cell::new(0));
    let rows = Rows {
        count,
        more,
        broken: None,
        requests: Rc::clone(&requests),
    };
    (client(rows), requests)
}

fn client(rows: Rows) -> Client {
    let settings = Settings {
        access_token: Some("t".into()),
        web_url: Some("https://lagoa.capsulecrm.com".into()),
        ..Settings::default()
    };
    Client::new(rows, settings)
}

/// Walks a list with one limit after the other: the ids in the order in which they came.
fn walk(client: &Client, limits: &[u32]) -> Vec<u64> {
    let mut seen = Vec::new();
    let mut cursor = None;
    for index in 0..10_000 {
        let limit = limits[index % limits.len()];
        let input = ListParties {
            since: None,
            limit: Some(limit),
            cursor: cursor.take(),
            embed: None,
        };
        let page = block_on(crate::actions::parties::list_all(client, input));
        let page = page.unwrap().into_model();
        assert!(page.items.len() <= limit as usize);
        for party in &page.items {
            let url = format!("https://lagoa.capsulecrm.com/party/{}", party.id);
            assert_eq!(party.web_url.as_ref(), Some(&url));
            seen.push(party.id);
        }
        match page.next {
            Some(next) => {
                assert!(next.len() <= 8192);
                cursor = Some(next);
            }
            None => return seen,
        }
    }
    panic!("the list does not end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_list_gives_every_row_once_whatever_the_limits(
        count in 0_u64..450,
        limits in proptest::collection::vec(prop_oneof![1_u32..20, 1_u32..=500], 1..4),
        more in prop_oneof![
            Just(More::Link), Just(More::Header), Just(More::Both), Just(More::Unpaged), (1_u64..120).prop_map(More::AtMost)
        ],
    ) {
        // A server that gives fewer rows than asked for makes many pages.
        let limits = if matches!(more, More::AtMost(most) if most < 5) { vec![500] } else { limits };
        let (client, _) = server(count, more);
        prop_assert_eq!(walk(&client, &limits), (1..=count).collect::<Vec<_>>());
    }
}

#[test]
fn a_list_of_a_full_page_ends_with_it() {
    for more in [More::Link, More::Header, More::Both, More::Unpaged] {
        let (client, requests) = server(200, more);
        assert_eq!(walk(&client, &[100]).len(), 200);
        assert_eq!(requests.get(), 2, "{more:?}");
    }
}

#[test]
fn a_large_limit_after_a_small_one_does_not_go_on_in_small_steps() {
    let (client, requests) = server(500, More::Link);
    assert_eq!(walk(&client, &[1, 500]).len(), 500);
    assert!(requests.get() <= 21, "{} requests", requests.get());
}

#[test]
fn a_limit_that_ends_inside_a_page_goes_on_inside_it() {
    let rows = all(&[
        person(1, json!({})),
        person(2, json!({})),
        person(3, json!({})),
    ]);
    let script = || {
        Script::new().on(
            "GET",
            "/api/v2/parties?embed=meta&page=1&perPage=25",
            200,
            rows.clone(),
        )
    };
    let (first, _) = done(script(), "parties.list-all", &json!({"limit": 2}));
    let (second, _) = done(
        script(),
        "parties.list-all",
        &json!({"limit": 2, "cursor": first["next"]}),
    );
    assert_eq!(
        (&second["items"][0]["id"], second.get("next")),
        (&json!(3), None)
    );
}

#[test]
fn a_broken_row_is_told_by_its_place_among_all_that_were_read() {
    for broken in [Some(30), Some(1), Some(200), None] {
        let rows = Rows {
            count: 200,
            more: More::AtMost(25),
            broken,
            requests: Rc::default(),
        };
        let output = block_on(invoke(
            &client(rows),
            "parties.list-all",
            r#"{"limit":500}"#,
        ));
        let Some(broken) = broken else {
            assert!(output.is_ok());
            continue;
        };
        let (name, fault) = fault(output.unwrap_err());
        assert_eq!(name, "malformed-response");
        let place = format!("/items/{}/id: `id` is required", broken - 1);
        assert!(fault.message.contains(&place), "{}", fault.message);
    }
}

#[test]
fn the_total_is_capsules_count() {
    let (client, _) = server(321, More::Link);
    let output: Value = serde_json::from_str(
        &block_on(invoke(&client, "parties.list-all", r#"{"limit":3}"#)).unwrap(),
    )
    .unwrap();
    assert_eq!(
        (output["items"].as_array().unwrap().len(), &output["total"]),
        (3, &json!(321))
    );
}

#[test]
fn a_list_that_never_ends_ends_the_call() {
    struct Endless(Cell<u32>);
    impl Transport for Endless {
        fn send(&self, _: http::Request<Vec<u8>>) -> Sending<'_> {
            self.0.set(self.0.get() + 1);
            assert!(
                self.0.get() <= 100,
                "more than a hundred requests in one call"
            );
            let reply = http::Response::builder()
                .header("x-pagination-has-more", "true")
                .body(br#"{"parties":[]}"#.to_vec())
                .unwrap();
            Box::pin(std::future::ready(Ok(reply)))
        }
        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }
    }
    let client = Client::new(
        Endless(Cell::new(0)),
        Settings {
            access_token: Some("t".into()),
            ..Settings::default()
        },
    );
    let output: Value =
        serde_json::from_str(&block_on(invoke(&client, "parties.list-all", "{}")).unwrap())
            .unwrap();
    assert_eq!(output["items"], json!([]));
    assert!(output["next"].is_string());
}

// ---- links ----

/// What comes of a list whose first page of one row has this link to more.
fn linked(link: &str) -> Result<Value, Error> {
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/parties?embed=meta&page=1&perPage=25",
            200,
            json!({"parties": [person(1, json!({}))]}),
        )
        .with("link", link);
    play(script, "parties.list-all", &json!({"limit": 1})).0
}

#[test]
fn a_link_is_followed_by_its_page_number_alone() {
    for link in [
        "<https://api.capsulecrm.com/api/v2/parties?page=2&perPage=1>; rel=\"next\"",
        "<https://api.capsulecrm.com/api/v2/parties?perPage=1&page=2&q=x>; rel=next",
        "</api/v2/parties?page=2>; rel=\"next\"",
        "<https://api.capsulecrm.com/api/v2/parties?page=1>; rel=\"prev\", <https://api.capsulecrm.com/api/v2/parties?page=2>; rel=\"next\"",
    ] {
        assert!(linked(link).unwrap()["next"].is_string(), "{link}");
    }
}

#[test]
fn a_link_that_leads_elsewhere_or_does_not_go_on_is_malformed() {
    for link in [
        "<https://evil.example/api/v2/parties?page=2>; rel=\"next\"",
        "<https://api.capsulecrm.com.evil.example/api/v2/parties?page=2>; rel=\"next\"",
        "<https://api.capsulecrm.com/api/v2/users?page=2>; rel=\"next\"",
        "<http://api.capsulecrm.com/api/v2/parties?page=2>; rel=\"next\"",
        "<https://api.capsulecrm.com/api/v2/parties?page=1>; rel=\"next\"",
        "<https://api.capsulecrm.com/api/v2/parties?page=x>; rel=\"next\"",
        "<https://api.capsulecrm.com/api/v2/parties>; rel=\"next\"",
        "<https://api.capsulecrm.com/api/v2/parties?page=99999999999>; rel=\"next\"",
    ] {
        assert_eq!(
            fault(linked(link).unwrap_err()).0,
            "malformed-response",
            "{link}"
        );
    }
}

#[test]
fn no_link_to_more_is_the_end() {
    for link in [
        "<https://api.capsulecrm.com/api/v2/parties?page=1>; rel=\"prev\"",
        "nonsense",
        "<",
    ] {
        assert!(linked(link).unwrap().get("next").is_none(), "{link}");
    }
}

#[test]
fn a_link_by_the_given_base_is_followed() {
    let settings = Settings {
        access_token: Some("t".into()),
        api_base: Some("http://127.0.0.1:8080/capsule/".into()),
        ..Settings::default()
    };
    let (client, log) = Script::new()
        .on(
            "GET",
            "/capsule/api/v2/parties?embed=meta&page=1&perPage=25",
            200,
            json!({"parties": [person(1, json!({}))]}),
        )
        .with(
            "link",
            "<http://127.0.0.1:8080/capsule/api/v2/parties?page=2>; rel=\"next\"",
        )
        .client_with(settings);
    let output: Value = serde_json::from_str(
        &block_on(invoke(&client, "parties.list-all", r#"{"limit":1}"#)).unwrap(),
    )
    .unwrap();
    assert!(output["next"].is_string());
    assert_eq!(
        log.sent(0).line,
        "GET http://127.0.0.1:8080/capsule/api/v2/parties?embed=meta&page=1&perPage=25"
    );
}

// ---- cursors ----

#[test]
fn a_cursor_that_is_not_of_this_list_is_stale_before_any_request() {
    let next = linked("</api/v2/parties?page=2>; rel=\"next\"").unwrap()["next"].clone();
    for (id, input) in [
        (
            "parties.list-all",
            json!({"since": "2026-01-01T00:00:00Z", "cursor": next}),
        ),
        ("parties.search", json!({"q": "x", "cursor": next})),
        (
            "parties.list-all",
            json!({"embed": {"tags": true}, "cursor": next}),
        ),
        ("parties.list-all", json!({"cursor": "damaged"})),
        ("parties.list-all", json!({"cursor": ""})),
        (
            "parties.list-all",
            json!({"cursor": "https://evil.example/"}),
        ),
    ] {
        assert_eq!(
            fault(failed(Script::new(), id, &input)).0,
            "stale-cursor",
            "{id} {input}"
        );
    }
}

#[test]
fn a_cursor_at_the_end_of_all_numbers_does_not_overflow() {
    let next = linked("</api/v2/parties?page=2>; rel=\"next\"").unwrap()["next"].clone();
    let parts: Vec<&str> = next.as_str().unwrap().split('.').collect();
    let last = format!("{}.{}.{}.100.0", parts[0], parts[1], u32::MAX);
    let script = Script::new()
        .on(
            "GET",
            "/api/v2/parties?embed=meta&page=4294967295&perPage=100",
            200,
            json!({"parties": [person(1, json!({}))]}),
        )
        .with("x-pagination-has-more", "true");
    let (output, _) = done(
        script,
        "parties.list-all",
        &json!({"limit": 1, "cursor": last}),
    );
    assert_eq!(output["items"][0]["id"], 1);
}
