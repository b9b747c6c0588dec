//! Writes down what passes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt as _;

use super::super::super::Secret;
use super::super::{AnswerBody, EgressLimits, Outbound, Upstream, UpstreamError};
use super::scrub;
use super::tape::{Cassette, CassetteError, Interaction, Request};

/// Stands before another upstream. Answers pass as they come; what the egress read of each is what is recorded.
pub struct Recorder {
    inner: Arc<dyn Upstream>,
    taken: Arc<Mutex<Taken>>,
}

#[derive(Default)]
struct Taken {
    requests: Vec<Entry>,
    secrets: Vec<Secret>,
}

struct Entry {
    /// `METHOD origin/path`.
    name: String,
    request: Request,
    recorded_at: String,
    answer: Answer,
}

enum Answer {
    /// The request is under way.
    Awaited,
    Came {
        status: StatusCode,
        headers: HeaderMap,
        body: Vec<u8>,
    },
    Failed(UpstreamError),
}

impl Recorder {
    /// Records what goes to `inner`.
    pub fn new(inner: Arc<dyn Upstream>) -> Self {
        Self {
            inner,
            taken: Arc::default(),
        }
    }

    /// What was recorded so far, scrubbed. An error if a request got no whole answer.
    pub fn cassette(&self) -> Result<Cassette, CassetteError> {
        let mut taken = lock(&self.taken);
        let Taken { requests, secrets } = &mut *taken;
        let mut http_interactions = Vec::with_capacity(requests.len());
        for entry in requests.iter() {
            let unanswered = |reason: String| CassetteError::Unanswered {
                request: entry.name.clone(),
                reason,
            };
            let response = match &entry.answer {
                Answer::Came {
                    status,
                    headers,
                    body,
                } => scrub::response(*status, headers, body, secrets),
                Answer::Awaited => return Err(unanswered("it was given up".into())),
                Answer::Failed(error) => return Err(unanswered(error.to_string())),
            };
            http_interactions.push(Interaction {
                request: entry.request.clone(),
                response,
                recorded_at: entry.recorded_at.clone(),
            });
        }
        let everywhere = scrub::Everywhere::new(secrets);
        for interaction in &mut http_interactions {
            everywhere.request(&mut interaction.request);
            everywhere.response(&mut interaction.response);
        }
        Ok(Cassette {
            http_interactions,
            recorded_with: concat!("capsule-host ", env!("CARGO_PKG_VERSION")).into(),
        })
    }
}

#[async_trait]
impl Upstream for Recorder {
    async fn send(
        &self,
        request: Outbound,
        limits: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        let place = {
            let mut taken = lock(&self.taken);
            let entry = Entry {
                name: request.name(),
                request: scrub::request(&request, &mut taken.secrets),
                recorded_at: httpdate::fmt_http_date(SystemTime::now()),
                answer: Answer::Awaited,
            };
            taken.requests.push(entry);
            Place {
                taken: self.taken.clone(),
                index: taken.requests.len() - 1,
            }
        };
        let response = match self.inner.send(request, limits).await {
            Ok(response) => response,
            Err(error) => {
                place.set(Answer::Failed(error.clone()));
                return Err(error);
            }
        };
        let (parts, body) = response.into_parts();
        place.set(Answer::Came {
            status: parts.status,
            headers: parts.headers.clone(),
            body: Vec::new(),
        });
        let broken = place.clone();
        let body = body
            .map_frame(move |frame| {
                if let Some(data) = frame.data_ref() {
                    place.add(data);
                }
                frame
            })
            .map_err(move |error| {
                broken.set(Answer::Failed(error.clone()));
                error
            })
            .boxed_unsync();
        Ok(http::Response::from_parts(parts, body))
    }
}

/// Where an answer is written down.
#[derive(Clone)]
struct Place {
    taken: Arc<Mutex<Taken>>,
    index: usize,
}

impl Place {
    fn set(&self, answer: Answer) {
        if let Some(entry) = lock(&self.taken).requests.get_mut(self.index) {
            entry.answer = answer;
        }
    }

    fn add(&self, data: &[u8]) {
        if let Some(Entry {
            answer: Answer::Came { body, .. },
            ..
        }) = lock(&self.taken).requests.get_mut(self.index)
        {
            body.extend_from_slice(data);
        }
    }
}

fn lock(taken: &Mutex<Taken>) -> MutexGuard<'_, Taken> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}
