//! Recording and replaying, without a sandbox.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::super::super::Origin;
use super::super::{
    AnswerBody, Canned, EgressLimits, Expectation, Mock, Outbound, Upstream, UpstreamError, whole,
};
use super::{Cassette, CassetteError, Recorder, Replay};

const TOKEN: &str = "a-real-token";

fn outbound(method: Method, path: &str, kind: &str, body: &str) -> Outbound {
    let mut headers = HeaderMap::new();
    headers.insert(
        "authorization",
        HeaderValue::from_static("Bearer a-real-token"),
    );
    headers.insert("cookie", HeaderValue::from_static("session=a-real-cookie"));
    headers.insert("content-type", HeaderValue::from_str(kind).unwrap());
    Outbound {
        tenant: "a".into(),
        origin: Origin::parse("https://api.capsulecrm.com").unwrap(),
        method,
        path: path.parse().unwrap(),
        headers,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn get(path: &str) -> Outbound {
    outbound(Method::GET, path, "application/json", "")
}

fn post(path: &str, body: &Value) -> Outbound {
    outbound(Method::POST, path, "application/json", &body.to_string())
}

async fn send(upstream: &dyn Upstream, request: Outbound) -> Result<(u16, Bytes), UpstreamError> {
    let response = upstream.send(request, &EgressLimits::default()).await?;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes()))
}

/// Records these requests, each answered as told.
async fn recorded(exchanges: Vec<(Outbound, Canned)>) -> Cassette {
    let mut mock = Mock::in_order();
    let mut requests = Vec::new();
    for (request, answer) in exchanges {
        let expected = Expectation::new(request.method.clone(), request.path.path());
        mock = mock.expect(expected.answer(answer));
        requests.push(request);
    }
    let recorder = Recorder::new(Arc::new(mock));
    for request in requests {
        send(&recorder, request).await.unwrap();
    }
    recorder.cassette().unwrap()
}

fn unscripted(result: Result<(u16, Bytes), UpstreamError>) -> String {
    match result {
        Err(UpstreamError::Unscripted(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_recorded_is_replayed_once() {
    let answer = Canned::json(201, &json!({"party": {"id": 7}}));
    let person = json!({"party": {"firstName": "Inês"}});
    let cassette = recorded(vec![(post("/api/v2/parties", &person), answer)]).await;
    let replay = Replay::new(cassette);
    let (status, body) = send(&replay, post("/api/v2/parties", &person))
        .await
        .unwrap();
    assert_eq!(status, 201);
    assert_eq!(&body[..], br#"{"party":{"id":7}}"#);
    replay.finish().unwrap();
    let text = unscripted(send(&replay, post("/api/v2/parties", &person)).await);
    assert!(text.contains("used already"), "{text}");
}

#[tokio::test]
async fn equal_requests_are_answered_in_the_order_of_the_recording() {
    let cassette = recorded(vec![
        (get("/api/v2/tasks"), Canned::json(200, &json!([1]))),
        (get("/api/v2/tasks"), Canned::json(200, &json!([2]))),
    ])
    .await;
    let replay = Replay::new(cassette);
    assert_eq!(
        &send(&replay, get("/api/v2/tasks")).await.unwrap().1[..],
        b"[1]"
    );
    assert_eq!(
        &send(&replay, get("/api/v2/tasks")).await.unwrap().1[..],
        b"[2]"
    );
}

#[tokio::test]
async fn the_order_of_different_requests_does_not_matter() {
    let cassette = recorded(vec![
        (get("/api/v2/a"), Canned::json(200, &json!([1]))),
        (get("/api/v2/b"), Canned::json(200, &json!([2]))),
    ])
    .await;
    let replay = Replay::new(cassette);
    assert_eq!(
        &send(&replay, get("/api/v2/b")).await.unwrap().1[..],
        b"[2]"
    );
    assert_eq!(
        &send(&replay, get("/api/v2/a")).await.unwrap().1[..],
        b"[1]"
    );
    replay.finish().unwrap();
}

#[tokio::test]
async fn a_request_that_was_not_recorded_is_told_with_what_is_different() {
    let person = |name: &str| json!({"party": {"firstName": name, "tags": []}});
    let request = || post("/api/v2/parties?embed=tags", &person("Inês"));
    let cassette = recorded(vec![(request(), Canned::json(201, &json!({})))]).await;
    let table = [
        (
            post("/api/v2/parties?embed=tags", &person("Ines")),
            "its body differs at `/party/firstName`",
        ),
        (post("/api/v2/parties", &person("Inês")), "another query"),
        (
            outbound(
                Method::PUT,
                "/api/v2/parties?embed=tags",
                "application/json",
                "",
            ),
            "another method",
        ),
        (get("/api/v2/people"), "another address"),
    ];
    for (came, why) in table {
        let replay = Replay::new(cassette.clone());
        let text = unscripted(send(&replay, came).await);
        assert!(text.contains(why), "{text}");
        assert!(
            text.contains("POST https://api.capsulecrm.com/api/v2/parties"),
            "{text}"
        );
        let report = replay.finish().unwrap_err().to_string();
        assert!(
            report.contains(why) && report.contains("never came"),
            "{report}"
        );
    }
}

#[tokio::test]
async fn a_recorded_request_that_never_comes_fails_the_replay() {
    let cassette = recorded(vec![(get("/api/v2/tasks"), Canned::json(200, &json!([])))]).await;
    let report = Replay::new(cassette).finish().unwrap_err().to_string();
    assert!(
        report.contains("never came: GET https://api.capsulecrm.com/api/v2/tasks"),
        "{report}"
    );
}

#[tokio::test]
async fn neither_token_nor_cookie_is_written_wherever_it_stands() {
    let echo = json!({"message": format!("the token {TOKEN} is \"{TOKEN}\""), TOKEN: [TOKEN]});
    let answer = Canned::json(401, &echo)
        .header("set-cookie", "session=another-cookie")
        .header("location", &format!("https://x.example/{TOKEN}"));
    let request = get(&format!(
        "/api/v2/parties?q={TOKEN}&access_token=a-third-one"
    ));
    let cassette = recorded(vec![(request, answer)]).await;
    let text = serde_json::to_string(&cassette).unwrap();
    for secret in [TOKEN, "cookie", "a-third-one"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains(r#""authorization":["[scrubbed]"]"#), "{text}");
}

#[tokio::test]
async fn a_sign_in_is_scrubbed_and_replays_with_another_code() {
    let form = "application/x-www-form-urlencoded";
    let exchange = |code: &str, secret: &str| {
        let body = format!(
            "grant_type=authorization_code&code={code}&client_secret={secret}&client_id=app"
        );
        let mut request = outbound(Method::POST, "/oauth/token", form, &body);
        request.headers.remove("authorization");
        request
    };
    let tokens =
        json!({"access_token": "access-1", "refresh_token": "refresh-1", "expires_in": 60});
    let later = Canned::json(200, &json!({"about": "refresh-1 and the-code"}));
    let cassette = recorded(vec![
        (
            exchange("the-code", "the-secret"),
            Canned::json(200, &tokens),
        ),
        (get("/api/v2/site"), later),
    ])
    .await;
    let text = serde_json::to_string(&cassette).unwrap();
    for secret in ["access-1", "refresh-1", "the-code", "the-secret"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let replay = Replay::new(cassette);
    let (_, body) = send(&replay, exchange("other", "another")).await.unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(answer["access_token"], "[scrubbed]");
    assert_eq!(answer["expires_in"], 60);
}

/// Answers everything with these bytes.
struct Always(Bytes);

#[async_trait::async_trait]
impl Upstream for Always {
    async fn send(
        &self,
        _request: Outbound,
        _limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        Ok(http::Response::new(whole(self.0.clone())))
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_come_back_as_they_were() {
    let bytes = Bytes::from_static(&[0xff, 0xd8, 0, 1]);
    let recorder = Recorder::new(Arc::new(Always(bytes.clone())));
    send(&recorder, get("/api/v2/attachments/1")).await.unwrap();
    let cassette = recorder.cassette().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tape.json");
    cassette.write(&path).unwrap();
    let replay = Replay::new(Cassette::read(&path).unwrap());
    let (_, body) = send(&replay, get("/api/v2/attachments/1")).await.unwrap();
    assert_eq!(body, bytes);
}

#[tokio::test]
async fn a_request_without_an_answer_makes_no_cassette() {
    let mock = Mock::in_order()
        .expect(Expectation::get("/api/v2/tasks").answer(Canned::failure(UpstreamError::Broken)));
    let recorder = Recorder::new(Arc::new(mock));
    send(&recorder, get("/api/v2/tasks")).await.unwrap_err();
    let error = recorder.cassette().unwrap_err();
    assert!(
        matches!(&error, CassetteError::Unanswered { request, .. } if request.contains("/api/v2/tasks")),
        "{error}"
    );
}
