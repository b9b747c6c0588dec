use super::opportunities::opportunity;
use super::projects::project;
use super::*;
use crate::api::{Client, Sending, Settings, Transport};
use crate::model::time::{Seconds, instant, written};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

const LIST: &str = "sync.list-changes";
const NOW: &str = "Tue, 03 Feb 2026 09:15:00 GMT";
const NEXT: &str = "2026-02-03T09:10:00Z";
const SINCE: &str = "since=2026-02-01T00%3A00%3A00Z";

fn parties(query: &str) -> String {
    format!("/api/v2/parties?{query}page=1&perPage=100")
}

/// The rest of a link to a page of parties.
fn link(query: &str) -> String {
    format!("<https://api.capsulecrm.com/api/v2/parties?{query}>; rel=\"next\"")
}

// ---- what is sent, and what comes back ----

#[test]
fn a_first_sync_gives_all_records_and_no_deletions() {
    let script = Script::new()
        .on("GET", &parties(""), 200, all(&[person(9001, json!({}))]))
        .with("date", NOW)
        .on(
            "GET",
            "/api/v2/opportunities?page=1&perPage=100",
            200,
            json!({"opportunities": [opportunity(json!({}))]}),
        )
        .with("date", "Tue, 03 Feb 2026 09:15:09 GMT")
        .on(
            "GET",
            "/api/v2/kases?page=1&perPage=100",
            200,
            json!({"kases": [project(json!({"id": 78}))]}),
        );
    let (output, _) = done(script, LIST, &json!({}));
    let told: Vec<_> = output["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (
                item["kind"].clone(),
                item["id"].clone(),
                item["change"].clone(),
                item["at"].clone(),
            )
        })
        .collect();
    let at = json!("2026-01-05T08:00:00Z");
    let row = |kind: &str, id: u64| (json!(kind), json!(id), json!("changed"), at.clone());
    assert_eq!(
        told,
        [
            row("parties", 9001),
            row("opportunities", 77),
            row("projects", 78)
        ]
    );
    assert_eq!(output["items"][0]["record"]["party"]["firstName"], "Ines");
    assert_eq!(output["items"][1]["record"]["opportunity"]["id"], 77);
    assert_eq!(output["items"][2]["record"]["project"]["id"], 78);
    assert_eq!((output.get("next"), &output["since"]), (None, &json!(NEXT)));
}

#[test]
fn a_later_sync_gives_what_was_deleted_and_what_is_hidden_too() {
    let feed = json!({
        "parties": [{"id": 7, "deletedAt": "2026-02-02T03:04:05Z"}],
        "restrictedParties": [{"id": 8, "type": "person", "lastName": "Private", "isRestricted": true}],
    });
    let script = Script::new()
        .on("GET", &parties(&format!("{SINCE}&")), 200, all(&[]))
        .with("date", NOW)
        .on(
            "GET",
            &format!("/api/v2/parties/deleted?{SINCE}&page=1&perPage=100"),
            200,
            feed,
        )
        .on(
            "GET",
            &format!("/api/v2/kases?{SINCE}&page=1&perPage=100"),
            200,
            json!({"kases": []}),
        )
        .on(
            "GET",
            &format!("/api/v2/kases/deleted?{SINCE}&page=1&perPage=98"),
            200,
            json!({"kases": [{"id": 9}], "restrictedKases": []}),
        );
    let input =
        json!({"kinds": ["projects", "parties", "projects"], "since": "2026-02-01T00:00:00Z"});
    let (output, _) = done(script, LIST, &input);
    assert_eq!(
        output,
        json!({"since": NEXT, "items": [
            {"kind": "parties", "id": 7, "change": "deleted", "at": "2026-02-02T03:04:05Z"},
            {"kind": "parties", "id": 8, "change": "restricted"},
            {"kind": "projects", "id": 9, "change": "deleted"},
        ]})
    );
}

#[test]
fn tags_and_fields_are_read_along() {
    let row = person(
        9001,
        json!({
            "tags": [{"id": 5, "name": "VIP"}],
            "fields": [{"id": 1, "definition": {"id": 12, "name": "Region"}, "value": "EMEA", "tagId": null}],
        }),
    );
    let script = Script::new()
        .on(
            "GET",
            DEFINITIONS,
            200,
            definitions(&[definition(12, "Region", "text")]),
        )
        .on("GET", &parties("embed=tags,fields&"), 200, all(&[row]))
        .with("date", NOW);
    let input = json!({"kinds": ["parties"], "embed": {"tags": true, "fields": true}});
    let (output, _) = done(script, LIST, &input);
    let party = &output["items"][0]["record"]["party"];
    assert_eq!(party["tags"][0]["name"], "VIP");
    assert_eq!(party["fields"], json!({"12": "EMEA"}));
}

#[test]
fn the_next_page_begins_before_the_end_of_the_one_before() {
    let rows =
        |ids: std::ops::Range<u64>| -> Vec<Value> { ids.map(|id| person(id, json!({}))).collect() };
    let script = Script::new()
        .on("GET", &parties(""), 200, all(&rows(1..101)))
        .with("date", NOW)
        .with("link", &link("page=2&perPage=100"));
    let input = json!({"kinds": ["parties"], "limit": 100});
    let (first, _) = done(script, LIST, &input);
    assert_eq!(
        (first["items"].as_array().unwrap().len(), first.get("since")),
        (100, None)
    );
    let script = Script::new().on(
        "GET",
        "/api/v2/parties?page=2&perPage=92",
        200,
        all(&rows(93..131)),
    );
    let input = over(input, json!({"cursor": first["next"]}));
    let (second, _) = done(script, LIST, &input);
    let ids: Vec<_> = second["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["id"].as_u64().unwrap())
        .collect();
    assert_eq!(ids, (101..131).collect::<Vec<_>>());
    assert_eq!((second.get("next"), &second["since"]), (None, &json!(NEXT)));
}

// ---- what is refused ----

#[test]
fn an_answer_without_a_clock_begins_no_sync() {
    for date in [None, Some("Mon, 01 Jan 0001 00:00:00 GMT"), Some("noon")] {
        let mut script = Script::new().on("GET", &parties(""), 200, all(&[]));
        if let Some(date) = date {
            script = script.with("date", date);
        }
        assert_eq!(fault(failed(script, LIST, &json!({}))).0, "unsupported");
    }
}

#[test]
fn a_cursor_of_another_sync_or_of_no_sync_is_stale() {
    let rows: Vec<_> = (1..4).map(|id| person(id, json!({}))).collect();
    let script = Script::new()
        .on("GET", &parties(""), 200, all(&rows))
        .with("date", NOW);
    let (output, _) = done(script, LIST, &json!({"kinds": ["parties"], "limit": 2}));
    let next = output["next"].as_str().unwrap();
    for (input, cursor) in [
        (json!({}), next),
        (json!({"kinds": ["opportunities"]}), next),
        (
            json!({"kinds": ["parties"], "since": "2026-02-01T00:00:00Z"}),
            next,
        ),
        (json!({"kinds": ["parties"], "embed": {"tags": true}}), next),
        (json!({"kinds": ["parties"]}), ""),
        (json!({"kinds": ["parties"]}), "1.0.0"),
        (json!({"kinds": ["parties"]}), &next.replacen("1.", "2.", 1)),
        (json!({"kinds": ["parties"]}), &format!("{next}-zz")),
        (json!({"kinds": ["parties"]}), &next[..next.len() - 33]),
    ] {
        let input = over(input, json!({"cursor": cursor}));
        let error = failed(Script::new(), LIST, &input);
        assert_eq!(fault(error).0, "stale-cursor", "{input}");
    }
}

#[test]
fn a_list_in_no_order_is_given_up() {
    // Each page holds other records than the one before.
    let server = Server::new(300, Order::None);
    let client = server.client();
    let mut cursor = Value::Null;
    for _ in 0..100 {
        let input = json!({"kinds": ["parties"], "cursor": cursor});
        match block_on(invoke(&client, LIST, &input.to_string())) {
            Ok(page) => cursor = serde_json::from_str::<Value>(&page).unwrap()["next"].take(),
            Err(error) => return assert_eq!(fault(error).0, "unsupported"),
        }
        assert!(cursor.is_string());
    }
    panic!("it goes on for ever");
}

// ---- a copy that keeps up ----

/// How a server sorts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Order {
    Id,
    NewestFirst,
    Updated,
    /// Other ids at each request.
    None,
}

/// What happens between two requests.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Created,
    Changed(prop::sample::Index),
    Deleted(prop::sample::Index),
    /// The first of the list, so that all others shift.
    FirstDeleted,
}

struct Account {
    clock: Seconds,
    order: Order,
    /// Id and last change.
    rows: Vec<(u64, Seconds)>,
    deleted: Vec<(u64, Seconds)>,
    /// What happens before each request.
    plans: VecDeque<Vec<Happening>>,
    created: u64,
    requests: u32,
}

/// A list of parties that changes while it is read.
#[derive(Clone)]
struct Server(Rc<RefCell<Account>>);

const START: Seconds = 1_770_110_100;

impl Server {
    fn new(count: u64, order: Order) -> Self {
        let rows = (1..=count)
            // Neither in the order of the ids.
            .map(|id| (id, START - 90_000 + (id * 7_919 % 1_000) as Seconds))
            .collect();
        Self(Rc::new(RefCell::new(Account {
            clock: START,
            order,
            rows,
            deleted: Vec::new(),
            plans: VecDeque::new(),
            created: count,
            requests: 0,
        })))
    }

    fn client(&self) -> Client {
        let settings = Settings {
            access_token: Some("t".into()),
            ..Settings::default()
        };
        Client::new(self.clone(), settings)
    }

    /// Syncs, each page in a sandbox of its own, and brings a copy up to date. Where the next sync begins.
    fn sync(&self, copy: &mut BTreeMap<u64, Seconds>, since: &Value, limits: &[u32]) -> Value {
        let mut cursor = Value::Null;
        for turn in 0..2_000 {
            let limit = limits[turn % limits.len()];
            let input =
                json!({"kinds": ["parties"], "since": since, "limit": limit, "cursor": cursor});
            let page = block_on(invoke(&self.client(), LIST, &input.to_string())).unwrap();
            let mut page: Value = serde_json::from_str(&page).unwrap();
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= limit as usize);
            for item in items {
                let id = item["id"].as_u64().unwrap();
                if item["change"] == "changed" {
                    copy.insert(id, instant(item["at"].as_str().unwrap()).unwrap());
                } else {
                    copy.remove(&id);
                }
            }
            cursor = page["next"].take();
            if cursor.is_null() {
                return page["since"].take();
            }
            assert!(cursor.as_str().unwrap().len() < 300);
        }
        panic!("the sync does not end");
    }

    fn rows(&self) -> BTreeMap<u64, Seconds> {
        self.0.borrow().rows.iter().copied().collect()
    }
}

impl Account {
    fn happen(&mut self) {
        self.clock += 1;
        self.requests += 1;
        for happening in self.plans.pop_front().unwrap_or_default() {
            match happening {
                Happening::Created => {
                    self.created += 1;
                    self.rows.push((self.created, self.clock));
                }
                _ if self.rows.is_empty() => {}
                Happening::Changed(index) => {
                    let index = index.index(self.rows.len());
                    self.rows[index].1 = self.clock;
                }
                Happening::FirstDeleted => {
                    let (id, _) = self.rows.remove(0);
                    self.deleted.push((id, self.clock));
                }
                Happening::Deleted(index) => {
                    let (id, _) = self.rows.remove(index.index(self.rows.len()));
                    self.deleted.push((id, self.clock));
                }
            }
        }
        match self.order {
            Order::Id => self.rows.sort_by_key(|row| row.0),
            Order::NewestFirst => self
                .rows
                .sort_by_key(|row| std::cmp::Reverse((row.1, row.0))),
            Order::Updated => self.rows.sort_by_key(|row| (row.1, row.0)),
            Order::None => self.rows.iter_mut().for_each(|row| row.0 += 1_000),
        }
    }
}

/// The date of an answer.
fn date(at: Seconds) -> String {
    let text = written(at);
    let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let month: usize = text[5..7].parse().unwrap();
    let month = &months[month * 3 - 3..month * 3];
    format!(
        "Tue, {} {month} {} {} GMT",
        &text[8..10],
        &text[..4],
        &text[11..19]
    )
}

impl Transport for Server {
    fn send(&self, request: http::Request<Vec<u8>>) -> Sending<'_> {
        let mut account = self.0.borrow_mut();
        account.happen();
        let uri = request.uri();
        let pairs: BTreeMap<&str, &str> = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let since = pairs.get("since").map(|since| since.replace("%3A", ":"));
        let since = since.map_or(Seconds::MIN, |since| instant(&since).unwrap());
        let gone = uri.path() == "/api/v2/parties/deleted";
        assert!(gone || uri.path() == "/api/v2/parties", "{uri}");
        let rows = if gone {
            &account.deleted
        } else {
            &account.rows
        };
        let rows: Vec<_> = rows.iter().filter(|row| row.1 > since).collect();
        let page: usize = pairs["page"].parse().unwrap();
        let size: usize = pairs["perPage"].parse().unwrap();
        let more = page * size < rows.len();
        let given: Vec<_> = rows
            .iter()
            .skip((page - 1) * size)
            .take(size)
            .map(|(id, at)| {
                if gone {
                    json!({"id": id, "deletedAt": written(*at)})
                } else {
                    json!({"id": id, "type": "person", "lastName": "D", "updatedAt": written(*at)})
                }
            })
            .collect();
        let reply = http::Response::builder()
            .status(200)
            .header("date", date(account.clock))
            .header("x-pagination-has-more", if more { "true" } else { "false" })
            .body(json!({"parties": given}).to_string().into_bytes());
        Box::pin(std::future::ready(Ok(reply.unwrap())))
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

fn happenings() -> impl Strategy<Value = VecDeque<Vec<Happening>>> {
    let one = prop_oneof![
        Just(Happening::Created),
        any::<prop::sample::Index>().prop_map(Happening::Changed),
        any::<prop::sample::Index>().prop_map(Happening::Deleted),
        Just(Happening::FirstDeleted),
    ];
    let between = prop::collection::vec(one, 0..12);
    prop::collection::vec_deque(between, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn two_syncs_make_a_true_copy_whatever_happens_during_the_first(
        count in 0_u64..500,
        order in prop_oneof![Just(Order::Id), Just(Order::NewestFirst), Just(Order::Updated)],
        limits in prop::collection::vec(prop_oneof![30_u32..60, 1_u32..=500], 1..4),
        plans in happenings(),
    ) {
        let limits: Vec<u32> = limits.into_iter().map(|limit| limit.max(7)).collect();
        let server = Server::new(count, order);
        server.0.borrow_mut().plans = plans;
        let mut copy = BTreeMap::new();
        let since = server.sync(&mut copy, &Value::Null, &limits);
        server.0.borrow_mut().plans.clear();
        server.sync(&mut copy, &since, &limits);
        prop_assert_eq!(copy, server.rows());
    }
}

#[test]
fn a_sync_cut_after_every_page_gives_each_record_once_where_nothing_moves() {
    for limit in [1, 7, 100, 500] {
        let server = Server::new(333, Order::Id);
        let client = server.client();
        let mut ids = Vec::new();
        let mut input = json!({"kinds": ["parties"], "limit": limit});
        loop {
            let page = block_on(invoke(&client, LIST, &input.to_string())).unwrap();
            let page: Value = serde_json::from_str(&page).unwrap();
            let items = page["items"].as_array().unwrap();
            ids.extend(items.iter().map(|item| item["id"].as_u64().unwrap()));
            let Some(next) = page.get("next") else { break };
            input["cursor"] = next.clone();
        }
        assert_eq!(ids, (1..=333).collect::<Vec<_>>(), "{limit}");
    }
}

#[test]
fn a_page_that_is_asked_for_twice_gives_the_same() {
    let server = Server::new(333, Order::Updated);
    let first = json!({"kinds": ["parties"]});
    let page = block_on(invoke(&server.client(), LIST, &first.to_string())).unwrap();
    let page: Value = serde_json::from_str(&page).unwrap();
    let input = over(first, json!({"cursor": page["next"]})).to_string();
    let [one, other] = [0, 1].map(|_| block_on(invoke(&server.client(), LIST, &input)).unwrap());
    assert_eq!(one, other);
}

#[test]
fn a_sync_of_many_records_costs_a_request_for_75_of_them() {
    for limit in [100, 500] {
        let server = Server::new(6_000, Order::Id);
        let mut copy = BTreeMap::new();
        server.sync(&mut copy, &Value::Null, &[limit]);
        assert_eq!(copy, server.rows());
        let requests = server.0.borrow().requests;
        assert!(requests <= 6_000 / 75, "{requests} requests at {limit}");
    }
}
