//! A dry run: the component judges every row, and nothing leaves the process.
//!
//! A row fits if the component gets as far as its first request, which finds no one to connect to. What only Capsule knows - whether an
//! owner exists, whether a record is there already - is not looked at.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use capsule_host::egress::{
    AnswerBody, EgressLimits, Origin, Outbound, Secret, Upstream, UpstreamError,
};
use capsule_host::runtime::{DEFAULT_API_BASE, Limits, Tenant};

use super::report::{Action, Line};
use super::run::{Job, Runs as _, Told};
use super::{Calls, Planned, Shape, failed};

/// Nobody is there.
struct NoOne;

#[async_trait]
impl Upstream for NoOne {
    async fn send(
        &self,
        _: Outbound,
        _: &EgressLimits,
    ) -> Result<http::Response<AnswerBody>, UpstreamError> {
        Err(UpstreamError::Refused)
    }
}

/// A tenant that reaches no one, and needs no token.
pub(super) fn tenant(limits: Limits) -> Result<Tenant> {
    let builder = Tenant::builder("dry-run")
        .access_token(Secret::from("none-is-needed"))
        .grant(Origin::parse(DEFAULT_API_BASE)?);
    Ok(builder.upstream(Arc::new(NoOne)).limits(limits).build()?)
}

/// Judges the rows.
pub(super) async fn check(
    calls: &Calls<'_>,
    planned: &[Planned],
    jobs: &[Job],
    shape: &Shape,
) -> Vec<Line> {
    let mut lines = Vec::with_capacity(planned.len());
    let rows: Vec<(usize, &serde_json::Value)> =
        jobs.iter().map(|job| &job.input).enumerate().collect();
    for chunk in rows.chunks(super::CHUNK) {
        let told = match calls.run(chunk).await {
            Ok(told) => told,
            Err(failure) => chunk
                .iter()
                .map(|(row, _)| (*row, Told::Failed(failure.clone())))
                .collect(),
        };
        for (row, told) in told {
            let Some(planned) = planned.get(row) else {
                continue;
            };
            lines.push(match told {
                Told::Failed(failure) if failure.case != "unavailable" => {
                    failed(planned, shape, &failure)
                }
                Told::Done(_) | Told::Failed(_) => {
                    Line::new(planned.row, &planned.key, Action::Fits)
                }
                Told::NotStarted => Line::new(planned.row, &planned.key, Action::NotStarted),
            });
        }
    }
    lines
}
