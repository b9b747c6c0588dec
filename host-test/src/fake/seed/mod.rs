//! Fills an account with invented records that look like life: several languages, several emails and phones a party, people
//! with and without employers, tags, and a custom field of every type.
//!
//! Everything follows from the seed and the clock. With a manual clock two accounts of one seed are equal.

mod names;
mod process;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

use super::FakeOptions;
use super::clock::{date_of, days_from, whole_second};
use super::countries;
use super::entity::Entity;
use super::fields::{FieldDefinition, FieldRow, FieldType, FieldValue};
use super::parties::{Address, EmailAddress, Party, Person, PhoneNumber, Website, Who};
use super::records::Core;
use super::saved_filters;
use super::state::State;
use super::tags::TagDefinition;
use super::teams::Team;
use super::titles::Title;
use super::users::{Role, User};
use names::{CULTURES, Culture};

/// Age of the account.
const ACCOUNT_DAYS: i64 = 3 * 365;

const USERS: [(&str, &str, &str, Role); 4] = [
    ("rkaya", "Rana", "Kaya", Role::Administrator),
    ("osullivan", "Órla", "O'Sullivan", Role::Member),
    ("jnovak", "Jiří", "Novák", Role::Member),
    ("mlindqvist", "Måns", "Lindqvist", Role::Administrator),
];

/// Makes the account.
pub(super) fn account(options: &FakeOptions) -> State {
    let mut state = State::empty(options.behaviour.clone());
    let now = whole_second(options.clock.now());
    let rng = Rng::with_seed(options.seed);
    let founded = ago(now, ACCOUNT_DAYS * 86_400);
    for (username, first, last, role) in USERS {
        state.users.add(|id| User {
            role,
            last_login_at: Some(ago(now, 3_600)),
            ..User::member(id, username, &format!("{first} {last}"))
        });
    }
    let users: Vec<u64> = state.users.iter().map(|user| user.id).collect();
    for (name, members) in [("Sales", users.get(..2)), ("Delivery", users.get(1..))] {
        let members = members.unwrap_or_default().to_vec();
        state.teams.add(|id| Team {
            id,
            name: name.to_owned(),
            created_at: founded,
            members,
        });
    }
    for title in ["Mr", "Mrs", "Miss", "Ms", "Mx", "Dr", "Prof", "Dame", "Sir"] {
        state.titles.add(|id| Title {
            id,
            title: title.to_owned(),
        });
    }
    let definitions = settings(&mut state);
    process::settings(&mut state, founded);
    let mut seeder = Seeder {
        rng,
        now,
        definitions,
        users,
        employers: Vec::new(),
    };
    for index in 0..options.parties {
        seeder.party(&mut state, index, options.parties);
    }
    process::records(&mut state, &mut seeder.rng, now);
    saved_filters::seed(&mut state);
    state
}

/// Ids of the party fields that seeded records fill.
struct PartyFields {
    external_id: u64,
    birthday: u64,
    level: u64,
    newsletter: u64,
    employees: u64,
    intranet: u64,
    interests: u64,
    contract: u64,
    customer_tag: u64,
    tags: Vec<u64>,
}

const LEVELS: [&str; 3] = ["Gold", "Silver", "Bronze"];
const INTERESTS: [&str; 4] = ["Sailing", "Cheese", "Typography", "Railways"];

/// Tags and fields of the three entities.
fn settings(state: &mut State) -> PartyFields {
    let mut tag = |entity: Entity, name: &str, data_tag: bool| {
        state.tags[entity].add(|id| TagDefinition {
            id,
            name: name.to_owned(),
            description: None,
            data_tag,
        })
    };
    let tags = [
        "VIP",
        "Wholesale",
        "Newsletter",
        "Trade fair 2025",
        "Æsthetic",
    ]
    .map(|name| tag(Entity::Party, name, false));
    let customer_tag = tag(Entity::Party, "Customer", true);
    tag(Entity::Opportunity, "Urgent", false);
    let tender = tag(Entity::Opportunity, "Tender", true);
    tag(Entity::Kase, "Billable", false);

    let mut field =
        |entity: Entity, name: &str, kind: FieldType, edit: &dyn Fn(&mut FieldDefinition)| {
            let display_order = i64::try_from(state.definitions[entity].len()).unwrap_or(i64::MAX);
            state.definitions[entity].add(|id| {
                let mut definition = FieldDefinition {
                    id,
                    name: name.to_owned(),
                    description: None,
                    kind,
                    tag: None,
                    capture_rule: None,
                    options: Vec::new(),
                    important: false,
                    display_order,
                };
                edit(&mut definition);
                definition
            })
        };
    let plain = |_: &mut FieldDefinition| {};
    let options = |list: &'static [&'static str]| {
        move |definition: &mut FieldDefinition| {
            definition.options = list.iter().map(|option| (*option).to_owned()).collect();
        }
    };
    let only = |kind: &'static str| {
        move |row: &mut FieldDefinition| row.capture_rule = Some(kind.to_owned())
    };
    let fields = PartyFields {
        external_id: field(Entity::Party, "External ID", FieldType::Text, &plain),
        birthday: field(Entity::Party, "Birthday", FieldType::Date, &only("person")),
        level: field(Entity::Party, "Level", FieldType::List, &|row| {
            options(&LEVELS)(row);
            row.important = true;
        }),
        newsletter: field(
            Entity::Party,
            "Newsletter consent",
            FieldType::Boolean,
            &plain,
        ),
        employees: field(
            Entity::Party,
            "Employees",
            FieldType::Number,
            &only("organisation"),
        ),
        intranet: field(Entity::Party, "Intranet page", FieldType::Link, &plain),
        interests: field(
            Entity::Party,
            "Interests",
            FieldType::MultiSelect,
            &options(&INTERESTS),
        ),
        contract: field(Entity::Party, "Contract number", FieldType::Text, &|row| {
            row.tag = Some(customer_tag)
        }),
        customer_tag,
        tags: tags.to_vec(),
    };
    field(Entity::Opportunity, "External ID", FieldType::Text, &plain);
    field(
        Entity::Opportunity,
        "Tender closes",
        FieldType::Date,
        &|row| row.tag = Some(tender),
    );
    field(Entity::Kase, "External ID", FieldType::Text, &plain);
    field(Entity::Kase, "Billable hours", FieldType::Number, &plain);
    fields
}

struct Seeder {
    rng: Rng,
    now: Timestamp,
    definitions: PartyFields,
    users: Vec<u64>,
    employers: Vec<u64>,
}

impl Seeder {
    /// The next party. The first ones are the users' own records, then every fourth is an organisation. Older parties have
    /// lower ids.
    fn party(&mut self, state: &mut State, index: usize, of: usize) {
        let id = state.parties.reserve();
        let age = ACCOUNT_DAYS * 86_400;
        let share = index as f64 / of.max(1) as f64;
        let created_at = ago(
            self.now,
            ((1.0 - share) * age as f64) as i64 + self.rng.i64(0..60),
        );
        let since_then = self.now.as_second() - created_at.as_second();
        let mut core = Core::new(id, self.choose_owner(), created_at);
        if self.rng.u8(..) < 120 {
            core.updated_at = ago(self.now, self.rng.i64(0..=since_then.max(0)));
        }
        if self.rng.u8(..) < 150 {
            core.last_contacted_at = Some(ago(self.now, self.rng.i64(0..=since_then.max(0))));
        }
        if self.rng.u8(..) < 40 {
            core.team = state.teams.iter().next().map(|team| team.id);
        }
        let culture = &CULTURES[self.rng.usize(..CULTURES.len())];
        let own = USERS.get(index).zip(self.users.get(index).copied());
        let party = match own {
            Some(((username, first, last, _), user)) => {
                if let Some(user) = state.users.get_mut(user) {
                    user.party = Some(id);
                }
                core.owner = Some(user);
                let person = Person {
                    first_name: Some((*first).to_owned()),
                    last_name: Some((*last).to_owned()),
                    ..Person::default()
                };
                let mut party = Party::blank(core, Who::Person(person));
                let address = format!("{username}@northwind.example");
                party.emails.push(EmailAddress {
                    id: state.new_row_id(),
                    kind: work(),
                    address,
                });
                party
            }
            None if index.is_multiple_of(4) => self.organisation(state, core, culture),
            None => self.person(state, core, culture),
        };
        let mut party = self.with_fields(state, party, index);
        // Most lists have one row, and a hundred thousand parties have five lists each.
        party.shrink();
        state.parties.put(party);
    }

    fn organisation(&mut self, state: &mut State, core: Core, culture: &'static Culture) -> Party {
        let name = format!("{} {}", self.pick(culture.last), self.pick(culture.company));
        let domain = format!("{}{}.example", ascii(&name), core.id);
        self.employers.push(core.id);
        let mut party = Party::blank(core, Who::Organisation { name });
        party.addresses.push(self.address(state, culture, "Office"));
        if self.rng.bool() {
            party
                .addresses
                .push(self.address(state, culture, "Billing"));
        }
        party.phones.push(self.phone(state, culture, "Work"));
        let address = format!("info@{domain}");
        party.emails.push(EmailAddress {
            id: state.new_row_id(),
            kind: work(),
            address,
        });
        party
            .websites
            .push(website(state, "URL", format!("https://www.{domain}")));
        if self.rng.u8(..) < 80 {
            party.websites.push(website(
                state,
                "LINKED_IN",
                format!("https://www.linkedin.com/company/{domain}"),
            ));
        }
        party.about = self
            .rng
            .bool()
            .then(|| "Met at the spring trade fair.\nAsks for prices in writing.".to_owned());
        party
    }

    fn person(&mut self, state: &mut State, core: Core, culture: &'static Culture) -> Party {
        let first = self.pick(culture.first);
        // A few people have one name only.
        let last = (self.rng.u8(..) > 4).then(|| self.pick(culture.last));
        let organisation = if self.employers.is_empty() || self.rng.u8(..) > 200 {
            None
        } else {
            self.employers
                .get(self.rng.usize(..self.employers.len()))
                .copied()
        };
        let person = Person {
            first_name: Some(first.to_owned()),
            last_name: last.map(str::to_owned),
            title: (self.rng.u8(..) < 60)
                .then(|| self.pick(&["Mr", "Mrs", "Ms", "Dr", "Prof"]).to_owned()),
            job_title: (self.rng.u8(..) < 160).then(|| self.pick(&names::JOBS).to_owned()),
            organisation,
        };
        let handle = format!("{}.{}{}", ascii(first), ascii(last.unwrap_or("x")), core.id);
        let mut party = Party::blank(core, Who::Person(person));
        for (kind, domain) in [("Work", "work"), ("Home", "mail")]
            .into_iter()
            .take(self.rng.usize(0..=2))
        {
            let address = format!("{handle}@{domain}.example");
            party.emails.push(EmailAddress {
                id: state.new_row_id(),
                kind: Some(kind.to_owned()),
                address,
            });
        }
        for kind in ["Mobile", "Direct"].into_iter().take(self.rng.usize(0..=2)) {
            party.phones.push(self.phone(state, culture, kind));
        }
        if self.rng.u8(..) < 90 {
            party.addresses.push(self.address(state, culture, "Home"));
        }
        if self.rng.u8(..) < 40 {
            party.websites.push(website(state, "TWITTER", handle));
        }
        party
    }

    fn with_fields(&mut self, state: &mut State, mut party: Party, index: usize) -> Party {
        let fields = &self.definitions;
        let is_person = matches!(party.who, Who::Person(_));
        let mut values = vec![(
            fields.external_id,
            FieldValue::Text(format!("EXT-{:06}", index + 1)),
        )];
        let rng = &mut self.rng;
        if is_person && rng.u8(..) < 60 {
            let birthday = days_from(date_of(self.now), -rng.i64(18 * 365..80 * 365));
            values.push((fields.birthday, FieldValue::Date(birthday)));
        }
        if rng.u8(..) < 150 {
            let level = LEVELS
                .get(rng.usize(..LEVELS.len()))
                .copied()
                .unwrap_or_default();
            values.push((fields.level, FieldValue::Text(level.to_owned())));
        }
        if rng.u8(..) < 90 {
            values.push((fields.newsletter, FieldValue::Boolean(rng.bool())));
        }
        if !is_person {
            values.push((
                fields.employees,
                FieldValue::Number(rng.u32(1..5_000).to_string()),
            ));
            values.push((
                fields.intranet,
                FieldValue::Text("https://intranet.example/crm/{id}".to_owned()),
            ));
        }
        if rng.u8(..) < 50 {
            values.push((
                fields.interests,
                FieldValue::Text(INTERESTS[..rng.usize(1..=2)].join(";")),
            ));
        }
        if rng.u8(..) < 60 {
            party.core.tags.push(fields.customer_tag);
            values.push((
                fields.contract,
                FieldValue::Text(format!("C-{:05}", rng.u32(1..100_000))),
            ));
        }
        for tag in &fields.tags {
            if rng.u8(..) < 30 {
                party.core.tags.push(*tag);
            }
        }
        party.core.fields = values
            .into_iter()
            .map(|(definition, value)| FieldRow {
                id: state.new_row_id(),
                definition,
                value,
            })
            .collect();
        party
    }

    fn choose_owner(&mut self) -> Option<u64> {
        // A few records belong to nobody.
        if self.rng.u8(..) < 12 {
            None
        } else {
            self.users.get(self.rng.usize(..self.users.len())).copied()
        }
    }

    fn address(&mut self, state: &mut State, culture: &'static Culture, kind: &str) -> Address {
        let (city, region, zip) = self.pick(culture.cities);
        Address {
            id: state.new_row_id(),
            kind: Some(kind.to_owned()),
            street: Some(format!(
                "{} {}",
                self.pick(culture.streets),
                self.rng.u16(1..200)
            )),
            city: Some(city.to_owned()),
            state: (!region.is_empty()).then(|| region.to_owned()),
            country: countries::by_name(culture.country).map(|country| country.name),
            zip: Some(zip.to_owned()),
        }
    }

    fn phone(&mut self, state: &mut State, culture: &'static Culture, kind: &str) -> PhoneNumber {
        let number = format!(
            "{} {} {:06}",
            culture.dial,
            self.rng.u16(100..999),
            self.rng.u32(..1_000_000)
        );
        PhoneNumber {
            id: state.new_row_id(),
            kind: Some(kind.to_owned()),
            number,
        }
    }

    /// One of a list that is not empty.
    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.rng.usize(..list.len())]
    }
}

fn ago(now: Timestamp, seconds: i64) -> Timestamp {
    now.saturating_sub(SignedDuration::from_secs(seconds))
        .unwrap_or(Timestamp::MIN)
}

fn work() -> Option<String> {
    Some("Work".to_owned())
}

fn website(state: &mut State, service: &str, address: String) -> Website {
    Website {
        id: state.new_row_id(),
        kind: None,
        service: service.to_owned(),
        address,
    }
}

/// The ASCII letters of a name, for addresses.
fn ascii(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphabetic).collect();
    if letters.is_empty() {
        "contact".to_owned()
    } else {
        letters.to_lowercase()
    }
}
