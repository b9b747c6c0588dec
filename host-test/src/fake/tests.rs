//! The client that the tests of this folder speak through, and the tests of what belongs to no single resource.

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{Behaviour, Clock, Fake, FakeOptions};

/// 2026-11-24T12:00:00Z.
pub(super) const NOON: i64 = 1_795_521_600;

/// A fake with a manual clock and a client of its router.
pub(super) struct Bench {
    pub(super) fake: Fake,
    router: Router,
    token: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The body as JSON; null when there is none.
    pub(super) body: Value,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// Message, resource and field of the only error of a 422.
    pub(super) fn violation(&self) -> (&str, &str, &str) {
        assert_eq!(
            self.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{:?}",
            self.body
        );
        assert_eq!(self.body["message"], "Validation Failed");
        let errors = self.body["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let text = |key: &str| errors[0][key].as_str().unwrap();
        (text("message"), text("resource"), text("field"))
    }
}

/// Options with a manual clock that stands at [`NOON`].
pub(super) fn options(parties: usize) -> FakeOptions {
    FakeOptions {
        parties,
        clock: Clock::manual_at(NOON),
        ..FakeOptions::default()
    }
}

impl Bench {
    pub(super) fn new(parties: usize) -> Bench {
        Bench::with(options(parties))
    }

    pub(super) fn with(options: FakeOptions) -> Bench {
        let fake = Fake::new(options);
        Bench {
            router: fake.router(),
            fake,
            token: "some-token".to_owned(),
        }
    }

    pub(super) fn behaving(parties: usize, behaviour: Behaviour) -> Bench {
        Bench::with(FakeOptions {
            behaviour,
            ..options(parties)
        })
    }

    /// The same account seen through another token.
    pub(super) fn with_token(&self, token: &str) -> Bench {
        Bench {
            fake: self.fake.clone(),
            router: self.router.clone(),
            token: token.to_owned(),
        }
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.fake
            .clock()
            .advance(std::time::Duration::from_secs(seconds));
    }

    pub(super) async fn raw(&self, request: Request<Body>) -> http::Response<Body> {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Got {
        let (parts, body) = self.raw(request).await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).unwrap()
        };
        Got {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    /// A request with the bearer token; `path` begins after `/api/v2`.
    pub(super) fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Request<Body> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v2{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        match body {
            None => request.body(Body::empty()).unwrap(),
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string()))
                .unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Got {
        self.send(self.request(Method::GET, path, None)).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Got {
        self.send(self.request(Method::POST, path, Some(&body)))
            .await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Got {
        self.send(self.request(Method::PUT, path, Some(&body)))
            .await
    }

    pub(super) async fn delete(&self, path: &str) -> Got {
        self.send(self.request(Method::DELETE, path, None)).await
    }

    /// Creates a party and gives its id.
    pub(super) async fn party(&self, party: Value) -> u64 {
        let got = self.post("/parties", json!({ "party": party })).await;
        assert_eq!(got.status, StatusCode::CREATED, "{:?}", got.body);
        got.body["party"]["id"].as_u64().unwrap()
    }

    /// The ids of the parties that fit a filter.
    pub(super) async fn filtered(&self, path: &str, filter: Value) -> Vec<u64> {
        let got = self
            .post(
                &format!("{path}/filters/results"),
                json!({ "filter": filter }),
            )
            .await;
        assert_eq!(got.status, StatusCode::OK, "{:?}", got.body);
        ids(&got.body[path.trim_start_matches('/')])
    }
}

/// The ids of a list.
pub(super) fn ids(list: &Value) -> Vec<u64> {
    list.as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn an_unknown_path_is_not_found() {
    let got = Bench::new(0).get("/projects").await;
    assert_eq!(
        (got.status, got.body),
        (
            StatusCode::NOT_FOUND,
            json!({ "message": "Could not find resource" })
        )
    );
}

#[tokio::test]
async fn a_known_path_with_the_wrong_verb_is_not_allowed() {
    let got = Bench::new(0).delete("/parties").await;
    assert_eq!(
        (got.status, got.body),
        (
            StatusCode::METHOD_NOT_ALLOWED,
            json!({ "message": "Method not allowed" })
        )
    );
}

#[tokio::test]
async fn a_request_without_a_token_is_unauthorised_even_when_lenient() {
    let bench = Bench::new(0);
    let got = bench
        .send(Request::get("/api/v2/parties").body(Body::empty()).unwrap())
        .await;
    assert_eq!(got.status, StatusCode::UNAUTHORIZED);
    assert!(
        got.header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
    assert!(got.body["message"].is_string());
}

#[tokio::test]
async fn doubled_slashes_in_a_path_do_no_harm() {
    let bench = Bench::new(1);
    let request = Request::get("//api//v2/parties//9001?embed=tags")
        .header(header::AUTHORIZATION, "Bearer x")
        .body(Body::empty())
        .unwrap();
    let got = bench.send(request).await;
    assert_eq!(got.status, StatusCode::OK);
    assert!(got.body["party"]["tags"].is_array());
}

#[tokio::test]
async fn a_body_on_a_get_is_ignored() {
    let bench = Bench::new(1);
    let got = bench
        .send(bench.request(Method::GET, "/parties", Some(&json!([1]))))
        .await;
    assert_eq!(got.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_is_dated_by_the_clock() {
    let got = Bench::new(0).get("/nothing").await;
    assert_eq!(got.header("date"), Some("Tue, 24 Nov 2026 12:00:00 GMT"));
}

#[tokio::test]
async fn the_date_may_run_ahead_of_the_stamps() {
    let behaviour = Behaviour {
        date_skew: jiff::SignedDuration::from_secs(90),
        ..Behaviour::default()
    };
    let bench = Bench::behaving(0, behaviour);
    let got = bench
        .post(
            "/parties",
            json!({ "party": { "type": "person", "firstName": "A" } }),
        )
        .await;
    assert_eq!(got.header("date"), Some("Tue, 24 Nov 2026 12:01:30 GMT"));
    assert_eq!(got.body["party"]["createdAt"], "2026-11-24T12:00:00Z");
}

#[tokio::test]
async fn the_rate_limit_belongs_to_the_user_and_ends_with_the_hour() {
    let bench = Bench::with(FakeOptions {
        rate_limit: 2,
        ..options(0)
    });
    let colleague = bench.with_token(&bench.fake.issue_personal_token("jnovak", "read"));
    let first = bench.get("/site").await;
    assert_eq!(first.header("x-ratelimit-limit"), Some("2"));
    assert_eq!(first.header("x-ratelimit-remaining"), Some("1"));
    assert_eq!(first.header("x-ratelimit-reset"), Some("1795525200"));
    bench.get("/site").await;
    let third = bench.with_token("another").get("/site").await;
    assert_eq!(third.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(third.body, json!({ "error": "rate limit reached" }));
    assert_eq!(third.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(third.header("retry-after"), None);
    assert_eq!(colleague.get("/site").await.status, StatusCode::OK);
    bench.advance(3_600);
    assert_eq!(bench.get("/site").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_for_reading_may_filter_but_not_write() {
    let bench = Bench::new(1);
    let reader = bench.with_token(&bench.fake.issue_personal_token("rkaya", "read"));
    assert_eq!(reader.filtered("/parties", json!({})).await, [9001]);
    let got = reader.delete("/parties/9001").await;
    assert_eq!(
        (got.status, got.body),
        (
            StatusCode::FORBIDDEN,
            json!({ "message": "Requires additional scope" })
        )
    );
    assert!(got.headers.contains_key("www-authenticate"));
}

#[tokio::test]
async fn a_body_that_is_not_json_is_a_bad_request() {
    let bench = Bench::new(0);
    let mut request = bench.request(Method::POST, "/parties", Some(&json!({})));
    *request.body_mut() = Body::from("{\"party\":");
    let got = bench.send(request).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    assert!(got.body["message"].is_string());
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let bench = Bench::new(0);
    let mut request = bench.request(Method::POST, "/parties", Some(&json!({})));
    request
        .headers_mut()
        .insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    assert_eq!(
        bench.send(request).await.status,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
}

#[tokio::test]
async fn the_journal_holds_requests_without_tokens() {
    let bench = Bench::new(0).with_token("very-secret");
    bench.get("/parties?access_token=very-secret&page=1").await;
    let rows = bench.fake.journal();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].path, "/api/v2/parties");
    assert_eq!(rows[0].query, "access_token=[redacted]&page=1");
    assert_eq!(rows[0].status, Some(StatusCode::OK));
    assert!(!format!("{rows:?}").contains("very-secret"));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_account() {
    let pages = [Bench::new(300), Bench::new(300)].map(|bench| async move {
        bench
            .get("/parties?perPage=100&page=3&embed=tags,fields")
            .await
            .body
    });
    let [left, right] = pages;
    let (left, right) = (left.await, right.await);
    assert_eq!(left, right);
    let other = Bench::with(FakeOptions {
        seed: 2,
        ..options(300)
    });
    assert_ne!(
        other
            .get("/parties?perPage=100&page=3&embed=tags,fields")
            .await
            .body,
        left
    );
}

#[test]
fn an_account_of_a_hundred_thousand_parties_is_made() {
    assert_eq!(Fake::new(options(100_000)).party_count(), 100_000);
}

/// Faults as a client sees them, in process and on a socket.
mod faulty {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::super::{DropWhen, Fault, FaultRule};
    use super::*;

    fn rule(fault: Fault) -> FaultRule {
        FaultRule::new(fault)
            .on(Method::POST, "/api/v2/parties")
            .times(1)
    }

    fn create() -> Value {
        json!({ "party": { "type": "person", "firstName": "A" } })
    }

    /// A served fake and its address. The server ends with the test's runtime.
    async fn served(bench: &Bench) -> std::net::SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(bench.fake.clone().serve(listener));
        address
    }

    /// Everything that the server sends until it closes.
    async fn talk(address: std::net::SocketAddr, host: &str, request: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "{request} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer x\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset is one of the ways in which a dropped connection shows.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_status_comes_instead_of_the_work() {
        let bench = Bench::new(0);
        bench.fake.faults().add(rule(
            Fault::status(503).with_body(json!({ "message": "down" })),
        ));
        let got = bench.post("/parties", create()).await;
        assert_eq!(
            (got.status.as_u16(), got.body),
            (503, json!({ "message": "down" }))
        );
        assert_eq!(bench.fake.party_count(), 0);
        assert_eq!(
            bench.post("/parties", create()).await.status,
            StatusCode::CREATED
        );
    }

    #[tokio::test]
    async fn a_status_may_come_after_the_work() {
        let bench = Bench::new(0);
        bench
            .fake
            .faults()
            .add(rule(Fault::status(502).after_the_work()));
        assert_eq!(
            bench.post("/parties", create()).await.status,
            StatusCode::BAD_GATEWAY
        );
        assert_eq!(bench.fake.party_count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_holds_the_answer_back() {
        let bench = Bench::new(0);
        bench
            .fake
            .faults()
            .add(rule(Fault::delay(Duration::from_secs(40))));
        let start = tokio::time::Instant::now();
        assert_eq!(
            bench.post("/parties", create()).await.status,
            StatusCode::CREATED
        );
        assert_eq!(start.elapsed(), Duration::from_secs(40));
    }

    #[tokio::test]
    async fn a_rate_limit_can_be_feigned() {
        let bench = Bench::new(0);
        bench.fake.faults().add(rule(Fault::rate_limited()));
        let got = bench.post("/parties", create()).await;
        assert_eq!(
            (got.status.as_u16(), got.header("x-ratelimit-remaining")),
            (429, Some("0"))
        );
        assert_eq!(got.header("x-ratelimit-reset"), Some("1795525200"));
    }

    #[tokio::test]
    async fn a_wrong_content_type_keeps_the_body() {
        let bench = Bench::new(0);
        bench
            .fake
            .faults()
            .add(rule(Fault::content_type("text/html")));
        let got = bench.post("/parties", create()).await;
        assert_eq!(got.header("content-type"), Some("text/html"));
        assert_eq!(got.body["party"]["firstName"], "A");
    }

    #[tokio::test]
    async fn truncated_json_ends_early_without_a_broken_connection() {
        let bench = Bench::new(0);
        bench.fake.faults().add(rule(Fault::truncated_json()));
        let response = bench
            .raw(bench.request(Method::POST, "/parties", Some(&create())))
            .await;
        let body = axum::body::to_bytes(response.into_body(), 100_000)
            .await
            .unwrap();
        assert!(!body.is_empty() && serde_json::from_slice::<Value>(&body).is_err());
    }

    #[tokio::test]
    async fn a_dropped_connection_is_an_error_of_the_body_in_process() {
        for (when, parties) in [(DropWhen::After, 1), (DropWhen::Before, 0)] {
            let bench = Bench::new(0);
            bench.fake.faults().add(rule(Fault::dropped(when)));
            let response = bench
                .raw(bench.request(Method::POST, "/parties", Some(&create())))
                .await;
            assert!(
                axum::body::to_bytes(response.into_body(), 100_000)
                    .await
                    .is_err()
            );
            assert_eq!(bench.fake.party_count(), parties, "{when:?}");
            assert_eq!(bench.fake.journal()[0].status, None);
        }
    }

    #[tokio::test]
    async fn a_dropped_connection_says_nothing_on_a_socket() {
        let bench = Bench::new(0);
        bench
            .fake
            .faults()
            .add(rule(Fault::dropped(DropWhen::After)));
        let address = served(&bench).await;
        let answer = talk(
            address,
            &address.to_string(),
            "POST /api/v2/parties",
            &create().to_string(),
        )
        .await;
        assert_eq!(answer, "");
        assert_eq!(bench.fake.party_count(), 1);
    }

    #[tokio::test]
    async fn a_cut_body_is_shorter_than_it_says() {
        let bench = Bench::new(0);
        bench.fake.faults().add(rule(Fault::cut_body()));
        let address = served(&bench).await;
        let answer = talk(
            address,
            &address.to_string(),
            "POST /api/v2/parties",
            &create().to_string(),
        )
        .await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap()
            .parse()
            .unwrap();
        assert!(head.starts_with("HTTP/1.1 201"), "{head}");
        assert!(
            !body.is_empty() && body.len() < length,
            "{} of {length}",
            body.len()
        );
    }

    #[tokio::test]
    async fn a_header_can_ask_for_a_fault() {
        let bench = Bench::new(0);
        let mut request = bench.request(Method::GET, "/site", None);
        request
            .headers_mut()
            .insert("x-fake-fault", "status=500; body={}".parse().unwrap());
        assert_eq!(
            bench.send(request).await.status,
            StatusCode::INTERNAL_SERVER_ERROR
        );
        let mut request = bench.request(Method::GET, "/site", None);
        request
            .headers_mut()
            .insert("x-fake-fault", "explode".parse().unwrap());
        let got = bench.send(request).await;
        assert_eq!(got.status, StatusCode::BAD_REQUEST);
        assert!(
            got.body["message"]
                .as_str()
                .unwrap()
                .contains("drop=before")
        );
    }

    #[tokio::test]
    async fn links_on_a_socket_carry_the_origin_that_the_client_used() {
        let bench = Bench::new(3);
        let address = served(&bench).await;
        for host in [address.to_string(), format!("localhost:{}", address.port())] {
            let answer = talk(address, &host, "GET /api/v2/parties?perPage=1", "").await;
            assert!(
                answer.contains(&format!("<http://{host}/api/v2/parties?page=2")),
                "{answer}"
            );
        }
    }

    #[tokio::test]
    async fn a_rebound_name_does_not_reach_a_served_fake() {
        let bench = Bench::new(0);
        let address = served(&bench).await;
        for host in [
            format!("evil.example:{}", address.port()),
            "127.0.0.1:1".to_owned(),
            String::new(),
        ] {
            let answer = talk(address, &host, "GET /api/v2/site", "").await;
            assert!(answer.starts_with("HTTP/1.1 421"), "{host}: {answer}");
        }
    }
}
