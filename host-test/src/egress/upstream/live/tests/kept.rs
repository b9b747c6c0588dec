//! Which requests share a connection, and which must not. The servers run on threads of their own: what they send is
//! there before the client's runtime has looked.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt as _;

use super::super::*;
use super::tls::{NAME, certificate, client};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nown";
const LATE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nanothers";
/// Until the server says more.
const LATER: Duration = Duration::from_millis(20);

/// What a server does for a request.
struct Reply(&'static str, Then);

enum Then {
    Listen,
    Close,
    SayMore(&'static str),
}

/// Told the number of the connection, and of the request on it.
type Script = fn(usize, usize) -> Reply;

/// The number of the connection, and the method.
type Seen = Arc<Mutex<Vec<(usize, String)>>>;

struct Server {
    port: u16,
    seen: Seen,
}

impl Server {
    fn new(script: Script) -> Self {
        Self::over(script, |socket| socket)
    }

    fn over<S: Read + Write + 'static>(
        script: Script,
        open: impl Fn(std::net::TcpStream) -> S + Copy + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Seen::default();
        let server = Self {
            port,
            seen: seen.clone(),
        };
        thread::spawn(move || {
            for (connection, socket) in listener.incoming().enumerate() {
                let (socket, seen) = (socket.unwrap(), seen.clone());
                thread::spawn(move || serve(open(socket), connection, script, &seen));
            }
        });
        server
    }

    /// The connection of each request.
    fn connections(&self) -> Vec<usize> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|(connection, _)| *connection).collect()
    }

    fn count(&self, method: &Method) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(_, of)| of == method.as_str()).count()
    }
}

fn serve(mut stream: impl Read + Write, connection: usize, script: Script, seen: &Seen) {
    for request in 0.. {
        let Some(method) = read_request(&mut stream) else {
            return;
        };
        seen.lock().unwrap().push((connection, method));
        let Reply(answer, then) = script(connection, request);
        let mut say = |text: &str| {
            let said = stream.write_all(text.as_bytes());
            said.and_then(|()| stream.flush())
        };
        // The other side may have gone already.
        let _ = say(answer);
        match then {
            Then::Listen => {}
            Then::Close => return,
            Then::SayMore(more) => {
                thread::sleep(LATER);
                let _ = say(more);
            }
        }
    }
}

/// Reads a request whose body is at most one byte long, and gives its method.
fn read_request(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    if head.contains("content-length: 1\r\n") {
        stream.read_exact(&mut byte).ok()?;
    }
    head.split(' ').next().map(str::to_owned)
}

fn live() -> Live {
    client(rustls::RootCertStore::empty())
}

fn request(tenant: &str, method: Method, origin: &str) -> Outbound {
    let body = Bytes::from_static(if method == Method::GET { b"" } else { b"x" });
    let mut headers = http::HeaderMap::new();
    if !body.is_empty() {
        headers.insert("content-length", body.len().into());
    }
    Outbound {
        tenant: tenant.into(),
        origin: origin.parse().unwrap(),
        method,
        path: "/x".parse().unwrap(),
        headers,
        body,
    }
}

async fn send(live: &Live, request: Outbound) -> Result<String, UpstreamError> {
    let answer = live.send(request, &EgressLimits::default()).await?;
    let body = answer.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

async fn get(live: &Live, tenant: &str, server: &Server) -> Result<String, UpstreamError> {
    let origin = format!("http://127.0.0.1:{}", server.port);
    send(live, request(tenant, Method::GET, &origin)).await
}

async fn post(live: &Live, server: &Server) -> Result<String, UpstreamError> {
    let origin = format!("http://127.0.0.1:{}", server.port);
    send(live, request("a", Method::POST, &origin)).await
}

#[tokio::test]
async fn the_next_request_goes_over_the_same_connection() {
    let (live, server) = (live(), Server::new(|_, _| Reply(OK, Then::Listen)));
    for _ in 0..3 {
        assert_eq!(get(&live, "a", &server).await.unwrap(), "own");
        assert_eq!(post(&live, &server).await.unwrap(), "own");
    }
    assert_eq!(server.connections(), [0; 6]);
}

#[tokio::test]
async fn an_answer_in_chunks_or_without_a_body_leaves_its_connection_too() {
    let server = Server::new(|_, request| match request {
        0 => Reply(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nown\r\n0\r\n\r\n",
            Then::Listen,
        ),
        1 => Reply("HTTP/1.1 204 No Content\r\n\r\n", Then::Listen),
        _ => Reply(OK, Then::Listen),
    });
    let live = live();
    for body in ["own", "", "own"] {
        assert_eq!(get(&live, "a", &server).await.unwrap(), body);
    }
    assert_eq!(server.connections(), [0; 3]);
}

#[tokio::test]
async fn the_next_request_goes_over_the_same_tls_connection() {
    let (roots, config) = certificate(NAME);
    // A thread can't be handed what the closure would have to own.
    let config: &'static _ = Box::leak(Box::new(config));
    let server = Server::over(
        |_, _| Reply(OK, Then::Listen),
        move |socket| {
            let tls = rustls::ServerConnection::new(config.clone()).unwrap();
            rustls::StreamOwned::new(tls, socket)
        },
    );
    let live = client(roots);
    let origin = format!("https://{NAME}:{}", server.port);
    for _ in 0..3 {
        let answer = send(&live, request("a", Method::GET, &origin)).await;
        assert_eq!(answer.unwrap(), "own");
    }
    assert_eq!(server.connections(), [0; 3]);
}

#[tokio::test]
async fn tenants_and_origins_share_no_connection() {
    let (live, server) = (live(), Server::new(|_, _| Reply(OK, Then::Listen)));
    let by_name = format!("http://localhost:{}", server.port);
    for _ in 0..2 {
        get(&live, "a", &server).await.unwrap();
        get(&live, "b", &server).await.unwrap();
        let other_origin = request("a", Method::GET, &by_name);
        send(&live, other_origin).await.unwrap();
    }
    assert_eq!(server.connections(), [0, 1, 2, 0, 1, 2]);
}

#[tokio::test]
async fn a_body_that_is_not_read_to_its_end_closes_the_connection() {
    let (live, server) = (live(), Server::new(|_, _| Reply(OK, Then::Listen)));
    let origin = format!("http://127.0.0.1:{}", server.port);
    let answer = live
        .send(request("a", Method::GET, &origin), &EgressLimits::default())
        .await
        .unwrap();
    drop(answer);
    assert_eq!(get(&live, "a", &server).await.unwrap(), "own");
    assert_eq!(server.connections(), [0, 1]);
}

#[tokio::test]
async fn an_answer_that_breaks_off_closes_the_connection() {
    let server = Server::new(|connection, _| match connection {
        0 => Reply(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nownnot a length",
            Then::Listen,
        ),
        _ => Reply(OK, Then::Listen),
    });
    let live = live();
    assert_eq!(
        get(&live, "a", &server).await.unwrap_err(),
        UpstreamError::Broken
    );
    assert_eq!(get(&live, "a", &server).await.unwrap(), "own");
    assert_eq!(server.connections(), [0, 1]);
}

#[tokio::test]
async fn a_request_that_is_given_up_closes_the_connection() {
    let server = Server::new(|_, request| match request {
        // The answer comes after its reader has gone.
        1 => Reply("", Then::SayMore(LATE)),
        _ => Reply(OK, Then::Listen),
    });
    let live = live();
    get(&live, "a", &server).await.unwrap();
    let given_up = timeout(LATER / 4, get(&live, "a", &server)).await;
    assert!(given_up.is_err(), "{given_up:?}");
    tokio::time::sleep(LATER * 2).await;
    assert_eq!(get(&live, "a", &server).await.unwrap(), "own");
    assert_eq!(server.connections(), [0, 0, 1]);
}

#[tokio::test]
async fn a_late_answer_is_not_given_to_the_next_request() {
    let server = Server::new(|connection, _| match connection {
        0 => Reply(OK, Then::SayMore(LATE)),
        _ => Reply(OK, Then::Listen),
    });
    let live = live();
    assert_eq!(get(&live, "a", &server).await.unwrap(), "own");
    // The runtime sleeps too: nobody but the kernel knows of the late answer.
    thread::sleep(LATER * 3);
    assert_eq!(post(&live, &server).await.unwrap(), "own");
    assert_eq!(server.connections(), [0, 1]);
}

#[tokio::test]
async fn an_answer_right_behind_the_answer_is_not_given_to_the_next_request() {
    const TWO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nown\
        HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nanothers";
    let server = Server::new(|connection, _| match connection {
        0 => Reply(TWO, Then::Listen),
        _ => Reply(OK, Then::Listen),
    });
    let live = live();
    assert_eq!(get(&live, "a", &server).await.unwrap(), "own");
    assert_eq!(get(&live, "a", &server).await.unwrap(), "own");
    assert_eq!(server.connections(), [0, 1]);
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_costs_no_request() {
    let server = Server::new(|_, _| Reply(OK, Then::Close));
    let live = live();
    for runtime_sleeps in [true, false] {
        assert_eq!(get(&live, "a", &server).await.unwrap(), "own");
        if runtime_sleeps {
            thread::sleep(LATER);
        } else {
            tokio::time::sleep(LATER).await;
        }
        assert_eq!(post(&live, &server).await.unwrap(), "own");
    }
    assert_eq!(server.connections(), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_post_on_a_connection_that_dies_is_not_sent_twice() {
    let server = Server::new(|connection, request| match (connection, request) {
        (0, 1) => Reply("", Then::Close),
        _ => Reply(OK, Then::Listen),
    });
    let live = live();
    get(&live, "a", &server).await.unwrap();
    let lost = post(&live, &server).await.unwrap_err();
    assert_eq!(lost, UpstreamError::Broken);
    assert!(!lost.sent_nothing());
    tokio::time::sleep(LATER).await;
    assert_eq!(server.count(&Method::POST), 1);
    assert_eq!(post(&live, &server).await.unwrap(), "own");
    assert_eq!(server.connections(), [0, 0, 1]);
}

#[tokio::test]
async fn a_get_on_a_connection_that_dies_is_sent_again_on_a_new_one() {
    let server = Server::new(|connection, request| match (connection, request) {
        (0, 1) => Reply("", Then::Close),
        _ => Reply(OK, Then::Listen),
    });
    let live = live();
    get(&live, "a", &server).await.unwrap();
    assert_eq!(get(&live, "a", &server).await.unwrap(), "own");
    assert_eq!(server.connections(), [0, 0, 1]);
}

#[tokio::test]
async fn a_get_on_a_new_connection_that_dies_is_not_sent_again() {
    let (live, server) = (live(), Server::new(|_, _| Reply("", Then::Close)));
    assert_eq!(
        get(&live, "a", &server).await.unwrap_err(),
        UpstreamError::Broken
    );
    tokio::time::sleep(LATER).await;
    assert_eq!(server.connections(), [0]);
}

#[tokio::test]
async fn few_connections_of_one_tenant_wait() {
    let server = Server::new(|_, request| match request {
        // All are in use at the same time.
        0 => Reply("", Then::SayMore(OK)),
        _ => Reply(OK, Then::Listen),
    });
    let live = live();
    let all = (0..6).map(|_| get(&live, "a", &server));
    for answer in futures::future::join_all(all).await {
        assert_eq!(answer.unwrap(), "own");
    }
    assert_eq!(live.pool.len(), 4);
}

#[tokio::test]
async fn the_oldest_makes_room_for_another_tenants() {
    let server = Server::new(|_, _| Reply(OK, Then::Listen));
    let live = Live {
        pool: Pool::of(2),
        ..live()
    };
    for tenant in ["a", "b", "c", "b", "a"] {
        get(&live, tenant, &server).await.unwrap();
    }
    assert_eq!(server.connections(), [0, 1, 2, 1, 3]);
}

#[tokio::test]
async fn nothing_waits_for_longer_than_half_a_minute() {
    let (live, server) = (live(), Server::new(|_, _| Reply(OK, Then::Listen)));
    get(&live, "a", &server).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(29)).await;
    tokio::task::yield_now().await;
    assert_eq!(live.pool.len(), 1);
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::task::yield_now().await;
    assert_eq!(live.pool.len(), 0, "closed without being asked for");
    tokio::time::resume();
    get(&live, "a", &server).await.unwrap();
    assert_eq!(server.connections(), [0, 1]);
    assert_eq!(live.pool.len(), 1, "the sweeper has begun anew");
}

/// Public at first, private ever after.
struct Rebinding(Mutex<usize>);

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        let mut asked = self.0.lock().unwrap();
        *asked += 1;
        let last = if *asked == 1 { 1 } else { 2 };
        Ok(vec![IpAddr::from([127, 0, 0, last])])
    }
}

#[tokio::test]
async fn a_name_that_turns_to_a_private_address_is_refused_at_the_next_connection() {
    let (roots, config) = certificate(NAME);
    let config: &'static _ = Box::leak(Box::new(config));
    let server = Server::over(
        |_, request| match request {
            0 => Reply(OK, Then::Listen),
            _ => Reply(OK, Then::Close),
        },
        move |socket| {
            let tls = rustls::ServerConnection::new(config.clone()).unwrap();
            rustls::StreamOwned::new(tls, socket)
        },
    );
    let resolver = Arc::new(Rebinding(Mutex::new(0)));
    let live = Live {
        resolver: resolver.clone(),
        // The one address that stands for a public one here.
        is_allowed: |address| address == IpAddr::from([127, 0, 0, 1]),
        ..client(roots)
    };
    let ask = || {
        let origin = format!("https://{NAME}:{}", server.port);
        send(&live, request("a", Method::GET, &origin))
    };
    // The kept connection stays with the address that was checked.
    assert_eq!(ask().await.unwrap(), "own");
    assert_eq!(ask().await.unwrap(), "own");
    assert_eq!(*resolver.0.lock().unwrap(), 1);
    tokio::time::sleep(LATER).await;
    let refused = ask().await.unwrap_err();
    assert!(
        matches!(refused, UpstreamError::Denied(Rule::Address { .. })),
        "{refused}"
    );
    assert_eq!(server.connections(), [0, 0]);
}
