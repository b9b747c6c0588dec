//! Tasks: how Capsule writes them.

use serde_json::Value;

/// What [`spell_task`] reads or changes of a task.
pub(crate) const SPELT_TASK: &[&str] = &["repeat", "repeatDetails"];

/// Brings a task to the contract's spelling. How it repeats is documented neither in its key nor in its words (API reference 6, row 25): a
/// part that is of another type than expected becomes a text, and never spoils the rest.
pub(crate) fn spell_task(task: &mut Value) {
    let Value::Object(task) = task else {
        return;
    };
    let repeat = match task.remove("repeat") {
        None | Some(Value::Null) => task.remove("repeatDetails"),
        repeat => repeat,
    };
    let Some(Value::Object(mut repeat)) = repeat else {
        return;
    };
    for key in ["frequency", "repeatOn"] {
        if let Some(part) = repeat.get_mut(key)
            && !part.is_string()
            && !part.is_null()
        {
            *part = part.to_string().into();
        }
    }
    if let Some(interval) = repeat.get_mut("interval") {
        let number = match &*interval {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        *interval = number.map_or(Value::Null, |number: u32| number.into());
    }
    task.insert("repeat".into(), Value::Object(repeat));
}

/// Whether a text is a time of the day: `HH:MM` or `HH:MM:SS` (API reference 2.4).
pub(crate) fn is_time(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let below = |part: &str, limit: u8| {
        part.len() == 2
            && part.bytes().all(|byte| byte.is_ascii_digit())
            && part.parse().is_ok_and(|number: u8| number < limit)
    };
    match parts.as_slice() {
        [hours, rest @ ..] => {
            matches!(rest.len(), 1 | 2)
                && below(hours, 24)
                && rest.iter().all(|part| below(part, 60))
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_time_of_the_day_has_two_or_three_pairs_of_digits() {
        for (text, right) in [
            ("09:30", true),
            ("23:59:59", true),
            ("00:00", true),
            ("24:00", false),
            ("9:30", false),
            ("09:60", false),
            ("09", false),
            ("09:30:00:00", false),
            ("09:30 ", false),
            ("+9:30", false),
            ("", false),
        ] {
            assert_eq!(is_time(text), right, "{text:?}");
        }
    }

    #[test]
    fn a_repeat_is_read_under_either_key_and_never_spoils_the_task() {
        for (given, expected) in [
            (
                json!({"repeat": {"frequency": "WEEKLY", "interval": 2, "repeatOn": "MON"}}),
                json!({"repeat": {"frequency": "WEEKLY", "interval": 2, "repeatOn": "MON"}}),
            ),
            (
                json!({"repeat": null, "repeatDetails": {"frequency": "WEEKLY", "interval": "2"}}),
                json!({"repeat": {"frequency": "WEEKLY", "interval": 2}}),
            ),
            (
                json!({"repeat": {"frequency": 7, "interval": -1, "repeatOn": [1, 2]}}),
                json!({"repeat": {"frequency": "7", "interval": null, "repeatOn": "[1,2]"}}),
            ),
            (json!({"repeat": "weekly"}), json!({})),
            (json!({"repeat": null}), json!({})),
            (json!([1]), json!([1])),
        ] {
            let mut task = given;
            spell_task(&mut task);
            assert_eq!(task, expected);
        }
    }
}
