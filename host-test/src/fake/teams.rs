//! Teams, which the API only reads (API reference 3.15).

use axum::Router;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Fake;
use super::call::{Answer, Call, Embeds, get};
use super::paging::whole_list;
use super::reply::{Refusal, Reply};
use super::state::{State, instant};

/// A team and its members.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Team {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) created_at: Timestamp,
    pub(super) members: Vec<u64>,
}

impl Team {
    fn render(&self, state: &State, embeds: &Embeds) -> Value {
        let mut body = json!({
            "id": self.id,
            "name": self.name,
            "createdAt": instant(Some(self.created_at)),
            "updatedAt": instant(Some(self.created_at)),
        });
        if embeds.has("memberships") {
            let members = self
                .members
                .iter()
                .map(|id| json!({ "user": state.user_reference(Some(*id)) }));
            body["memberships"] = members.collect();
        }
        body
    }
}

pub(super) fn routes() -> Router<Fake> {
    Router::new()
        .route("/teams", get(show_all))
        .route("/teams/{id}", get(show))
}

fn show_all(state: &mut State, call: &Call) -> Answer {
    let embeds = call.embeds();
    Ok(whole_list(
        call,
        "teams",
        state.teams.iter().map(|team| team.render(state, &embeds)),
    ))
}

fn show(state: &mut State, call: &Call) -> Answer {
    let team = state
        .teams
        .get(call.id(0, "team")?)
        .ok_or_else(|| Refusal::no_such("team"))?;
    Ok(Reply::ok("team", team.render(state, &call.embeds())))
}
