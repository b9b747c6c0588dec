//! Finds live secrets in what comes in, also where one is cut in two by a chunk's border.

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Secret;

/// Shorter texts are not searched for: they would hit by chance, and no vendor issues such tokens.
pub(crate) const SHORTEST: usize = 6;

/// Replaces secrets in a stream of bytes. Besides the secret itself its JSON and percent-encoded spellings are found.
pub(crate) struct Redactor {
    search: Option<Search>,
    carry: BytesMut,
}

struct Search {
    patterns: Vec<Pattern>,
    longest: usize,
}

struct Pattern {
    finder: memmem::Finder<'static>,
    replacement: String,
}

impl Redactor {
    /// Each secret with what shall stand in its place.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = (&'a Secret, &'a str)>) -> Self {
        let mut patterns = Vec::new();
        for (secret, replacement) in secrets {
            for spelling in spellings(secret.expose()) {
                let finder = memmem::Finder::new(&spelling).into_owned();
                patterns.push(Pattern {
                    finder,
                    replacement: replacement.to_owned(),
                });
            }
        }
        let longest = patterns
            .iter()
            .map(|pattern| pattern.text().len())
            .max()
            .unwrap_or(0);
        let search = (longest > 0).then_some(Search { patterns, longest });
        Self {
            search,
            carry: BytesMut::new(),
        }
    }

    /// The part of the stream that is certain by now. What could be the beginning of a secret is held back.
    pub(crate) fn push(&mut self, chunk: Bytes) -> Bytes {
        match &self.search {
            None => chunk,
            Some(search) => {
                self.carry.extend_from_slice(&chunk);
                let (out, used) = search.replace(&self.carry, false);
                let _ = self.carry.split_to(used);
                out
            }
        }
    }

    /// What was held back, at the stream's end.
    pub(crate) fn finish(&mut self) -> Bytes {
        let rest = std::mem::take(&mut self.carry);
        match &self.search {
            None => rest.freeze(),
            Some(search) => search.replace(&rest, true).0,
        }
    }

    /// A whole text at once.
    pub(crate) fn whole(&self, text: &[u8]) -> Bytes {
        match &self.search {
            None => Bytes::copy_from_slice(text),
            Some(search) => search.replace(text, true).0,
        }
    }
}

impl Search {
    /// The replaced text and how much of the input it covers. A handful of searches beats one automaton here, because a
    /// request has few secrets and building an automaton costs more than most answers are long.
    fn replace(&self, text: &[u8], last: bool) -> (Bytes, usize) {
        let certain = if last { text.len() } else { self.certain(text) };
        let mut out = BytesMut::with_capacity(certain);
        let mut done = 0;
        let mut next: Vec<Option<usize>> = self
            .patterns
            .iter()
            .map(|pattern| pattern.find(text, 0))
            .collect();
        while let Some((start, pattern)) = self.leftmost_longest(&next)
            && start < certain
        {
            out.extend_from_slice(&text[done..start]);
            out.extend_from_slice(pattern.replacement.as_bytes());
            done = start + pattern.text().len();
            for (found, pattern) in next.iter_mut().zip(&self.patterns) {
                if found.is_some_and(|found| found < done) {
                    *found = pattern.find(text, done);
                }
            }
        }
        if done < certain {
            out.extend_from_slice(&text[done..certain]);
            done = certain;
        }
        (out.freeze(), done)
    }

    fn leftmost_longest(&self, next: &[Option<usize>]) -> Option<(usize, &Pattern)> {
        let found = next
            .iter()
            .zip(&self.patterns)
            .filter_map(|(found, pattern)| Some(((*found)?, pattern)));
        found.min_by_key(|(start, pattern)| (*start, usize::MAX - pattern.text().len()))
    }

    /// Where the first secret may begin whose end is still to come. A match that starts before it is final: if a longer
    /// one were possible there, the text from there on would be that one's beginning.
    fn certain(&self, text: &[u8]) -> usize {
        let from = text.len().saturating_sub(self.longest - 1);
        let begins = |tail: &[u8]| {
            let mut texts = self.patterns.iter().map(Pattern::text);
            texts.any(|pattern| pattern.len() > tail.len() && pattern.starts_with(tail))
        };
        (from..text.len())
            .find(|&at| begins(&text[at..]))
            .unwrap_or(text.len())
    }
}

impl Pattern {
    fn text(&self) -> &[u8] {
        self.finder.needle()
    }

    fn find(&self, text: &[u8], from: usize) -> Option<usize> {
        self.finder.find(&text[from..]).map(|at| from + at)
    }
}

/// What no encoder of URLs or JSON changes.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn spellings(secret: &str) -> Vec<String> {
    if secret.len() < SHORTEST {
        return Vec::new();
    }
    let percent = utf8_percent_encode(secret, &UNRESERVED).to_string();
    if percent == secret {
        return vec![percent];
    }
    let json = serde_json::Value::from(secret).to_string();
    let json = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut all = vec![
        secret.to_owned(),
        json.replace('/', "\\/"),
        json,
        percent.to_lowercase(),
        percent,
        form,
    ];
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(redactor: &mut Redactor, chunks: &[&[u8]]) -> String {
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend_from_slice(&redactor.push(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&redactor.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_secret_that_is_cut_by_a_chunks_border_is_found() {
        let secret = Secret::from("abcdefgh");
        let mut redactor = Redactor::new([(&secret, "X")]);
        assert_eq!(run(&mut redactor, &[b"1 abc", b"def", b"gh 2"]), "1 X 2");
    }

    #[test]
    fn other_spellings_of_a_secret_are_found() {
        let secret = Secret::from("ab/+c\"==");
        let redactor = Redactor::new([(&secret, "X")]);
        for text in [
            "ab/+c\"==",
            "ab/+c\\\"==",
            "ab\\/+c\\\"==",
            "ab%2F%2Bc%22%3D%3D",
            "ab%2f%2bc%22%3d%3d",
        ] {
            assert_eq!(redactor.whole(text.as_bytes()), "X", "{text}");
        }
    }

    #[test]
    fn without_secrets_the_bytes_pass_as_they_are() {
        let mut redactor = Redactor::new([]);
        assert_eq!(run(&mut redactor, &[b"a", b"b"]), "ab");
    }

    proptest! {
        #[test]
        fn no_cut_lets_a_secret_through(before in "[a-d]{0,12}", after in "[a-d]{0,12}", cuts in proptest::collection::vec(0usize..40, 0..6)) {
            let secrets = [Secret::from("abcabcd"), Secret::from("abcabcdd")];
            let text = format!("{before}abcabcdd{after}");
            let whole = Redactor::new([(&secrets[0], "1"), (&secrets[1], "2")]).whole(text.as_bytes());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.sort_unstable();
            let mut chunks = Vec::new();
            let mut start = 0;
            for cut in cuts.into_iter().chain([text.len()]) {
                chunks.push(&text.as_bytes()[start..cut]);
                start = cut;
            }
            let pieces = run(&mut Redactor::new([(&secrets[0], "1"), (&secrets[1], "2")]), &chunks);
            prop_assert!(!pieces.contains("abcabcd"));
            prop_assert_eq!(pieces.as_bytes(), &whole[..]);
        }
    }
}
