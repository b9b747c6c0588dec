//! A transport for tests that plays a script: which requests come, in which order, and what each gets.
//!
//! Strict on both sides: a request that is not next in the script fails the test, and so does a script that is not played to its end.

use super::client::{Client, Settings};
use super::transport::{Lost, Sending, Transport};
use serde_json::Value;
use std::cell::{Cell, Ref, RefCell};
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The token that a scripted client sends.
pub(crate) const TOKEN: &str = "test-token";

/// One request that is expected, and what it gets.
struct Scene {
    method: String,
    target: String,
    reply: Result<http::Response<Vec<u8>>, Lost>,
    /// How far the clock goes on while it is answered.
    takes: Duration,
}

/// Requests and answers in order.
#[derive(Default)]
pub(crate) struct Script {
    scenes: VecDeque<Scene>,
}

/// A request as it was sent.
pub(crate) struct Sent {
    /// The method and the whole address, `GET https://api.capsulecrm.com/api/v2/site`.
    pub(crate) line: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The body as text.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// What was sent so far.
#[derive(Clone, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<Sent>>>);

impl Log {
    /// The request at a position.
    pub(crate) fn sent(&self, index: usize) -> Ref<'_, Sent> {
        Ref::map(self.0.borrow(), |all| &all[index])
    }

    /// How many were sent.
    pub(crate) fn count(&self) -> usize {
        self.0.borrow().len()
    }
}

impl Script {
    /// Nothing is expected.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Then comes a request, which is answered with JSON; null is an empty body. The target is path and query.
    pub(crate) fn on(self, method: &str, target: &str, status: u16, body: Value) -> Self {
        let bytes = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        self.raw(method, target, status, bytes)
    }

    /// Then comes a request, which is answered with these bytes.
    pub(crate) fn raw(
        mut self,
        method: &str,
        target: &str,
        status: u16,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let reply = http::Response::builder()
            .status(status)
            .body(body.into())
            .unwrap();
        self.scenes.push_back(Scene {
            method: method.into(),
            target: target.into(),
            reply: Ok(reply),
            takes: Duration::ZERO,
        });
        self
    }

    /// Then comes a request that gets no whole answer.
    pub(crate) fn lost(mut self, method: &str, target: &str, lost: Lost) -> Self {
        self.scenes.push_back(Scene {
            method: method.into(),
            target: target.into(),
            reply: Err(lost),
            takes: Duration::ZERO,
        });
        self
    }

    /// The answer that was named last has this header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        let reply = self.scenes.back_mut().unwrap().reply.as_mut().unwrap();
        reply.headers_mut().append(name, value.parse().unwrap());
        self
    }

    /// The answer that was named last takes so long.
    pub(crate) fn takes(mut self, time: Duration) -> Self {
        self.scenes.back_mut().unwrap().takes = time;
        self
    }

    /// A client that plays the script with [`TOKEN`] and nothing else set.
    pub(crate) fn client(self) -> (Client, Log) {
        self.client_with(Settings {
            access_token: Some(TOKEN.into()),
            ..Settings::default()
        })
    }

    /// A client that plays the script with these settings.
    pub(crate) fn client_with(self, settings: Settings) -> (Client, Log) {
        let log = Log::default();
        let player = Player {
            scenes: RefCell::new(self.scenes),
            log: log.clone(),
            now: Cell::default(),
        };
        (Client::new(player, settings), log)
    }
}

struct Player {
    scenes: RefCell<VecDeque<Scene>>,
    log: Log,
    now: Cell<Duration>,
}

impl Transport for Player {
    fn send(&self, request: http::Request<Vec<u8>>) -> Sending<'_> {
        let (head, body) = request.into_parts();
        let line = format!("{} {}", head.method, head.uri);
        let target = head
            .uri
            .path_and_query()
            .map_or("", |target| target.as_str());
        let Some(scene) = self.scenes.borrow_mut().pop_front() else {
            panic!("after the end of the script came {line}")
        };
        assert_eq!(
            (head.method.as_str(), target),
            (scene.method.as_str(), scene.target.as_str()),
            "the next request of the script"
        );
        self.log.0.borrow_mut().push(Sent {
            line,
            headers: head.headers,
            body,
        });
        self.now.set(self.now.get() + scene.takes);
        Box::pin(std::future::ready(scene.reply))
    }

    fn elapsed(&self) -> Duration {
        self.now.get()
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left: Vec<_> = self
                .scenes
                .borrow()
                .iter()
                .map(|scene| format!("{} {}", scene.method, scene.target))
                .collect();
            assert!(
                left.is_empty(),
                "the script was not played to its end: {left:?}"
            );
        }
    }
}

/// Runs a future to its end. One that only waits fails the test.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..10_000 {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
    panic!("the future waits for something that never comes");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Call;
    use serde_json::json;

    #[test]
    fn a_script_answers_in_order_and_its_clock_goes_on() {
        let script = Script::new()
            .on("GET", "/api/v2/site", 200, json!({"site": {}}))
            .takes(Duration::from_secs(2))
            .lost("GET", "/api/v2/users", Lost::NoAnswer("reset".into()));
        let (client, log) = script.client();
        assert!(block_on(client.send(&Call::get(&["site"]))).is_ok());
        assert_eq!(client.elapsed(), Duration::from_secs(2));
        assert!(block_on(client.send(&Call::get(&["users"]))).is_err());
        assert_eq!(
            log.sent(1).line,
            "GET https://api.capsulecrm.com/api/v2/users"
        );
    }

    #[test]
    #[should_panic(expected = "the next request of the script")]
    fn another_request_than_the_next_one_fails_the_test() {
        let (client, _) = Script::new()
            .on("GET", "/api/v2/site", 200, Value::Null)
            .client();
        let _ = block_on(client.send(&Call::get(&["users"])));
    }

    #[test]
    #[should_panic(expected = "not played to its end")]
    fn a_request_that_never_comes_fails_the_test() {
        drop(
            Script::new()
                .on("GET", "/api/v2/site", 200, Value::Null)
                .client(),
        );
    }
}
