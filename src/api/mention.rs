//! Whether a name that is only compared, not turned into an id, means anything in the account.

use super::client::Client;
use super::directory::resolve;
use super::roster::Roster;
use super::steps::Course;
use crate::bindings::capsule::crm::types::Ref;
use crate::bindings::integration::connector::types::{Error, PermanentError, Violation};
use crate::model::field::Entity;

impl Client {
    /// Why a name that stands at `pointer` means nothing to a field; none where something has it, be it several. `field` is what filters
    /// call it; others are not judged. A milestone or a stage is looked for within a pipeline or a board if one is given. Ids are taken at
    /// their word. Only of tags it matters of which entity they are.
    ///
    /// # Errors
    /// What sending gives.
    pub async fn unknown(
        &self,
        entity: Entity,
        field: &str,
        wanted: &Ref,
        within: Option<&Ref>,
        pointer: &str,
    ) -> Result<Option<Violation>, Error> {
        let found = match field {
            _ if matches!(wanted, Ref::Id(_)) => return Ok(None),
            "owner" => self.user(wanted, "").await,
            "team" => self.team(wanted, "").await,
            "pipeline" => self.chosen(Roster::Pipelines, wanted, "").await,
            "board" => self.chosen(Roster::Boards, wanted, "").await,
            "category" => self.chosen(Roster::Categories, wanted, "").await,
            "lostReason" => self.chosen(Roster::LostReasons, wanted, "").await,
            "milestone" => self.passed(Course::Milestones, wanted, within).await,
            "stage" => self.passed(Course::Stages, wanted, within).await,
            "tag" | "org.tag" => {
                let tags = self.tags(entity).await?;
                let known = tags
                    .iter()
                    .map(|tag| (tag.id, tag.name.as_deref().unwrap_or_default()));
                resolve(wanted, known, "tag", "")
            }
            _ => return Ok(None),
        };
        match found {
            Ok(_) | Err(Error::Permanent(PermanentError::Ambiguous(_))) => Ok(None),
            Err(Error::Permanent(PermanentError::InvalidInput(faults))) => {
                let fault = faults.into_iter().next();
                Ok(fault.map(|fault| Violation {
                    pointer: pointer.to_owned(),
                    ..fault
                }))
            }
            Err(error) => Err(error),
        }
    }

    async fn passed(
        &self,
        course: Course,
        wanted: &Ref,
        within: Option<&Ref>,
    ) -> Result<u64, Error> {
        let within = match within {
            // One that is not there, or that several may be, is told by itself.
            Some(way) => self.way(course, way, "").await.ok(),
            None => None,
        };
        let step = self.step(course, wanted, within, "").await?;
        Ok(step.id)
    }
}
