//! Why a world is refused.

/// Why a world can't have a JSON face. Each names the item and the way out.
#[allow(missing_docs)] // The fields say what their names say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// An item without a doc comment, or with tags alone.
    Undocumented { item: String },
    /// Text after the first tag of a doc comment.
    ProseAfterTags { item: String },
    /// A tag that does not exist, or whose value can't be read.
    Tag {
        item: String,
        tag: String,
        why: String,
    },
    /// A function whose first word is no known verb, so that its effect is unknown.
    Verb { function: String },
    /// A function that is called like a word of WIT.
    Keyword { function: String },
    /// A function that is not `func(input: record) -> result<T, error>`, nor takes plain scalars.
    Signature { function: String, why: String },
    /// A type that has no natural JSON.
    NoJson { item: String, kind: String },
    /// A `@json bare` variant whose cases can't be told apart by their JSON type.
    AmbiguousBare { item: String, kind: String },
    /// A tag on something that it does not fit.
    Misplaced { item: String, why: String },
    /// A trigger that says too little of itself, or what does not go together.
    Trigger { item: String, why: String },
    /// Two things with one name where the name alone tells them apart.
    Twice { item: String, name: String },
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Undocumented { item } => {
                write!(f, "{item}: write a doc comment, it becomes help")
            }
            Self::ProseAfterTags { item } => write!(
                f,
                "{item}: tags stand at the end of a doc comment, text stands before them"
            ),
            Self::Tag { item, tag, why } => write!(f, "{item}: @{tag}: {why}"),
            Self::Verb { function } => {
                write!(
                    f,
                    "{function}: its first word is no known verb, so its effect is unknown; rename it, or add the verb"
                )
            }
            Self::Keyword { function } => write!(
                f,
                "{function}: a word of WIT; tools that call by name can't call it"
            ),
            Self::Signature { function, why } => write!(f, "{function}: {why}"),
            Self::NoJson { item, kind } => write!(f, "{item}: a {kind} has no natural JSON"),
            Self::AmbiguousBare { item, kind } => {
                write!(
                    f,
                    "{item}: two cases are a JSON {kind}, so the payload alone does not tell them apart; take `@json bare` away"
                )
            }
            Self::Misplaced { item, why } | Self::Trigger { item, why } => {
                write!(f, "{item}: {why}")
            }
            Self::Twice { item, name } => write!(
                f,
                "{item}: `{name}` stands twice; give one of them another name"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

pub(crate) fn no_json(item: &str, kind: &str) -> Refusal {
    Refusal::NoJson {
        item: item.to_owned(),
        kind: kind.to_owned(),
    }
}
