//! Moving records along: to another milestone or stage, won, lost, closed, opened again (API reference 3.2 and 3.3).

use super::{change, course, current, id_of, told};
use crate::actions::body::put_id;
use crate::actions::read::Speller;
use crate::api::{Client, Course, Roster, Step, invalid};
use crate::bindings::capsule::crm::types::Ref;
use crate::bindings::integration::connector::types::Error;
use crate::contract::{Json, brief};
use crate::model::{Embeds, Kind};
use serde_json::{Map, Value};

/// Where a record is to go.
pub(in crate::actions) struct Move<'a> {
    pub(in crate::actions) kind: Kind,
    pub(in crate::actions) id: u64,
    /// The pipeline or the board.
    pub(in crate::actions) way: Option<&'a Ref>,
    /// The milestone or the stage.
    pub(in crate::actions) step: &'a Ref,
    /// It may go into another pipeline or onto another board.
    pub(in crate::actions) across: bool,
    pub(in crate::actions) embeds: Embeds,
}

/// Moves a record to a milestone or a stage.
pub(in crate::actions) async fn shift<T: Json>(
    client: &Client,
    input: &Move<'_>,
) -> Result<T, Error> {
    let kind = input.kind;
    let course = course(kind);
    let within = match input.way {
        Some(way) => Some(client.way(course, way, "").await?),
        None => None,
    };
    let record = Standing::read(client, kind, input.id, &input.embeds).await?;
    let home = record.step.as_ref().and_then(|step| step.way.clone());
    // A name means the one nearby, where there is one.
    let nearby = match (&home, input.step) {
        (Some((way, _)), Ref::Name(_)) if within.is_none() => {
            client.step(course, input.step, Some(*way), "").await.ok()
        }
        _ => None,
    };
    let target = match nearby {
        Some(step) => step,
        None => client.step(course, input.step, within, "").await?,
    };
    let elsewhere = match (&home, record.place) {
        (Some((way, _)), _) => !target.is_of(*way),
        // It stands where nothing is listed: in an archived one, or where the caller may not look.
        (None, Some(place)) => record.step.is_none() && place != target.id,
        (None, None) => false,
    };
    if elsewhere && !input.across {
        let (step, way) = (course.step(), course.way());
        let own = home.map_or_else(|| "another".into(), |(_, name)| format!("`{name}`"));
        let flag = match course {
            Course::Milestones => "acrossPipelines",
            Course::Stages => "acrossBoards",
        };
        let message = format!(
            "`{}` is not of the {way} of the record, {own}; choose a {step} of that, or set `{flag}` to move it there",
            brief(&target.label()),
        );
        return Err(invalid(format!("/{step}"), "choice", message));
    }
    let mut body = Map::new();
    if record.place != Some(target.id) {
        put_id(&mut body, course.step(), Some(target.id));
    }
    record.settle(client, body).await
}

/// Moves an opportunity to the milestone of its pipeline that closes it as won.
pub(in crate::actions) async fn win<T: Json>(
    client: &Client,
    id: u64,
    embeds: Embeds,
) -> Result<T, Error> {
    let record = Standing::read(client, Kind::Opportunity, id, &embeds).await?;
    let body = record.closing(client, 100, "won").await?;
    record.settle(client, body).await
}

/// Moves an opportunity to the milestone of its pipeline that closes it as lost, with its reason.
pub(in crate::actions) async fn lose<T: Json>(
    client: &Client,
    id: u64,
    reason: Option<&Ref>,
    embeds: Embeds,
) -> Result<T, Error> {
    let reason = match reason {
        Some(reason) => Some(
            client
                .chosen(Roster::LostReasons, reason, "/reason")
                .await?,
        ),
        None => None,
    };
    let record = Standing::read(client, Kind::Opportunity, id, &embeds).await?;
    let mut body = record.closing(client, 0, "lost").await?;
    // Capsule drops a reason that comes without a lost milestone, and keeps it beside one (API reference 3.2).
    let stands = body.is_empty() && id_of(&record.row, "lostReason") == reason;
    put_id(&mut body, "lostReason", reason.filter(|_| !stands));
    record.settle(client, body).await
}

/// Opens an opportunity again.
pub(in crate::actions) async fn reopen<T: Json>(
    client: &Client,
    id: u64,
    milestone: Option<&Ref>,
    embeds: Embeds,
) -> Result<T, Error> {
    let record = Standing::read(client, Kind::Opportunity, id, &embeds).await?;
    let here = record.here()?;
    let mut body = Map::new();
    if !here.complete {
        return record.settle(client, body).await;
    }
    let way = here.way.as_ref().map(|(id, _)| *id);
    let target = match milestone {
        Some(wanted) => {
            let step = client.step(Course::Milestones, wanted, way, "").await?;
            if step.complete {
                let message = format!(
                    "`{}` closes the opportunity; choose an open milestone",
                    brief(&step.label())
                );
                return Err(invalid("/milestone", "choice", message));
            }
            step.id
        }
        None => {
            let all = client.steps(Course::Milestones).await?;
            let mut open = all
                .iter()
                .filter(|step| !step.complete && way.is_none_or(|way| step.is_of(way)))
                .map(|step| step.id)
                .peekable();
            let first = open.peek().copied();
            let before = id_of(&record.row, "lastOpenMilestone");
            match before
                .filter(|before| open.any(|id| id == *before))
                .or(first)
            {
                Some(id) => id,
                None => {
                    let message = "the pipeline has no open milestone; add one, or move the opportunity into another pipeline";
                    return Err(invalid("/milestone", "required", message));
                }
            }
        }
    };
    put_id(&mut body, "milestone", Some(target));
    record.settle(client, body).await
}

/// Sets whether a project is open. Capsule takes what it is already as no change (API reference 2.3).
pub(in crate::actions) async fn set_status<T: Json>(
    client: &Client,
    id: u64,
    status: &str,
    embeds: Embeds,
) -> Result<T, Error> {
    let speller = Speller::new(client, Kind::Project, &embeds).await?;
    let mut body = Map::new();
    body.insert("status".into(), status.into());
    let row = change(client, Kind::Project, id, &embeds, body).await?;
    told(&speller, Kind::Project, &embeds, row)
}

/// A record, and where it stands.
struct Standing<'a> {
    kind: Kind,
    id: u64,
    embeds: &'a Embeds,
    speller: Speller,
    row: Value,
    /// Its milestone or stage.
    place: Option<u64>,
    /// The same, where it is listed.
    step: Option<Step>,
}

impl<'a> Standing<'a> {
    async fn read(client: &Client, kind: Kind, id: u64, embeds: &'a Embeds) -> Result<Self, Error> {
        let speller = Speller::new(client, kind, embeds).await?;
        let row = current(client, kind, id, embeds).await?;
        let course = course(kind);
        let place = id_of(&row, course.step());
        let all = client.steps(course).await?;
        let step = all.iter().find(|step| Some(step.id) == place).cloned();
        Ok(Self {
            kind,
            id,
            embeds,
            speller,
            row,
            place,
            step,
        })
    }

    /// The milestone of an opportunity.
    fn here(&self) -> Result<&Step, Error> {
        self.step.as_ref().ok_or_else(|| {
            let message = "its milestone is not listed, as in an archived pipeline; move it into another pipeline first";
            invalid("/id", "not-found", message)
        })
    }

    /// What to send so that it is closed at this probability; nothing if it is so.
    async fn closing(
        &self,
        client: &Client,
        probability: u64,
        how: &str,
    ) -> Result<Map<String, Value>, Error> {
        let here = self.here()?;
        let closes = |step: &Step| step.complete && step.probability == Some(probability);
        let mut body = Map::new();
        if closes(here) {
            return Ok(body);
        }
        let all = client.steps(Course::Milestones).await?;
        let way = here.way.as_ref().map(|(id, _)| *id);
        let target = all
            .iter()
            .find(|step| closes(step) && way.is_none_or(|way| step.is_of(way)));
        let Some(target) = target else {
            let message = format!("its pipeline has no milestone that closes it as {how}");
            return Err(invalid("/id", "not-found", message));
        };
        put_id(&mut body, "milestone", Some(target.id));
        Ok(body)
    }

    /// Sends what is to be changed, if anything.
    async fn settle<T: Json>(self, client: &Client, body: Map<String, Value>) -> Result<T, Error> {
        let row = if body.is_empty() {
            self.row
        } else {
            change(client, self.kind, self.id, self.embeds, body).await?
        };
        told(&self.speller, self.kind, self.embeds, row)
    }
}
