//! What happens with the parties: pipelines, boards and tracks, and the opportunities, projects, tasks and entries in them.

use fastrand::Rng;
use jiff::Timestamp;

use super::super::activity_types::{EMAIL_RECEIVED, NOTE};
use super::super::boards::Board;
use super::super::categories::Category;
use super::super::clock::{date_of, days_from};
use super::super::entries::{self, Entry, Kind, Participant};
use super::super::kases::Kase;
use super::super::lost_reasons::LostReason;
use super::super::milestones::Milestone;
use super::super::opportunities::{Money, Opportunity};
use super::super::parent::Parent;
use super::super::pipelines::Pipeline;
use super::super::records::Core;
use super::super::stages::Stage;
use super::super::state::State;
use super::super::tasks::{Status, Task};
use super::super::tracks::{TaskDefinition, TrackDefinition};
use super::{ACCOUNT_DAYS, ago};

/// One opportunity for so many parties; one project for twice as many, one task and one entry for half as many.
const PARTIES_AN_OPPORTUNITY: usize = 8;

/// Pipelines, boards, categories, reasons, track definitions.
pub(super) fn settings(state: &mut State, founded: Timestamp) {
    for (name, colour) in [
        ("Call", "#2b78b8"),
        ("Email", "#4caf50"),
        ("Follow-up", "#e67e22"),
        ("Meeting", "#8e44ad"),
        ("To Do", "#7f8c8d"),
    ] {
        state.categories.add(|id| Category {
            id,
            name: name.to_owned(),
            colour: Some(colour.to_owned()),
        });
    }
    for (name, included_for_conversion) in [
        ("Abandoned", false),
        ("Poor Qualification", true),
        ("Wrong time", true),
        ("No Authority", true),
        ("Price too high", true),
        ("Became Stale", true),
        ("Competition", true),
    ] {
        state.lost_reasons.add(|id| LostReason {
            id,
            name: name.to_owned(),
            included_for_conversion,
            created_at: founded,
            updated_at: founded,
        });
    }
    let pipelines: [(&str, &[(&str, i64)]); 2] = [
        ("Sales", &[("New", 10), ("Bid", 40), ("Negotiation", 75)]),
        ("Renewals", &[("Due", 50), ("Offered", 80)]),
    ];
    for (name, steps) in pipelines {
        let pipeline = state.pipelines.add(|id| Pipeline {
            id,
            name: name.to_owned(),
            description: None,
            created_at: founded,
            updated_at: founded,
            is_archived: false,
        });
        for (name, probability) in steps {
            state.milestones.add(|id| Milestone {
                name: (*name).to_owned(),
                probability: *probability,
                days_until_stale: Some(30),
                ..Milestone::blank(id, pipeline, founded)
            });
        }
        for (name, probability) in [("Won", 100), ("Lost", 0)] {
            state
                .milestones
                .add(|id| Milestone::closing(id, pipeline, name, probability, founded));
        }
    }
    let delivery = state.teams.iter().last().map(|team| team.id);
    let boards: [(&str, Option<u64>, &[&str]); 2] = [
        (
            "Projects",
            None,
            &["Project Brief", "Planning", "Delivery", "Monitor", "Review"],
        ),
        ("Support", delivery, &["Reported", "Waiting", "Solved"]),
    ];
    for (name, default_team, stages) in boards {
        let board = state.boards.add(|id| Board {
            id,
            name: name.to_owned(),
            description: None,
            created_at: founded,
            updated_at: founded,
            is_archived: false,
            default_team,
        });
        for (display_order, name) in (0..).zip(stages) {
            state.stages.add(|id| Stage {
                id,
                board,
                name: (*name).to_owned(),
                description: None,
                display_order,
                created_at: founded,
                updated_at: founded,
                is_archived: false,
            });
        }
    }
    for (capture_rule, description, tag) in [
        ("OPPORTUNITY", "Proposal", None),
        ("CASEFILE", "Onboarding", Some("Billable, Onboarding")),
    ] {
        let steps = [
            ("Call the contact", "TRACK_START", 0),
            ("Send the papers", "TRACK_START", 3),
            ("Follow up", "LAST_TASK", 5),
        ];
        let tasks: Vec<TaskDefinition> = (0..)
            .zip(steps)
            .map(
                |(display_order, (description, rule, days_after))| TaskDefinition {
                    id: state.new_row_id(),
                    description: description.to_owned(),
                    rule: rule.to_owned(),
                    days_after,
                    display_order,
                    unit: "TRACK_WORKDAYS".to_owned(),
                    category: None,
                    assignee_type: "ENTITY_OWNER".to_owned(),
                    assignee: None,
                },
            )
            .collect();
        state.track_definitions.add(|id| TrackDefinition {
            id,
            description: description.to_owned(),
            tag: tag.map(str::to_owned),
            capture_rule: capture_rule.to_owned(),
            direction: "START_DATE".to_owned(),
            tasks,
            created_at: founded,
            updated_at: founded,
        });
    }
}

/// Opportunities, projects, tasks and entries of the seeded parties.
pub(super) fn records(state: &mut State, rng: &mut Rng, now: Timestamp) {
    let parties: Vec<u64> = state
        .parties
        .table()
        .iter()
        .map(|party| party.core.id)
        .collect();
    let users: Vec<u64> = state.users.iter().map(|user| user.id).collect();
    let milestones: Vec<Milestone> = state.milestones.iter().cloned().collect();
    let stages: Vec<u64> = state.stages.iter().map(|stage| stage.id).collect();
    let opportunities = parties.len() / PARTIES_AN_OPPORTUNITY;
    for number in 0..opportunities {
        let (party, created_at) = occasion(rng, &parties, number, opportunities, now);
        let mut row = Opportunity::blank(Core::new(
            state.opportunities.reserve(),
            Some(users[rng.usize(..users.len())]),
            created_at,
        ));
        row.party = party;
        row.name = format!(
            "{} {}",
            ["Renewal", "New line", "Aushang", "Édition spéciale"][rng.usize(..4)],
            number + 1
        );
        row.value = (rng.u8(..) < 220).then(|| Money {
            amount: f64::from(rng.u32(100..5_000_000)) / 100.0,
            currency: ["GBP", "EUR", "USD", "JPY"][rng.usize(..4)].to_owned(),
        });
        let milestone = &milestones[rng.usize(..milestones.len())];
        row.move_to(milestone, state, created_at);
        if milestone.is_lost() {
            row.lost_reason = state
                .lost_reasons
                .iter()
                .nth(rng.usize(..7))
                .map(|reason| reason.id);
        }
        row.expected_close_on = rng
            .bool()
            .then(|| days_from(date_of(now), rng.i64(-60..120)));
        state.opportunities.put(row.core.id, row);
    }
    for number in 0..opportunities / 2 {
        let (party, created_at) = occasion(rng, &parties, number, opportunities / 2, now);
        let mut row = Kase::blank(Core::new(
            state.kases.reserve(),
            Some(users[rng.usize(..users.len())]),
            created_at,
        ));
        row.party = party;
        row.name = format!(
            "{} {}",
            ["Roll-out", "Wartung", "Déménagement"][rng.usize(..3)],
            number + 1
        );
        row.stage = Some(stages[rng.usize(..stages.len())]);
        row.is_closed = rng.u8(..) < 60;
        row.closed_on = row.is_closed.then(|| date_of(created_at));
        state.kases.put(row.core.id, row);
    }
    for number in 0..opportunities * 2 {
        let (party, created_at) = occasion(rng, &parties, number, opportunities * 2, now);
        let mut task = Task::blank(state.tasks.reserve(), created_at);
        task.description = [
            "Call back",
            "Send the offer",
            "Rechnung prüfen",
            "Préparer la visite",
        ][rng.usize(..4)]
        .to_owned();
        task.due_on = Some(days_from(date_of(now), rng.i64(-30..60)));
        task.due_time = rng.bool().then(|| "09:30".to_owned());
        task.parent = Some(Parent::Party(party));
        let owner = &users[rng.usize(..users.len())];
        task.owner = Some(*owner);
        task.category = state
            .categories
            .iter()
            .nth(rng.usize(..5))
            .map(|category| category.id);
        if rng.u8(..) < 100 {
            task.status = Status::Completed;
            task.completed_at = Some(created_at);
            task.completed_by = state.users.get(*owner).map(|user| user.username.clone());
        }
        state.tasks.put(task.id, task);
    }
    for number in 0..opportunities * 2 {
        let (party, at) = occasion(rng, &parties, number, opportunities * 2, now);
        let is_email = rng.u8(..) < 100;
        let kind = if is_email { Kind::Email } else { Kind::Note };
        let mut entry = Entry::blank(state.entries.reserve(), kind, Parent::Party(party), at);
        entry.creator = Some(users[rng.usize(..users.len())]);
        entry.activity_type = if is_email { EMAIL_RECEIVED } else { NOTE };
        entry.content = Some(
            "Spoke about the next delivery.\n\n* prices *unchanged*\n* 20 → 25 boxes".to_owned(),
        );
        if is_email {
            entry.subject = Some("Re: delivery".to_owned());
            let address = format!("contact{party}@mail.example");
            let name = state
                .parties
                .get(party)
                .map(|party| party.name())
                .unwrap_or_default();
            entry.participants.push(Participant {
                id: state.new_row_id(),
                name,
                address,
                role: "FROM",
            });
        }
        entries::file(state, entry);
    }
}

/// The party and the time of the `number`th record of `of`. Newer records have higher ids and only parties that were there.
fn occasion(
    rng: &mut Rng,
    parties: &[u64],
    number: usize,
    of: usize,
    now: Timestamp,
) -> (u64, Timestamp) {
    let share = (number + 1) as f64 / of.max(1) as f64;
    let known = ((share * parties.len() as f64) as usize).clamp(1, parties.len());
    let age = (1.0 - share) * (ACCOUNT_DAYS * 86_400) as f64;
    (parties[rng.usize(..known)], ago(now, age as i64))
}
