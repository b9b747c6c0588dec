//! Leads: several records in one call, each by the operation that is there for it.

use super::{opportunities, organisations, people, projects, tasks, timeline};
use crate::api::{Client, invalid, violation};
use crate::bindings::capsule::crm::types::{
    LeadFailure, LeadIds, LeadNote, LeadOpportunity, LeadPart, LeadProject, LeadReport, LeadState,
    LeadStep, LeadTask, NewLead, NewNote, NewOpportunity, NewProject, NewTask, RecordRef, Ref,
    UpsertAction, UpsertedParty,
};
use crate::bindings::integration::connector::types::{Error, PermanentError};
use crate::contract::{Checked, Json};
use serde_json::Value;

/// The order in which parts are done: each is linked to those before it.
const PARTS: [LeadPart; 6] = [
    LeadPart::Organisation,
    LeadPart::Person,
    LeadPart::Opportunity,
    LeadPart::Project,
    LeadPart::Task,
    LeadPart::Note,
];

/// Submit a lead.
///
/// # Errors
/// `invalid-input` before anything is sent, and the error of the first part as long as nothing was done. What fails later is told in the
/// report.
pub async fn submit(client: &Client, mut input: NewLead) -> Result<LeadReport, Error> {
    let mut done = input.resume.take().unwrap_or(NOTHING);
    check(&input, &done)?;
    let mut steps = Vec::new();
    let mut parts = PARTS.into_iter();
    // What this call did: ids that came with the input are no reason to hide an error.
    let mut any = false;
    while let Some(part) = parts.next() {
        if let Some(id) = *done.slot(part) {
            steps.push(LeadStep {
                part,
                id,
                state: LeadState::Resumed,
            });
            continue;
        }
        let Err(error) = carry_out(client, &mut input, &done, part)
            .await
            .map(|step| {
                if let Some((id, state)) = step {
                    any = true;
                    *done.slot(part) = Some(id);
                    steps.push(LeadStep { part, id, state });
                }
            })
        else {
            continue;
        };
        if let Some(id) = left_behind(&error, part) {
            any = true;
            *done.slot(part) = Some(id);
            steps.push(LeadStep {
                part,
                id,
                state: LeadState::Created,
            });
        }
        let error = within(part, error);
        if !any {
            return Err(error);
        }
        let not_tried = parts
            .filter(|part| given(&input, *part) && done.slot(*part).is_none())
            .collect();
        return Ok(LeadReport {
            steps,
            failed: Some(LeadFailure {
                part,
                error,
                not_tried,
            }),
            resume: Some(done),
        });
    }
    Ok(LeadReport {
        steps,
        failed: None,
        resume: None,
    })
}

impl LeadIds {
    fn slot(&mut self, part: LeadPart) -> &mut Option<u64> {
        match part {
            LeadPart::Organisation => &mut self.organisation,
            LeadPart::Person => &mut self.person,
            LeadPart::Opportunity => &mut self.opportunity,
            LeadPart::Project => &mut self.project,
            LeadPart::Task => &mut self.task,
            LeadPart::Note => &mut self.note,
        }
    }

    /// Whose the opportunity and the project are.
    fn party(&self) -> Option<u64> {
        self.person.or(self.organisation)
    }

    /// What the task and the note are about.
    fn subject(&self) -> Option<RecordRef> {
        let opportunity = self.opportunity.map(RecordRef::Opportunity);
        let project = self.project.map(RecordRef::Project);
        opportunity
            .or(project)
            .or_else(|| self.party().map(RecordRef::Party))
    }
}

/// Nothing is there yet.
const NOTHING: LeadIds = LeadIds {
    organisation: None,
    person: None,
    opportunity: None,
    project: None,
    task: None,
    note: None,
};

fn given(input: &NewLead, part: LeadPart) -> bool {
    match part {
        LeadPart::Organisation => input.organisation.is_some(),
        LeadPart::Person => input.person.is_some(),
        LeadPart::Opportunity => input.opportunity.is_some(),
        LeadPart::Project => input.project.is_some(),
        LeadPart::Task => input.task.is_some(),
        LeadPart::Note => input.note.is_some(),
    }
}

/// What is wrong in how the parts go together. Each part is judged when its turn comes.
fn check(input: &NewLead, done: &LeadIds) -> Result<(), Error> {
    if !PARTS.into_iter().any(|part| given(input, part)) {
        let message = "give a part of the lead: `organisation`, `person`, `opportunity`, `project`, `task` or `note`";
        return Err(invalid("", "required", message));
    }
    let mut faults = super::faults::Faults::default();
    let organisation = input.organisation.is_some() || done.organisation.is_some();
    if organisation
        && done.person.is_none()
        && let Some(person) = &input.person
        && person.person.organisation.is_some()
    {
        faults.add(violation(
            "/person/person/organisation",
            "choice",
            "the person belongs to the lead's organisation; leave one of them out",
        ));
    }
    let party = organisation || input.person.is_some() || done.person.is_some();
    let deal = [
        (
            "/opportunity",
            input.opportunity.is_some(),
            done.opportunity.is_some(),
        ),
        ("/project", input.project.is_some(), done.project.is_some()),
    ];
    for (pointer, wanted, there) in deal {
        if wanted && !there && !party {
            let message = "give the `person` or the `organisation` that it is for, or the id of one in `resume`";
            faults.add(violation(pointer, "required", message));
        }
    }
    let subject = party || deal.into_iter().any(|(_, wanted, there)| wanted || there);
    if input.note.is_some() && done.note.is_none() && !subject {
        let message = "give the `organisation`, `person`, `opportunity` or `project` that it is about, or the id of one in `resume`";
        faults.add(violation("/note", "required", message));
    }
    faults.settle()
}

/// Does a part: its id and how it came to be, or nothing where the part was not given.
async fn carry_out(
    client: &Client,
    input: &mut NewLead,
    done: &LeadIds,
    part: LeadPart,
) -> Result<Option<(u64, LeadState)>, Error> {
    let id = match part {
        LeadPart::Organisation => {
            let Some(wanted) = input.organisation.take() else {
                return Ok(None);
            };
            return Ok(Some(outcome(
                &organisations::find_or_create(client, wanted).await?,
            )));
        }
        LeadPart::Person => {
            let Some(mut wanted) = input.person.take() else {
                return Ok(None);
            };
            if let Some(id) = done.organisation {
                wanted.person.organisation = Some(Ref::Id(id));
            }
            return Ok(Some(outcome(
                &people::find_or_create(client, wanted).await?,
            )));
        }
        LeadPart::Opportunity => match (input.opportunity.take(), done.party()) {
            (Some(wanted), Some(party)) => {
                id_of(&opportunities::create(client, wanted.of(party)).await?)
            }
            _ => return Ok(None),
        },
        LeadPart::Project => match (input.project.take(), done.party()) {
            (Some(wanted), Some(party)) => {
                let wanted = wanted.of(party, done.opportunity);
                id_of(&projects::create(client, wanted).await?)
            }
            _ => return Ok(None),
        },
        LeadPart::Task => match input.task.take() {
            Some(wanted) => id_of(&tasks::create(client, wanted.on(done.subject())).await?),
            None => return Ok(None),
        },
        LeadPart::Note => match (input.note.take(), done.subject()) {
            (Some(wanted), Some(subject)) => {
                id_of(&timeline::add_note(client, wanted.on(subject)).await?)
            }
            _ => return Ok(None),
        },
    };
    Ok(Some((id, LeadState::Created)))
}

/// The id of what was created: a record without one passes no check.
fn id_of<T: Json>(record: &Checked<T>) -> u64 {
    let id = record.get("id").and_then(Value::as_u64);
    id.unwrap_or_default()
}

fn outcome(upserted: &UpsertedParty) -> (u64, LeadState) {
    let state = match upserted.action {
        UpsertAction::Created => LeadState::Created,
        UpsertAction::Updated | UpsertAction::Unchanged => LeadState::Found,
    };
    (upserted.party.id, state)
}

/// The record of a part that stopped after it was created.
fn left_behind(error: &Error, part: LeadPart) -> Option<u64> {
    let operation = match part {
        LeadPart::Opportunity => "opportunities.create",
        LeadPart::Project => "projects.create",
        _ => return None,
    };
    let Error::Permanent(PermanentError::Incomplete(fault)) = error else {
        return None;
    };
    let extra: Value = capsule_json::parse(fault.extra.as_deref()?.as_bytes()).ok()?;
    let mut done = extra.get("done")?.as_array()?.iter();
    done.find(|one| one.get("operation").is_some_and(|told| told == operation))?
        .get("id")?
        .as_u64()
}

/// An error of a part, with pointers into the lead.
fn within(part: LeadPart, mut error: Error) -> Error {
    let name = part.to_json();
    let name = name.as_str().unwrap_or_default();
    let longer = |pointer: &mut String| pointer.insert_str(0, &["/", name].concat());
    match &mut error {
        Error::Permanent(PermanentError::InvalidInput(all)) => {
            all.iter_mut().for_each(|one| longer(&mut one.pointer));
        }
        Error::Permanent(PermanentError::Ambiguous(all)) => {
            all.iter_mut().for_each(|one| longer(&mut one.pointer));
        }
        _ => {}
    }
    error
}

impl LeadOpportunity {
    fn of(self, party: u64) -> NewOpportunity {
        NewOpportunity {
            party,
            name: self.name,
            pipeline: self.pipeline,
            milestone: self.milestone,
            description: self.description,
            value: self.value,
            duration_basis: self.duration_basis,
            duration: self.duration,
            probability: self.probability,
            expected_close_on: self.expected_close_on,
            owner: self.owner,
            team: self.team,
            tags: self.tags,
            fields: self.fields,
            tracks: self.tracks,
            additional_parties: Vec::new(),
            embed: None,
        }
    }
}

impl LeadProject {
    fn of(self, party: u64, opportunity: Option<u64>) -> NewProject {
        NewProject {
            party,
            name: self.name,
            description: self.description,
            opportunity,
            board: self.board,
            stage: self.stage,
            start_on: self.start_on,
            expected_close_on: self.expected_close_on,
            owner: self.owner,
            team: self.team,
            tags: self.tags,
            fields: self.fields,
            tracks: self.tracks,
            additional_parties: Vec::new(),
            embed: None,
        }
    }
}

impl LeadTask {
    fn on(self, related_to: Option<RecordRef>) -> NewTask {
        NewTask {
            description: self.description,
            detail: self.detail,
            category: self.category,
            due_on: self.due_on,
            due_time: self.due_time,
            owner: self.owner,
            related_to,
            repeat: self.repeat,
            embed: None,
        }
    }
}

impl LeadNote {
    fn on(self, on: RecordRef) -> NewNote {
        NewNote {
            on,
            content: self.content,
            activity_type: self.activity_type,
            entry_at: self.entry_at,
            embed: None,
        }
    }
}
