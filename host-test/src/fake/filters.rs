//! Ad hoc filters: conditions, nested OR groups and orderBy over the filter-side names of a record (API reference 4).
//!
//! Names and operators are checked before any record is read, so that a faulty filter is a 422 even on an empty account.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::cmp::Ordering;
use std::collections::HashSet;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::call::Call;
use super::clock::{date_of, days_from};
use super::parent::Parent;
use super::reply::Refusal;
use super::state::State;

/// The type of a filter field, which decides its operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Boolean,
    Date,
    Number,
    Text,
    /// A number that knows only `is` and `is not`.
    Id,
    /// A text that knows only `is` and `is not`.
    Choice,
    /// An id or a name, `is` and `is not` only.
    Reference,
    /// An amount in a currency. The docs write it as text, the vendor's client as `{"currency", "amount"}`; both are read.
    Money,
}

/// One value of a record under a filter-side name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operand<'a> {
    Boolean(bool),
    Date(Date),
    Number(f64),
    Text(Cow<'a, str>),
    /// A linked thing: its id and the names it answers to.
    Reference(u64, Vec<&'a str>),
    Money(f64, &'a str),
}

impl<'a> Operand<'a> {
    pub(super) fn text(text: &'a str) -> Operand<'a> {
        Operand::Text(Cow::Borrowed(text))
    }
}

/// Who filters and when, and what would be too slow to look up for every record: gathered when the first one asks.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) user: u64,
    pub(super) now: Timestamp,
    with_open_tasks: OnceCell<HashSet<Parent>>,
    with_opportunities: OnceCell<HashSet<u64>>,
    with_kases: OnceCell<HashSet<u64>>,
}

impl Viewer {
    pub(super) fn new(call: &Call) -> Viewer {
        Viewer {
            user: call.caller.user,
            now: call.now,
            with_open_tasks: OnceCell::new(),
            with_opportunities: OnceCell::new(),
            with_kases: OnceCell::new(),
        }
    }

    pub(super) fn has_open_tasks(&self, parent: Parent, state: &State) -> bool {
        let gather = || {
            let open = state.tasks.iter().filter(|task| task.is_open());
            open.filter_map(|task| task.parent).collect()
        };
        self.with_open_tasks.get_or_init(gather).contains(&parent)
    }

    pub(super) fn has_opportunities(&self, party: u64, state: &State) -> bool {
        let gather = || state.opportunities.iter().map(|one| one.party).collect();
        self.with_opportunities.get_or_init(gather).contains(&party)
    }

    pub(super) fn has_kases(&self, party: u64, state: &State) -> bool {
        let gather = || state.kases.iter().map(|one| one.party).collect();
        self.with_kases.get_or_init(gather).contains(&party)
    }
}

/// A record that can be filtered.
pub(super) trait Filterable {
    /// The type of a filter-side name, `None` for a name that isn't one.
    fn filter_field(name: &str, state: &State) -> Option<Kind>;
    /// The record's values under that name; several for emails and tags, none for null.
    fn operands<'a>(&'a self, name: &str, state: &'a State, viewer: &Viewer) -> Vec<Operand<'a>>;
}

/// A checked filter.
#[derive(Debug)]
pub(super) struct Filter {
    conditions: Vec<Test>,
    order: Vec<(String, Direction)>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    Ascending,
    Descending,
}

#[derive(Debug)]
enum Test {
    Any(Vec<Test>),
    Is(String, Needle),
    IsNot(String, Needle),
    Text(String, TextRule, String),
    Greater(String, Needle),
    Less(String, Needle),
    /// A date strictly after the first and strictly before the second bound.
    Between(String, Option<Date>, Option<Date>),
}

#[derive(Clone, Copy, Debug)]
enum TextRule {
    Starts,
    Ends,
    Contains,
}

#[derive(Debug)]
enum Needle {
    Null,
    Boolean(bool),
    Date(Date),
    Number(f64),
    /// In lower case: matching ignores case.
    Text(String),
    /// An amount; without a currency it fits every one.
    Money(f64, Option<String>),
}

fn fault(field: &'static str, message: &str) -> Refusal {
    Refusal::invalid("condition", field, message)
}

impl Filter {
    /// Reads and checks the `filter` root of a body.
    pub(super) fn read<F: Filterable>(
        root: &Map<String, Value>,
        state: &State,
        viewer: &Viewer,
    ) -> Result<Filter, Refusal> {
        let conditions = match root.get("conditions") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(rows)) => read_tests::<F>(rows, state, viewer)?,
            Some(_) => return Err(fault("conditions", "invalid type for field")),
        };
        let mut order = Vec::new();
        match root.get("orderBy") {
            None | Some(Value::Null) => {}
            Some(Value::Array(rows)) => {
                for row in rows {
                    let name = row.get("field").and_then(Value::as_str).unwrap_or_default();
                    if F::filter_field(name, state).is_none() {
                        return Err(Refusal::invalid("orderBy", "field", "invalid field name"));
                    }
                    let direction = match row.get("direction").and_then(Value::as_str) {
                        None | Some("ascending") => Direction::Ascending,
                        Some("descending") => Direction::Descending,
                        Some(_) => {
                            return Err(Refusal::invalid(
                                "orderBy",
                                "direction",
                                "invalid direction",
                            ));
                        }
                    };
                    order.push((name.to_owned(), direction));
                }
            }
            Some(_) => {
                return Err(Refusal::invalid(
                    "filter",
                    "orderBy",
                    "invalid type for field",
                ));
            }
        }
        Ok(Filter { conditions, order })
    }

    /// Whether a record fits every condition.
    pub(super) fn fits<F: Filterable>(&self, record: &F, state: &State, viewer: &Viewer) -> bool {
        self.conditions
            .iter()
            .all(|test| test.holds(record, state, viewer))
    }

    /// Orders by the filter's `orderBy`; records without a value come last, equal ones keep their order.
    pub(super) fn sort<'a, F: Filterable>(
        &self,
        records: &mut [&'a F],
        state: &'a State,
        viewer: &Viewer,
    ) {
        if self.order.is_empty() {
            return;
        }
        let first = |record: &'a F, name: &str| {
            let operands = record.operands(name, state, viewer);
            operands.into_iter().next()
        };
        let mut keyed: Vec<(Vec<Option<Operand<'_>>>, &F)> = records
            .iter()
            .map(|record| {
                let names = self.order.iter().map(|(name, _)| name);
                (names.map(|name| first(record, name)).collect(), *record)
            })
            .collect();
        keyed.sort_by(|(left, _), (right, _)| {
            let keys = left.iter().zip(right).zip(&self.order);
            let orderings = keys.map(|((left, right), (_, direction))| match (left, right) {
                (None, None) => Ordering::Equal,
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some(left), Some(right)) => match direction {
                    Direction::Ascending => compare(left, right),
                    Direction::Descending => compare(right, left),
                },
            });
            orderings.fold(Ordering::Equal, Ordering::then)
        });
        for (place, (_, record)) in records.iter_mut().zip(keyed) {
            *place = record;
        }
    }
}

fn compare(left: &Operand<'_>, right: &Operand<'_>) -> Ordering {
    match (left, right) {
        (Operand::Boolean(left), Operand::Boolean(right)) => left.cmp(right),
        (Operand::Date(left), Operand::Date(right)) => left.cmp(right),
        (Operand::Number(left), Operand::Number(right)) => left.total_cmp(right),
        (Operand::Money(left, _), Operand::Money(right, _)) => left.total_cmp(right),
        (Operand::Text(left), Operand::Text(right)) => {
            left.to_lowercase().cmp(&right.to_lowercase())
        }
        (Operand::Reference(left, left_names), Operand::Reference(right, right_names)) => {
            left_names
                .first()
                .cmp(&right_names.first())
                .then(left.cmp(right))
        }
        _ => Ordering::Equal,
    }
}

fn read_tests<F: Filterable>(
    rows: &[Value],
    state: &State,
    viewer: &Viewer,
) -> Result<Vec<Test>, Refusal> {
    rows.iter()
        .map(|row| read_test::<F>(row, state, viewer))
        .collect()
}

fn read_test<F: Filterable>(row: &Value, state: &State, viewer: &Viewer) -> Result<Test, Refusal> {
    if let Some(Value::Array(members)) = row.get("conditions") {
        return Ok(Test::Any(read_tests::<F>(members, state, viewer)?));
    }
    let name = row.get("field").and_then(Value::as_str).unwrap_or_default();
    let kind = F::filter_field(name, state).ok_or_else(|| fault("field", "invalid field name"))?;
    let operator = row
        .get("operator")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let value = row.get("value").unwrap_or(&Value::Null);
    let name = name.to_owned();
    let today = date_of(viewer.now);
    let wrong_value = || fault("value", "invalid type for field");
    let text = || {
        value
            .as_str()
            .map(str::to_lowercase)
            .ok_or_else(wrong_value)
    };
    let date = || {
        value
            .as_str()
            .and_then(|text| text.parse::<Date>().ok())
            .ok_or_else(wrong_value)
    };
    let days = || {
        read_number(value)
            .filter(|days| days.fract() == 0.0)
            .map(|days| days as i64)
            .ok_or_else(wrong_value)
    };
    Ok(match (operator, kind) {
        ("is", _) => Test::Is(name, Needle::read(kind, value)?),
        ("is not", _) => Test::IsNot(name, Needle::read(kind, value)?),
        ("starts with", Kind::Text) => Test::Text(name, TextRule::Starts, text()?),
        ("ends with", Kind::Text) => Test::Text(name, TextRule::Ends, text()?),
        ("contains", Kind::Text) => Test::Text(name, TextRule::Contains, text()?),
        ("is greater than", Kind::Number | Kind::Money) if !value.is_null() => {
            Test::Greater(name, Needle::read(kind, value)?)
        }
        ("is less than", Kind::Number | Kind::Money) if !value.is_null() => {
            Test::Less(name, Needle::read(kind, value)?)
        }
        ("is after", Kind::Date) => Test::Between(name, Some(date()?), None),
        ("is before", Kind::Date) => Test::Between(name, None, Some(date()?)),
        ("is older than", Kind::Date) => {
            Test::Between(name, None, Some(days_from(today, days()?.saturating_neg())))
        }
        ("is within last", Kind::Date) => {
            let first = days_from(today, days()?.saturating_neg().saturating_sub(1));
            Test::Between(name, Some(first), Some(days_from(today, 1)))
        }
        ("is within next", Kind::Date) => {
            let last = days_from(today, days()?.saturating_add(1));
            Test::Between(name, Some(days_from(today, -1)), Some(last))
        }
        _ => return Err(fault("operator", "invalid operator")),
    })
}

/// A number, or the text of one: custom number fields travel as text.
fn read_number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

impl Needle {
    fn read(kind: Kind, value: &Value) -> Result<Needle, Refusal> {
        let needle = match (kind, value) {
            (_, Value::Null) => Some(Needle::Null),
            (Kind::Boolean, Value::Bool(value)) => Some(Needle::Boolean(*value)),
            (Kind::Date, Value::String(text)) => text.parse().ok().map(Needle::Date),
            (Kind::Number | Kind::Id, value) => read_number(value).map(Needle::Number),
            (Kind::Text | Kind::Choice, Value::String(text)) => {
                Some(Needle::Text(text.to_lowercase()))
            }
            (Kind::Money, Value::Object(money)) => {
                let amount = money.get("amount").and_then(read_number);
                let currency = money
                    .get("currency")
                    .and_then(Value::as_str)
                    .map(str::to_uppercase);
                amount.map(|amount| Needle::Money(amount, currency))
            }
            (Kind::Money, value) => read_number(value).map(|amount| Needle::Money(amount, None)),
            (Kind::Reference, Value::Number(id)) => id.as_f64().map(Needle::Number),
            (Kind::Reference, Value::String(name)) => Some(Needle::Text(name.to_lowercase())),
            _ => None,
        };
        needle.ok_or_else(|| fault("value", "invalid type for field"))
    }

    /// How the operand stands to a number or an amount of the same currency.
    fn order(&self, operand: &Operand<'_>) -> Option<Ordering> {
        match (self, operand) {
            (Needle::Number(bound), Operand::Number(value)) => Some(value.total_cmp(bound)),
            (Needle::Money(bound, currency), Operand::Money(value, own))
                if currency.as_deref().is_none_or(|currency| currency == *own) =>
            {
                Some(value.total_cmp(bound))
            }
            _ => None,
        }
    }

    fn fits(&self, operand: &Operand<'_>) -> bool {
        match (self, operand) {
            (Needle::Boolean(wanted), Operand::Boolean(value)) => wanted == value,
            (Needle::Date(wanted), Operand::Date(value)) => wanted == value,
            (Needle::Number(wanted), Operand::Number(value)) => wanted == value,
            (Needle::Number(wanted), Operand::Reference(id, _)) => *wanted == *id as f64,
            (Needle::Money(..), Operand::Money(..)) => self.order(operand) == Some(Ordering::Equal),
            (Needle::Text(wanted), Operand::Text(text)) => *wanted == text.to_lowercase(),
            (Needle::Text(wanted), Operand::Reference(_, names)) => {
                names.iter().any(|name| *wanted == name.to_lowercase())
            }
            _ => false,
        }
    }
}

impl Test {
    fn holds<F: Filterable>(&self, record: &F, state: &State, viewer: &Viewer) -> bool {
        let operands = |name: &str| record.operands(name, state, viewer);
        let is = |name: &str, needle: &Needle| {
            let operands = operands(name);
            match needle {
                Needle::Null => operands.is_empty(),
                needle => operands.iter().any(|operand| needle.fits(operand)),
            }
        };
        match self {
            Test::Any(members) => members
                .iter()
                .any(|member| member.holds(record, state, viewer)),
            Test::Is(name, needle) => is(name, needle),
            Test::IsNot(name, needle) => !is(name, needle),
            Test::Text(name, rule, wanted) => operands(name).iter().any(|operand| match operand {
                Operand::Text(text) => {
                    let text = text.to_lowercase();
                    match rule {
                        TextRule::Starts => text.starts_with(wanted.as_str()),
                        TextRule::Ends => text.ends_with(wanted.as_str()),
                        TextRule::Contains => text.contains(wanted.as_str()),
                    }
                }
                _ => false,
            }),
            Test::Greater(name, bound) => operands(name)
                .iter()
                .any(|operand| bound.order(operand) == Some(Ordering::Greater)),
            Test::Less(name, bound) => operands(name)
                .iter()
                .any(|operand| bound.order(operand) == Some(Ordering::Less)),
            Test::Between(name, after, before) => {
                operands(name).iter().any(|operand| match operand {
                    Operand::Date(date) => {
                        after.is_none_or(|bound| *date > bound)
                            && before.is_none_or(|bound| *date < bound)
                    }
                    _ => false,
                })
            }
        }
    }
}
