//! The page on this machine that the browser comes back to.
//!
//! It listens on 127.0.0.1 alone, answers only under that name (another site may let its own name point here), takes the one state that was
//! begun here, once, and ends. Whoever opens the page with another state learns nothing and ends nothing.

use std::borrow::Cow;
use std::io::BufRead as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use capsule_host::egress::Secret;
use capsule_host::store::Profile;
use http::{HeaderMap, StatusCode, header};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::PATH;

/// How long the browser may take to fetch the last page.
const LAST_PAGE: Duration = Duration::from_secs(5);
/// A pasted address is not longer.
const MOST_BYTES: u64 = 16 * 1024;

/// What the browser must bring.
pub(super) struct Expected {
    pub(super) state: Secret,
    pub(super) port: u16,
}

/// What it brought, and the page that waits for an answer.
pub(super) struct Returned {
    /// The code, or why there is none.
    pub(super) code: Result<Secret, String>,
    pub(super) page: Waiting,
}

/// A browser that waits to be told how it ended; none if the address was pasted.
pub(super) struct Waiting(Option<(oneshot::Sender<Page>, tokio::task::JoinHandle<()>)>);

impl Waiting {
    /// Shows how it ended, and ends the page.
    pub(super) async fn show(self, page: Page) {
        let Some((browser, server)) = self.0 else {
            return;
        };
        if browser.send(page).is_ok() {
            // A browser that does not fetch it is not waited for.
            let _ = tokio::time::timeout(LAST_PAGE, server).await;
        }
    }
}

/// Takes the port.
pub(super) async fn listen(port: u16) -> Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| {
            format!(
                "port {port} of 127.0.0.1 can't be used; name another with --port (it must stand in the registered redirect address), or use --paste"
            )
        })
}

struct Desk {
    expected: Expected,
    taken: AtomicBool,
    came: mpsc::Sender<(Result<Secret, String>, oneshot::Sender<Page>)>,
}

/// Waits for the browser.
pub(super) async fn wait(
    listener: TcpListener,
    expected: Expected,
    patience: Duration,
) -> Result<Returned> {
    let (came, mut coming) = mpsc::channel(1);
    let desk = Arc::new(Desk {
        expected,
        taken: AtomicBool::new(false),
        came,
    });
    let router = Router::new()
        .route(PATH, get(callback))
        .with_state(desk.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        let _ = serving.await;
    });
    let returned = tokio::select! {
        returned = coming.recv() => returned,
        () = tokio::time::sleep(patience) => {
            server.abort();
            bail!("nobody signed in within {} minutes; run it again", patience.as_secs() / 60);
        }
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("signals can't be received")?;
            server.abort();
            bail!("stopped before anybody signed in");
        }
    };
    // No further connection is taken; the one that waits for its page is served.
    drop(stop);
    let (code, browser) = returned.context("the page ended before anybody signed in")?;
    Ok(Returned {
        code,
        page: Waiting(Some((browser, server))),
    })
}

async fn callback(
    State(desk): State<Arc<Desk>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if host != Some(format!("127.0.0.1:{}", desk.expected.port).as_str()) {
        return Page::failed("This page has another name.")
            .response(StatusCode::MISDIRECTED_REQUEST);
    }
    let Some(brought) = read(&query.unwrap_or_default(), &desk.expected.state) else {
        let text =
            "This is not the sign-in that was begun here. Open the address that the command shows.";
        return Page::failed(text).response(StatusCode::BAD_REQUEST);
    };
    if desk.taken.swap(true, Ordering::SeqCst) {
        return Page::failed("This sign-in was used already.").response(StatusCode::GONE);
    }
    let (browser, told) = oneshot::channel();
    if desk.came.send((brought, browser)).await.is_err() {
        return Page::failed("The command has ended.").response(StatusCode::GONE);
    }
    match told.await {
        Ok(page) => {
            let status = if page.good {
                StatusCode::OK
            } else {
                StatusCode::BAD_GATEWAY
            };
            page.response(status)
        }
        Err(_) => Page::failed("The command has ended.").response(StatusCode::GONE),
    }
}

/// Reads the address that a browser was sent back to from standard input.
pub(super) async fn paste(expected: &Expected) -> Result<Returned> {
    let reading = tokio::task::spawn_blocking(|| {
        use std::io::Read as _;
        let mut line = String::new();
        std::io::BufReader::new(std::io::stdin().take(MOST_BYTES))
            .read_line(&mut line)
            .map(|_| Secret::from(line))
    });
    let line = reading
        .await?
        .context("standard input can't be read as text")?;
    let line = line.expose().trim();
    let Some((_, query)) = line.split_once('?') else {
        bail!("this is not the address that the browser was sent back to: it has no question mark");
    };
    let query = query.split('#').next().unwrap_or_default();
    let Some(code) = read(query, &expected.state) else {
        bail!("this address does not belong to the sign-in that was begun just now; begin anew");
    };
    Ok(Returned {
        code,
        page: Waiting(None),
    })
}

/// The code, or why there is none, if the state is ours. None: somebody else's, or not readable.
fn read(query: &str, state: &Secret) -> Option<Result<Secret, String>> {
    let mut found: [Option<Cow<'_, str>>; 4] = Default::default();
    let names = ["state", "code", "error", "error_description"];
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if let Some(index) = names.iter().position(|known| *known == name) {
            let place = found.get_mut(index)?;
            // Twice is two meanings (RFC 6749 section 3.1).
            if place.replace(value).is_some() {
                return None;
            }
        }
    }
    let [came, code, error, description] = found;
    let came = came?;
    if !bool::from(came.as_bytes().ct_eq(state.expose().as_bytes())) {
        return None;
    }
    Some(match (code, error) {
        (Some(code), None) if !code.is_empty() => Ok(Secret::from(code.into_owned())),
        (_, Some(error)) => {
            let why = description.unwrap_or(error);
            Err(format!("the sign-in was refused: {}", super::brief(&why)))
        }
        _ => Err("the browser came back without a code".to_owned()),
    })
}

/// What the browser shows.
pub(super) struct Page {
    good: bool,
    text: String,
}

impl Page {
    pub(super) fn done(name: &str, profile: &Profile) -> Self {
        let text = format!(
            "Connected as {} of {}. The connection is called {name}. You can close this page.",
            profile.user_name, profile.account_name
        );
        Self { good: true, text }
    }

    pub(super) fn failed(text: &str) -> Self {
        Self {
            good: false,
            text: text.to_owned(),
        }
    }

    fn response(self, status: StatusCode) -> Response {
        let title = if self.good {
            "Connected"
        } else {
            "Not connected"
        };
        let page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1><p>{}</p></html>",
            escape(&self.text)
        );
        // The address holds the code: it is not kept and not told to anybody.
        let headers = [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; frame-ancestors 'none'",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONNECTION, "close"),
        ];
        (status, headers, page).into_response()
    }
}

/// Names come from an account.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> Secret {
        Secret::from("the-state")
    }

    #[test]
    fn only_our_state_is_listened_to() {
        let brought = read("code=abc&state=the-state", &state()).unwrap().unwrap();
        assert_eq!(brought.expose(), "abc");
        for query in [
            "",
            "code=abc",
            "code=abc&state=",
            "code=abc&state=the-stat",
            "code=abc&state=the-state&state=other",
            "code=abc&code=def&state=the-state",
            "error=access_denied&state=other",
        ] {
            assert!(read(query, &state()).is_none(), "{query}");
        }
    }

    #[test]
    fn a_refusal_is_told_as_a_sentence() {
        let refused = read("error=access_denied&state=the-state", &state());
        assert!(refused.unwrap().unwrap_err().contains("access_denied"));
        assert!(read("state=the-state", &state()).unwrap().is_err());
        assert!(read("code=&state=the-state", &state()).unwrap().is_err());
    }

    #[test]
    fn a_name_from_an_account_is_no_markup() {
        assert_eq!(escape("<b>\"A&B\""), "&lt;b&gt;&quot;A&amp;B&quot;");
    }

    async fn open(port: u16, host: &str, query: &str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let mut stream = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .unwrap();
        let request =
            format!("GET {PATH}?{query} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn strangers_end_nothing_and_the_first_valid_state_does() {
        let listener = listen(0).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let expected = Expected {
            state: state(),
            port,
        };
        let waiting = tokio::spawn(wait(listener, expected, Duration::from_secs(30)));
        let host = format!("127.0.0.1:{port}");
        // Whoever is taken for the one that was begun is kept waiting.
        let forged = open(port, &host, "code=evil&state=guess");
        let forged = tokio::time::timeout(Duration::from_secs(10), forged)
            .await
            .expect("a stranger is told at once");
        assert!(forged.starts_with("HTTP/1.1 400"), "{forged}");
        let rebound = open(port, "evil.example", "code=evil&state=the-state").await;
        assert!(rebound.starts_with("HTTP/1.1 421"), "{rebound}");
        let browser =
            tokio::spawn(async move { open(port, &host, "code=good&state=the-state").await });
        let returned = waiting.await.unwrap().unwrap();
        assert_eq!(returned.code.unwrap().expose(), "good");
        returned.page.show(Page::failed("Capsule said no.")).await;
        let page = browser.await.unwrap();
        assert!(page.contains("Capsule said no."), "{page}");
        assert!(
            page.to_lowercase().contains("cache-control: no-store"),
            "{page}"
        );
        assert!(!page.contains("good"), "{page}");
    }
}
