//! What stands in the file. Names and nesting are those of Ruby's VCR, so that people and tools know their way; only
//! `json` is ours: a body that is JSON stands as JSON, because a record in one long string can't be reviewed.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::Origin;

/// The largest file that is read.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// Whole numbers from here on can't all be told apart by a floating-point number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Recorded requests with their answers, in the order in which the requests went out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cassette {
    pub(super) http_interactions: Vec<Interaction>,
    pub(super) recorded_with: String,
}

/// Why there is no cassette.
#[derive(Debug, thiserror::Error)]
pub enum CassetteError {
    /// The file can't be read or written.
    #[error("the cassette {path} can't be {done}: {error}")]
    File {
        /// Which file.
        path: String,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// Not a cassette.
    #[error("{path} is not a cassette: {reason}")]
    Form {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not written over: it may have been reviewed.
    #[error("{0} is there already; remove it to record anew")]
    Exists(String),
    /// A recording that would not replay as it went.
    #[error(
        "{request} got no whole answer ({reason}), and a cassette can't tell that; record anew"
    )]
    Unanswered {
        /// `METHOD origin/path`.
        request: String,
        /// What happened.
        reason: String,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Interaction {
    pub(super) request: Request,
    pub(super) response: Response,
    /// As in the `Date` header.
    pub(super) recorded_at: String,
}

pub(super) type Headers = BTreeMap<String, Vec<String>>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// In lower case.
    pub(super) method: String,
    pub(super) uri: String,
    pub(super) headers: Headers,
    pub(super) body: Body,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Response {
    pub(super) status: Status,
    pub(super) headers: Headers,
    pub(super) body: Body,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Status {
    pub(super) code: u16,
    pub(super) message: String,
}

/// A body in the form that reads best.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(super) enum Body {
    Json(Value),
    Text(String),
    Bytes(Vec<u8>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    encoding: Encoding,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    string: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64_string: Option<String>,
}

#[derive(Serialize, Deserialize)]
enum Encoding {
    #[serde(rename = "UTF-8")]
    Utf8,
    /// Ruby's name for bytes that are no text.
    #[serde(rename = "ASCII-8BIT")]
    Bytes,
}

impl From<Body> for Written {
    fn from(body: Body) -> Self {
        let mut written = Self {
            encoding: Encoding::Utf8,
            json: None,
            string: None,
            base64_string: None,
        };
        match body {
            Body::Json(value) => written.json = Some(value),
            Body::Text(text) => written.string = Some(text),
            Body::Bytes(bytes) => {
                written.encoding = Encoding::Bytes;
                written.base64_string = Some(STANDARD.encode(bytes));
            }
        }
        written
    }
}

impl TryFrom<Written> for Body {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        match (written.json, written.string, written.base64_string) {
            (Some(value), None, None) => Ok(Self::Json(value)),
            (None, Some(text), None) => Ok(Self::Text(text)),
            (None, None, Some(text)) => STANDARD
                .decode(text)
                .map(Self::Bytes)
                .map_err(|error| format!("base64_string is not base64: {error}")),
            _ => Err("a body has exactly one of json, string and base64_string".into()),
        }
    }
}

impl Body {
    /// JSON stands as JSON if it means the same when it is written again.
    pub(super) fn of(bytes: &[u8]) -> Self {
        if let Ok(value) = serde_json::from_slice::<Value>(bytes)
            && (value.is_object() || value.is_array())
            && is_exact(&value)
        {
            return Self::Json(value);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes(bytes.to_vec()),
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            !number.is_f64() || number.as_f64().is_some_and(|number| number.abs() < EXACT)
        }
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

impl Cassette {
    /// Reads a file. Whatever is not known in it is an error: it was meant to say something.
    pub fn read(path: &Path) -> Result<Self, CassetteError> {
        let form = |reason| CassetteError::Form {
            path: path.display().to_string(),
            reason,
        };
        let mut text = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text))
            .map_err(|error| file_error(path, "read", error))?;
        if text.len() as u64 > MOST_BYTES {
            return Err(form(format!("it has more than {MOST_BYTES} bytes")));
        }
        serde_json::from_str(&text).map_err(|error| form(error.to_string()))
    }

    /// Writes a new file.
    pub fn write(&self, path: &Path) -> Result<(), CassetteError> {
        let failed = |error| file_error(path, "written", error);
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        let mut file = match std::fs::File::create_new(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(CassetteError::Exists(path.display().to_string()));
            }
            Err(error) => return Err(failed(error)),
        };
        file.write_all(&text).map_err(failed)
    }

    /// How many requests it holds.
    pub fn len(&self) -> usize {
        self.http_interactions.len()
    }

    /// Whether it holds no request.
    pub fn is_empty(&self) -> bool {
        self.http_interactions.is_empty()
    }

    /// Where its first request went; None without requests.
    pub fn origin(&self) -> Option<Origin> {
        Origin::of_url(&self.http_interactions.first()?.request.uri).ok()
    }
}

fn file_error(path: &Path, done: &'static str, error: std::io::Error) -> CassetteError {
    CassetteError::File {
        path: path.display().to_string(),
        done,
        error,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_stands_in_the_form_that_reads_best() {
        let written = |bytes: &[u8]| serde_json::to_value(Body::of(bytes)).unwrap();
        assert_eq!(
            written(b"{\"a\": 1}"),
            json!({"encoding": "UTF-8", "json": {"a": 1}})
        );
        assert_eq!(
            written("né".as_bytes()),
            json!({"encoding": "UTF-8", "string": "né"})
        );
        assert_eq!(
            written(&[0xff, 0]),
            json!({"encoding": "ASCII-8BIT", "base64_string": "/wA="})
        );
    }

    #[test]
    fn a_number_that_would_change_keeps_its_text() {
        let text = "{\"id\":123456789012345678901234567890}";
        assert_eq!(Body::of(text.as_bytes()), Body::Text(text.into()));
    }

    #[test]
    fn a_body_that_says_two_things_is_refused() {
        let body = json!({"encoding": "UTF-8", "string": "a", "json": {}});
        assert!(serde_json::from_value::<Body>(body).is_err());
        assert!(serde_json::from_value::<Body>(json!({"encoding": "UTF-8"})).is_err());
    }

    #[test]
    fn a_file_with_something_unknown_in_it_is_refused_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.json");
        let text = json!({"http_interactions": [], "recorded_with": "x", "recorded": true});
        std::fs::write(&path, text.to_string()).unwrap();
        let error = Cassette::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("tape.json") && error.contains("recorded"),
            "{error}"
        );
    }

    #[test]
    fn a_file_that_is_there_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tape.json");
        let cassette = Cassette {
            http_interactions: Vec::new(),
            recorded_with: "x".into(),
        };
        cassette.write(&path).unwrap();
        assert_eq!(Cassette::read(&path).unwrap(), cassette);
        assert!(matches!(
            cassette.write(&path),
            Err(CassetteError::Exists(_))
        ));
    }
}
