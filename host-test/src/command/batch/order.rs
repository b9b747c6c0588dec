//! Which rows may run side by side.
//!
//! An upsert searches, and then creates: it is repeat-safe one at a time. So rows that could mean the same record wait for each other
//! in the file's order. And what a row brings along by name - an employer, a tag - is created by the first row that names it; the
//! others wait for that one alone.

use std::collections::{HashMap, HashSet, VecDeque};

use super::mapping::Record;

/// By what a record is recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MatchKey {
    Email,
    Phone,
    Name,
    /// A custom field, by name or id.
    Field(String),
}

impl MatchKey {
    /// Reads one word of `--match`.
    pub(crate) fn parse(word: &str) -> Result<Self, String> {
        let word = word.trim();
        match word.to_lowercase().as_str() {
            "email" => return Ok(Self::Email),
            "phone" => return Ok(Self::Phone),
            "name" => return Ok(Self::Name),
            _ => {}
        }
        match word.split_once(':') {
            Some((prefix, name))
                if matches!(prefix.to_lowercase().as_str(), "field" | "custom")
                    && !name.trim().is_empty() =>
            {
                Ok(Self::Field(name.trim().to_owned()))
            }
            _ => Err("use email, phone, name or field:NAME".to_owned()),
        }
    }

    /// As the operation's input spells it.
    pub(crate) fn json(&self) -> serde_json::Value {
        match self {
            Self::Email => "email".into(),
            Self::Phone => "phone".into(),
            Self::Name => "name".into(),
            Self::Field(name) => match name.parse::<u64>() {
                Ok(id) => serde_json::json!({ "field": id }),
                Err(_) => serde_json::json!({ "field": name }),
            },
        }
    }
}

/// What a row has in common with others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Claims {
    /// Records that it may mean.
    records: Vec<String>,
    /// Names that it may create.
    names: Vec<String>,
}

impl Claims {
    /// Of a record that is matched by these keys; by none where every row is a record of its own.
    pub(crate) fn of(record: &Record, keys: &[MatchKey]) -> Self {
        let mut records = Vec::new();
        for key in keys {
            match key {
                MatchKey::Email => records.extend(
                    record
                        .texts("emailAddresses", "address")
                        .map(|text| format!("email:{}", folded(text))),
                ),
                MatchKey::Phone => {
                    records.extend(record.texts("phoneNumbers", "number").map(|text| {
                        format!(
                            "phone:{}",
                            text.chars()
                                .filter(char::is_ascii_digit)
                                .collect::<String>()
                        )
                    }))
                }
                MatchKey::Name => {
                    records.extend(record.name().map(|name| format!("name:{}", folded(&name))))
                }
                MatchKey::Field(field) => {
                    let value = record
                        .value
                        .get("fields")
                        .and_then(|fields| fields.get(field));
                    records.extend(value.map(|value| {
                        format!(
                            "field:{field}:{}",
                            folded(value.as_str().unwrap_or(&value.to_string()))
                        )
                    }));
                }
            }
        }
        let mut names: Vec<String> = record
            .text("organisation")
            .map(|name| format!("organisation:{}", folded(name)))
            .into_iter()
            .collect();
        let tags = record
            .value
            .get("tags")
            .and_then(serde_json::Value::as_array);
        names.extend(
            tags.into_iter()
                .flatten()
                .filter_map(|tag| tag.as_str())
                .map(|tag| format!("tag:{}", folded(tag))),
        );
        Self { records, names }
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.records.iter().chain(&self.names)
    }
}

/// As names are compared: without regard to case and to the width of spaces.
fn folded(text: &str) -> String {
    text.split_whitespace()
        .map(str::to_lowercase)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The rows that wait, and for whom.
#[derive(Debug, Default)]
pub(crate) struct Order {
    queues: HashMap<String, VecDeque<usize>>,
    /// Names that are there by now.
    made: HashSet<String>,
}

impl Order {
    /// Puts a row behind those that came before.
    pub(crate) fn add(&mut self, row: usize, claims: &Claims) {
        for claim in claims.all() {
            let queue = self.queues.entry(claim.clone()).or_default();
            // A row that names the same thing twice does not wait for itself.
            if queue.back() != Some(&row) {
                queue.push_back(row);
            }
        }
    }

    /// Whether nobody before the row is still to be done.
    pub(crate) fn may_start(&self, row: usize, claims: &Claims) -> bool {
        let first = |claim: &String| {
            self.queues
                .get(claim)
                .is_none_or(|queue| queue.front() == Some(&row))
        };
        claims.records.iter().all(first)
            && claims
                .names
                .iter()
                .all(|name| self.made.contains(name) || first(name))
    }

    /// The row is done, for good or for bad. `well`: what it names is there now.
    pub(crate) fn done(&mut self, row: usize, claims: &Claims, well: bool) {
        if well {
            for name in &claims.names {
                // Nobody has to wait for it any more.
                self.queues.remove(name);
                self.made.insert(name.clone());
            }
        }
        for claim in claims.all() {
            if let Some(queue) = self.queues.get_mut(claim) {
                if queue.front() == Some(&row) {
                    queue.pop_front();
                } else {
                    queue.retain(|other| *other != row);
                }
                if queue.is_empty() {
                    self.queues.remove(claim);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::column::Kind;
    use super::super::mapping::{Choices, Mapping};
    use super::*;

    /// Claims of rows with the columns Email, Name, Company.
    fn rows(rows: &[[&str; 3]]) -> (Order, Vec<Claims>) {
        let headings = ["Email", "Name", "Company"].map(str::to_owned);
        let mapping = Mapping::new(&headings, Kind::Person, &Choices::default()).unwrap();
        let mut order = Order::default();
        let claims: Vec<Claims> = rows
            .iter()
            .map(|cells| {
                Claims::of(
                    &mapping.record(&cells.map(str::to_owned)).unwrap(),
                    &[MatchKey::Email, MatchKey::Name],
                )
            })
            .collect();
        for (row, claims) in claims.iter().enumerate() {
            order.add(row, claims);
        }
        (order, claims)
    }

    fn may_start(order: &Order, claims: &[Claims]) -> Vec<usize> {
        (0..claims.len())
            .filter(|row| order.may_start(*row, &claims[*row]))
            .collect()
    }

    #[test]
    fn rows_with_an_address_or_a_name_in_common_run_one_after_another() {
        let (mut order, claims) = rows(&[
            ["a@x;b@x", "Ann", ""],
            ["B@X", "Bob", ""],
            ["c@x", "ann", ""],
            ["d@x", "Dee", ""],
        ]);
        assert_eq!(may_start(&order, &claims), [0, 3]);
        order.done(0, &claims[0], true);
        assert_eq!(may_start(&order, &claims), [1, 2, 3]);
    }

    #[test]
    fn the_first_row_of_a_company_goes_ahead_and_the_others_follow_together() {
        let (mut order, claims) = rows(&[
            ["a@x", "Ann", "Acme"],
            ["b@x", "Bob", "ACME "],
            ["c@x", "Cy", "acme"],
        ]);
        assert_eq!(may_start(&order, &claims), [0]);
        order.done(0, &claims[0], true);
        assert_eq!(may_start(&order, &claims)[1..], [1, 2]);
    }

    #[test]
    fn after_a_row_that_failed_the_next_one_creates_the_company() {
        let (mut order, claims) = rows(&[
            ["a@x", "Ann", "Acme"],
            ["b@x", "Bob", "Acme"],
            ["c@x", "Cy", "Acme"],
        ]);
        order.done(0, &claims[0], false);
        assert_eq!(may_start(&order, &claims), [1]);
    }

    #[test]
    fn a_row_does_not_wait_for_itself() {
        let (order, claims) = rows(&[["a@x;A@X;b@x", "Ann", "Acme"]]);
        assert_eq!(may_start(&order, &claims), [0]);
    }

    #[test]
    fn every_row_has_its_turn_in_the_files_order() {
        let (mut order, claims) = rows(&[
            ["a@x", "A", "P"],
            ["a@x;b@x", "B", "Q"],
            ["b@x", "C", "P"],
            ["a@x", "C", "Q"],
        ]);
        let mut done: Vec<usize> = Vec::new();
        while done.len() < claims.len() {
            let next: Vec<usize> = may_start(&order, &claims)
                .into_iter()
                .filter(|row| !done.contains(row))
                .collect();
            assert!(!next.is_empty(), "nobody may start after {done:?}");
            for row in next {
                order.done(row, &claims[row], row % 2 == 0);
                done.push(row);
            }
        }
        assert_eq!(done, [0, 1, 2, 3]);
    }
}
