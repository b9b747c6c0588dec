//! What a misspelt name may have meant.

/// The known names nearest to a given one, nearest first, at most `most`; none that differ by more than half of their letters.
#[must_use]
pub fn nearest<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let given: Vec<char> = given
        .chars()
        .take(LONGEST)
        .flat_map(char::to_lowercase)
        .collect();
    // Sorted as they come: there are few, and the standard library's sort would cost 20 KB of code.
    let mut best: Vec<(usize, &str)> = Vec::new();
    for name in known {
        let letters: Vec<char> = name
            .chars()
            .take(LONGEST)
            .flat_map(char::to_lowercase)
            .collect();
        let distance = distance(&given, &letters);
        let starts = given.len() > 2 && letters.starts_with(&given);
        if starts || distance * 2 <= given.len().max(letters.len()) {
            let row = (if starts { 0 } else { distance }, name);
            let at = best.partition_point(|other| *other <= row);
            best.insert(at, row);
            best.truncate(most);
        }
    }
    let mut names = Vec::with_capacity(best.len());
    for (_, name) in best {
        names.push(name);
    }
    names
}

/// `Did you mean ...?` with the nearest names, or something else to do where there are none.
#[must_use]
pub fn way_out(near: &[&str], otherwise: &str) -> String {
    if near.is_empty() {
        return otherwise.to_owned();
    }
    format!(
        "Did you mean {}?",
        near.iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", ")
    )
}

/// Longer names are compared by their beginning, so that a hostile name costs little.
const LONGEST: usize = 64;

/// Edits from one to the other: insert, remove, replace.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.iter().enumerate() {
        let mut corner = index;
        let mut left = index + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (other, above) in to.iter().zip(row.iter_mut().skip(1)) {
            let best = if letter == other {
                corner
            } else {
                1 + corner.min(left).min(*above)
            };
            corner = *above;
            *above = best;
            left = best;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_comes_first() {
        let known = [
            "people.create",
            "people.update",
            "people.upsert",
            "parties.get",
        ];
        assert_eq!(nearest("people.crate", known, 1), ["people.create"]);
        assert_eq!(nearest("People.Create", known, 1), ["people.create"]);
        assert_eq!(
            nearest("people.up", known, 2),
            ["people.update", "people.upsert"]
        );
        assert_eq!(nearest("zzz", known, 3), Vec::<&str>::new());
    }

    #[test]
    fn edits_are_counted() {
        for (from, to, edits) in [
            ("", "", 0),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("tag", "tags", 1),
        ] {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(distance(&letters(from), &letters(to)), edits, "{from} {to}");
        }
    }
}
