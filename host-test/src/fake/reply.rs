//! What a resource answers: a reply, or a refusal in Capsule's error bodies (API reference 2.2, 2.11).

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// The result of every resource function.
pub(super) type Answer = Result<Reply, Refusal>;

/// A successful answer.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    body: Option<Value>,
    location: Option<String>,
    link: Option<String>,
    has_more: Option<bool>,
    file: Option<File>,
}

/// Bytes instead of JSON.
#[derive(Debug)]
struct File {
    bytes: Bytes,
    content_type: String,
    disposition: String,
}

impl Reply {
    /// 200 with `{"key": value}`.
    pub(super) fn ok(key: &str, value: Value) -> Reply {
        Reply::with(StatusCode::OK, Some(root(key, value)))
    }

    /// 200 with a body that has no single root key.
    pub(super) fn body(body: Value) -> Reply {
        Reply::with(StatusCode::OK, Some(body))
    }

    /// 201 with the stored record and its absolute address.
    pub(super) fn created(key: &str, value: Value, location: Option<String>) -> Reply {
        Reply {
            location,
            ..Reply::with(StatusCode::CREATED, Some(root(key, value)))
        }
    }

    /// 204.
    pub(super) fn no_content() -> Reply {
        Reply::with(StatusCode::NO_CONTENT, None)
    }

    /// 202 with the address of the job that does the work (API reference 2.2).
    pub(super) fn accepted(job: String) -> Reply {
        Reply {
            location: Some(job),
            ..Reply::with(StatusCode::ACCEPTED, None)
        }
    }

    /// 200 with a file.
    pub(super) fn file(bytes: Bytes, content_type: &str, disposition: &str) -> Reply {
        let file = File {
            bytes,
            content_type: content_type.to_owned(),
            disposition: disposition.to_owned(),
        };
        Reply {
            file: Some(file),
            ..Reply::with(StatusCode::OK, None)
        }
    }

    /// Adds the paging headers of a list.
    pub(super) fn paged(self, has_more: bool, link: Option<String>) -> Reply {
        Reply {
            has_more: Some(has_more),
            link,
            ..self
        }
    }

    fn with(status: StatusCode, body: Option<Value>) -> Reply {
        Reply {
            status,
            body,
            location: None,
            link: None,
            has_more: None,
            file: None,
        }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Some(body) => json_response(self.status, &body),
            None => self.status.into_response(),
        };
        let text = |text: String| HeaderValue::try_from(text).ok();
        if let Some(file) = self.file {
            *response.body_mut() = Body::from(file.bytes);
            let headers = [
                (header::CONTENT_TYPE, file.content_type),
                (header::CONTENT_DISPOSITION, file.disposition),
            ];
            for (name, value) in headers {
                if let Some(value) = text(value) {
                    response.headers_mut().insert(name, value);
                }
            }
        }
        let headers = response.headers_mut();
        if let Some(location) = self.location.and_then(text) {
            headers.insert(header::LOCATION, location);
        }
        if let Some(link) = self.link.and_then(text) {
            headers.insert(header::LINK, link);
        }
        if let Some(has_more) = self.has_more {
            let value = if has_more { "true" } else { "false" };
            headers.insert("x-pagination-has-more", HeaderValue::from_static(value));
        }
        response
    }
}

fn root(key: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(key.to_owned(), value)]))
}

/// A JSON answer, minified and with its type, as Capsule sends it (API reference 1.1).
pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json;charset=utf-8"),
    );
    response
}

/// One row of a 422's `errors`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Violation {
    message: String,
    resource: &'static str,
    field: &'static str,
}

/// Everything that is wrong with one body; Capsule reports all of it at once.
#[derive(Debug, Default)]
pub(super) struct Violations(Vec<Violation>);

impl Violations {
    pub(super) fn add(
        &mut self,
        resource: &'static str,
        field: &'static str,
        message: impl Into<String>,
    ) {
        self.0.push(Violation {
            message: message.into(),
            resource,
            field,
        });
    }

    /// Ends the validation: nothing wrong, or the 422.
    pub(super) fn check(self) -> Result<(), Refusal> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Refusal::Invalid(self.0))
        }
    }
}

/// An unsuccessful answer.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 404 for a path or a record that isn't there.
    NotFound(String),
    /// 422.
    Invalid(Vec<Violation>),
    /// 400: the body is not JSON or has not the shape of a request.
    Malformed(String),
    /// 403: the user may not do this.
    Forbidden(&'static str),
    /// 403: the token's scope is too small (API reference 1.4).
    Scope(&'static str),
    /// 415: the body says that it is something other than JSON.
    UnsupportedMedia,
}

impl Refusal {
    /// 404 in the words of Capsule: `party not found`.
    pub(super) fn no_such(resource: &str) -> Refusal {
        Refusal::NotFound(format!("{resource} not found"))
    }

    /// 404 for an unknown path.
    pub(super) fn no_such_path() -> Refusal {
        Refusal::NotFound("Could not find resource".to_owned())
    }

    /// 422 with one error.
    pub(super) fn invalid(
        resource: &'static str,
        field: &'static str,
        message: impl Into<String>,
    ) -> Refusal {
        Refusal::Invalid(vec![Violation {
            message: message.into(),
            resource,
            field,
        }])
    }

    /// 403 for an operation that only administrators may do (API reference 2.12).
    pub(super) fn not_administrator() -> Refusal {
        Refusal::Forbidden("Administrator permission required")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let message = |status, text: &str| json_response(status, &json!({ "message": text }));
        match self {
            Refusal::NotFound(text) => message(StatusCode::NOT_FOUND, &text),
            Refusal::Malformed(text) => message(StatusCode::BAD_REQUEST, &text),
            Refusal::Forbidden(text) => message(StatusCode::FORBIDDEN, text),
            Refusal::UnsupportedMedia => message(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The content type must be application/json",
            ),
            Refusal::Scope(scope) => {
                let mut response = message(StatusCode::FORBIDDEN, "Requires additional scope");
                let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{scope}\"");
                if let Ok(value) = HeaderValue::try_from(challenge) {
                    response
                        .headers_mut()
                        .insert(header::WWW_AUTHENTICATE, value);
                }
                response
            }
            Refusal::Invalid(violations) => {
                let errors: Vec<Value> = violations
                    .into_iter()
                    .map(|row| json!({ "message": row.message, "resource": row.resource, "field": row.field }))
                    .collect();
                let body = json!({ "message": "Validation Failed", "errors": errors });
                json_response(StatusCode::UNPROCESSABLE_ENTITY, &body)
            }
        }
    }
}
