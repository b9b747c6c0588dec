//! A text that must not be seen.

use std::fmt;
use std::sync::Arc;

use zeroize::Zeroizing;

/// A token, a client secret, a code. It has no `Display`, its `Debug` shows nothing of it, it is never serialised, and
/// its memory is wiped when the last copy goes.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// Takes the text over. The caller's own copies are the caller's to wipe.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Arc::new(Zeroizing::new(text.into())))
    }

    /// The text itself. Call it where the text is written onto the wire or into the vault, and nowhere else.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }

    /// Whether there is nothing to hide: an empty text is never swapped and never searched for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn debug_output_shows_nothing_of_the_text() {
        assert_eq!(
            format!("{:?} {:?}", Secret::from("hunter2"), Some(Secret::from(""))),
            "Secret Some(Secret)"
        );
    }
}
