//! The milestones of opportunities and the stages of projects, read once in a sandbox, and what names of them mean.

use super::client::Client;
use super::directory::resolve;
use super::error::{ambiguous, invalid};
use super::roster::Roster;
use crate::bindings::capsule::crm::types::Ref;
use crate::bindings::integration::connector::types::Error;
use crate::contract::brief;
use crate::model::same;
use serde_json::Value;
use std::rc::Rc;

/// What records pass through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Opportunities pass the milestones of a pipeline.
    Milestones,
    /// Projects pass the stages of a board.
    Stages,
}

impl Course {
    /// What one step is called, by Capsule and by the contract.
    #[must_use]
    pub fn step(self) -> &'static str {
        match self {
            Self::Milestones => "milestone",
            Self::Stages => "stage",
        }
    }

    /// What the steps belong to.
    #[must_use]
    pub fn way(self) -> &'static str {
        match self {
            Self::Milestones => "pipeline",
            Self::Stages => "board",
        }
    }

    fn roster(self) -> Roster {
        match self {
            Self::Milestones => Roster::Pipelines,
            Self::Stages => Roster::Boards,
        }
    }
}

/// A milestone or a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The pipeline or the board, by id and name; none where Capsule does not tell (API reference 3.9).
    pub way: Option<(u64, String)>,
    /// A milestone that closes an opportunity.
    pub complete: bool,
    /// Of a milestone, in percent.
    pub probability: Option<u64>,
}

impl Step {
    fn read(course: Course, row: &Value) -> Option<Self> {
        let way = row.get(course.way()).and_then(|way| {
            let id = way.get("id").unwrap_or(way).as_u64()?;
            let name = way.get("name").and_then(Value::as_str).unwrap_or_default();
            Some((id, name.to_owned()))
        });
        Some(Self {
            id: row.get("id")?.as_u64()?,
            name: row.get("name")?.as_str()?.to_owned(),
            way,
            complete: row
                .get("complete")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            probability: row.get("probability").and_then(Value::as_u64),
        })
    }

    /// It may belong there: nothing says otherwise.
    #[must_use]
    pub fn is_of(&self, way: u64) -> bool {
        self.way.as_ref().is_none_or(|(id, _)| *id == way)
    }

    /// Its name, with what it belongs to.
    #[must_use]
    pub fn label(&self) -> String {
        match &self.way {
            Some((_, way)) if !way.is_empty() => format!("{} ({way})", self.name),
            _ => self.name.clone(),
        }
    }
}

impl Client {
    /// The milestones of all pipelines, or the stages of all boards.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn steps(&self, course: Course) -> Result<Rc<Vec<Step>>, Error> {
        let [milestones, stages] = &self.directory.steps;
        let (once, segments, key): (_, &[&str], _) = match course {
            // `/milestones` alone gives those of the oldest pipeline (API reference 3.9).
            Course::Milestones => (milestones, &["milestones", "all"], "milestones"),
            Course::Stages => (stages, &["stages"], "stages"),
        };
        once.get(async || {
            let (_, rows) = self.all(segments, key).await?;
            Ok(rows
                .iter()
                .filter_map(|row| Step::read(course, row))
                .collect())
        })
        .await
    }

    /// The id of a pipeline or a board, by id or name.
    ///
    /// # Errors
    /// `invalid-input` with the nearest names, `ambiguous`, and what sending gives.
    pub async fn way(&self, course: Course, wanted: &Ref, at: &str) -> Result<u64, Error> {
        let pointer = format!("{at}/{}", course.way());
        self.chosen(course.roster(), wanted, &pointer).await
    }

    /// The step that an id or a name means, within a pipeline or a board if one is given. `at` is the pointer of the record that holds it.
    ///
    /// # Errors
    /// `invalid-input` with the nearest names or with where it is, `ambiguous` for a name that several have, and what sending gives.
    pub async fn step(
        &self,
        course: Course,
        wanted: &Ref,
        within: Option<u64>,
        at: &str,
    ) -> Result<Step, Error> {
        let all = self.steps(course).await?;
        let what = course.step();
        let pointer = format!("{at}/{what}");
        let here = |step: &&Step| within.is_none_or(|way| step.is_of(way));
        let meant: Vec<&Step> = all
            .iter()
            .filter(|step| match wanted {
                Ref::Id(id) => step.id == *id,
                Ref::Name(name) => same(&step.name, name),
            })
            .collect();
        let found: Vec<&Step> = meant.iter().copied().filter(here).collect();
        match (found.as_slice(), meant.as_slice(), wanted) {
            ([one], _, _) => Ok((*one).clone()),
            ([], [], Ref::Id(id)) => Err(invalid(
                pointer,
                "not-found",
                format!("There is no {what} {id}."),
            )),
            ([], [], Ref::Name(_)) => {
                let known = all
                    .iter()
                    .filter(here)
                    .map(|step| (step.id, step.name.as_str()));
                // It names the nearest ones: nothing matches.
                let Err(error) = resolve(wanted, known, what, &pointer) else {
                    return Err(invalid(pointer, "not-found", "It is not there."));
                };
                Err(error)
            }
            ([], [elsewhere, ..], _) => {
                let some: Vec<_> = all
                    .iter()
                    .filter(here)
                    .take(10)
                    .map(|step| format!("`{}`", step.name))
                    .collect();
                let message = format!(
                    "`{}` is of another {}; there are: {}",
                    brief(&elsewhere.label()),
                    course.way(),
                    some.join(", ")
                );
                Err(invalid(pointer, "choice", message))
            }
            (several, _, _) => Err(ambiguous(
                pointer,
                several.iter().map(|step| (step.id, step.label())),
            )),
        }
    }
}
