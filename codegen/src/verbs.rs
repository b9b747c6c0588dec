//! What a function's verb says of its effect.

/// What a call does to the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    Read,
    /// Creates or changes.
    Write,
    /// Deletes.
    Destructive,
}

/// Effect and repeat-safety of a function, by its name; none for a verb that nobody declared.
pub(crate) fn meaning(function: &str) -> Option<(Effect, bool)> {
    let verb = function.split('-').next().unwrap_or(function);
    let bare = verb == function;
    Some(match function {
        // Adding a party to what has it already changes nothing.
        "find-or-create" | "add-party" => (Effect::Write, true),
        _ => match verb {
            "get" | "list" | "find" | "search" | "filter" | "run" | "check" | "download" => {
                (Effect::Read, true)
            }
            "create" | "apply" | "upload" | "call" | "submit" | "subscribe" | "attach"
            | "duplicate" => (Effect::Write, false),
            "add" if !bare => (Effect::Write, false),
            "add" | "set" | "update" | "move" | "win" | "lose" | "reopen" | "close"
            | "complete" | "upsert" | "remove" | "restore" | "unsubscribe" => (Effect::Write, true),
            "delete" => (Effect::Destructive, true),
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verb_tells_effect_and_repeat_safety() {
        for (function, expected) in [
            ("get", Some((Effect::Read, true))),
            ("list-all", Some((Effect::Read, true))),
            ("create", Some((Effect::Write, false))),
            ("add", Some((Effect::Write, true))),
            ("add-note", Some((Effect::Write, false))),
            ("add-party", Some((Effect::Write, true))),
            ("find", Some((Effect::Read, true))),
            ("find-or-create", Some((Effect::Write, true))),
            ("delete", Some((Effect::Destructive, true))),
            ("frobnicate", None),
            ("getter", None),
        ] {
            assert_eq!(meaning(function), expected, "{function}");
        }
    }
}
