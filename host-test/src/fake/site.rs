//! The account itself, and its jobs (API reference 3.16, 3.19).

use axum::Router;
use serde_json::json;

use super::Fake;
use super::call::{Answer, Call, get};
use super::reply::{Refusal, Reply};
use super::state::State;

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/site", get(show))
        .route("/jobs/{id}", get(show_job))
}

fn show(state: &mut State, _: &Call) -> Answer {
    let site = json!({
        "url": format!("https://{}.capsulecrm.com", state.subdomain),
        "subdomain": state.subdomain,
        "name": state.company,
    });
    Ok(Reply::ok("site", site))
}

/// The fake's jobs are done before anybody asks.
fn show_job(state: &mut State, call: &Call) -> Answer {
    let id = call.param(0);
    let action = state.jobs.get(id).ok_or_else(|| Refusal::no_such("job"))?;
    Ok(Reply::ok(
        "job",
        json!({ "id": id, "action": action, "status": "completed", "progress": 100 }),
    ))
}
