//! Who speaks to Capsule in one sandbox.

use super::answer::Answer;
use super::call::Call;
use super::directory::Directory;
use super::error::{fault, from_lost, from_status, invalid, too_large};
use super::headers;
use super::transport::Transport;
use crate::bindings::integration::connector::types::{Error, PermanentError};
use std::time::Duration;

/// Where Capsule's API is, unless `CAPSULE_API_BASE` says otherwise.
pub const API_BASE: &str = "https://api.capsulecrm.com";

/// Largest body that is sent as JSON. Files have a limit of their own.
const MOST_BYTES: usize = 1 << 20;

/// What the environment says, read anew at each call.
#[derive(Clone, Default)]
pub struct Settings {
    /// `CAPSULE_ACCESS_TOKEN`: opaque, only ever put into the `Authorization` header.
    pub access_token: Option<String>,
    /// `CAPSULE_API_BASE`: scheme, host and port of the API, and a path before `/api/v2` if a gateway needs one.
    pub api_base: Option<String>,
    /// `CAPSULE_WEB_URL`: the account's address for people, to make links without asking for it.
    pub web_url: Option<String>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = if self.access_token.is_some() {
            "set"
        } else {
            "missing"
        };
        f.debug_struct("Settings")
            .field("access_token", &token)
            .field("api_base", &self.api_base)
            .field("web_url", &self.web_url)
            .finish()
    }
}

/// Sends requests, and remembers what the account defines for as long as the sandbox lives.
pub struct Client {
    transport: Box<dyn Transport>,
    settings: Settings,
    pub(super) directory: Directory,
}

impl Client {
    /// A client over a transport.
    #[must_use]
    pub fn new(transport: impl Transport + 'static, settings: Settings) -> Self {
        Self {
            transport: Box::new(transport),
            settings,
            directory: Directory::default(),
        }
    }

    /// Sends a call with the access token.
    ///
    /// # Errors
    /// Every case of the table in `error.rs`.
    pub async fn send(&self, call: &Call) -> Result<Answer, Error> {
        Answer::new(call, self.fetch(call).await?)
    }

    /// The same, and does not read the body of the answer.
    pub(super) async fn fetch(&self, call: &Call) -> Result<http::Response<Vec<u8>>, Error> {
        let body = match &call.body {
            None => Vec::new(),
            Some(body) => capsule_json::text(body).into_bytes(),
        };
        if body.len() > MOST_BYTES {
            return Err(too_large("The input is larger than 1 MiB."));
        }
        let mut builder = self
            .request(call)?
            .header(http::header::ACCEPT, "application/json");
        if call.body.is_some() {
            builder = builder.header(http::header::CONTENT_TYPE, "application/json");
        }
        let request = builder.body(body).map_err(|_| bad_token())?;
        self.exchange(call, request).await
    }

    /// Uploads a file: its bytes are the body, its name and its type stand in headers, which the caller has made fit for them.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(crate) async fn upload(
        &self,
        call: &Call,
        filename: &str,
        content_type: &str,
        content: Vec<u8>,
    ) -> Result<Answer, Error> {
        let request = self
            .request(call)?
            .header(http::header::ACCEPT, "application/json")
            .header(headers::CONTENT_TYPE, content_type)
            .header(http::header::CONTENT_LENGTH, content.len())
            .header(headers::FILENAME, filename)
            .body(content)
            .map_err(|_| bad_token())?;
        Answer::new(call, self.exchange(call, request).await?)
    }

    /// Downloads a file of at most so many bytes, whatever they are.
    ///
    /// # Errors
    /// As [`send`](Self::send); the answer is not read as JSON.
    pub(crate) async fn download(
        &self,
        call: &Call,
        most: usize,
    ) -> Result<http::Response<Vec<u8>>, Error> {
        let request = self
            .request(call)?
            .header(http::header::ACCEPT, "*/*")
            .body(Vec::new())
            .map_err(|_| bad_token())?;
        let response = self
            .transport
            .send_within(request, most)
            .await
            .map_err(|lost| from_lost(call, lost))?;
        succeeded(call, response)
    }

    /// The head of a request, with the access token.
    fn request(&self, call: &Call) -> Result<http::request::Builder, Error> {
        let Some(token) = self
            .settings
            .access_token
            .as_deref()
            .filter(|token| !token.is_empty())
        else {
            return Err(Error::Permanent(PermanentError::Unauthenticated(fault(
                "No account is connected: the environment has no CAPSULE_ACCESS_TOKEN.",
            ))));
        };
        Ok(http::Request::builder()
            .method(call.method.http())
            .uri(self.uri(&call.target())?)
            .header(http::header::AUTHORIZATION, format!("Bearer {token}")))
    }

    /// Sends a form to one of the OAuth endpoints: no access token, the credentials are in the body.
    ///
    /// # Errors
    /// What [`send`](Self::send) gives; the caller maps refusals.
    pub(crate) async fn send_form(
        &self,
        call: &Call,
        form: String,
    ) -> Result<http::Response<Vec<u8>>, Error> {
        let request = http::Request::builder()
            .method(http::Method::POST)
            .uri(self.uri(&call.path)?)
            .header(http::header::ACCEPT, "application/json")
            .header(
                http::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded",
            )
            .body(form.into_bytes())
            .map_err(|_| invalid("", "type", "the request can't be built"))?;
        self.transport
            .send(request)
            .await
            .map_err(|lost| from_lost(call, lost))
    }

    async fn exchange(
        &self,
        call: &Call,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<Vec<u8>>, Error> {
        let response = self
            .transport
            .send(request)
            .await
            .map_err(|lost| from_lost(call, lost))?;
        succeeded(call, response)
    }

    /// The address of a path under the base.
    fn uri(&self, target: &str) -> Result<http::Uri, Error> {
        format!("{}{target}", self.base()?)
            .parse()
            .map_err(|_| bad_base())
    }

    /// The base without a slash at its end.
    pub(crate) fn base(&self) -> Result<&str, Error> {
        let Some(base) = self
            .settings
            .api_base
            .as_deref()
            .filter(|base| !base.is_empty())
        else {
            return Ok(API_BASE);
        };
        let base = base.trim_end_matches('/');
        let uri: http::Uri = base.parse().map_err(|_| bad_base())?;
        let known = matches!(uri.scheme_str(), Some("https" | "http"));
        let plain = uri
            .authority()
            .is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.query().is_none();
        if known && plain {
            Ok(base)
        } else {
            Err(bad_base())
        }
    }

    /// The account's address for people, if the environment names it.
    pub(crate) fn known_web_url(&self) -> Option<&str> {
        self.settings
            .web_url
            .as_deref()
            .map(|url| url.trim_end_matches('/'))
            .filter(|url| !url.is_empty())
    }

    /// Time since some fixed point, for deadlines.
    pub(crate) fn elapsed(&self) -> Duration {
        self.transport.elapsed()
    }
}

/// An answer with a 2xx status.
fn succeeded(
    call: &Call,
    response: http::Response<Vec<u8>>,
) -> Result<http::Response<Vec<u8>>, Error> {
    if response.status().is_success() {
        Ok(response)
    } else {
        Err(from_status(
            call,
            response.status().as_u16(),
            response.headers(),
            response.body(),
        ))
    }
}

/// A token that can't stand in a header: says so without showing it.
fn bad_token() -> Error {
    Error::Permanent(PermanentError::Unauthenticated(fault(
        "CAPSULE_ACCESS_TOKEN holds characters that a header can't carry.",
    )))
}

fn bad_base() -> Error {
    super::error::unsupported("CAPSULE_API_BASE is not an address like https://api.capsulecrm.com.")
}
