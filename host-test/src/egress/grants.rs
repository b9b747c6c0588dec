//! What the operator allows: origins per component.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use super::Origin;

/// The SHA-256 of a component's bytes. Another build is another component.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ComponentDigest([u8; 32]);

impl ComponentDigest {
    /// Of these bytes.
    pub fn of(component: &[u8]) -> Self {
        Self(Sha256::digest(component).into())
    }

    /// The bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest that was stored before.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for ComponentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a digest must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a component's digest is sha256: and 64 hexadecimal digits, as `capsule-host describe` tells it"
)]
pub struct DigestError;

impl FromStr for ComponentDigest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let digits = text.strip_prefix("sha256:").ok_or(DigestError)?;
        if digits.len() != 64 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| DigestError)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| DigestError)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Debug for ComponentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Origins that components may reach. Empty: none. A grant is for one component's digest, so that an update which asks
/// for more gets nothing of it until an operator has looked; or it is for whatever component the operator loads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    any: BTreeSet<Origin>,
    by_component: BTreeMap<ComponentDigest, BTreeSet<Origin>>,
}

impl Grants {
    /// Nothing is granted.
    pub fn none() -> Self {
        Self::default()
    }

    /// Grants an origin to every component that is called with these grants.
    pub fn grant(&mut self, origin: Origin) {
        self.any.insert(origin);
    }

    /// Grants an origin to one component.
    pub fn grant_to(&mut self, component: ComponentDigest, origin: Origin) {
        self.by_component
            .entry(component)
            .or_default()
            .insert(origin);
    }

    /// Whether this component may reach this origin.
    pub fn allow(&self, component: &ComponentDigest, origin: &Origin) -> bool {
        self.any.contains(origin)
            || self
                .by_component
                .get(component)
                .is_some_and(|origins| origins.contains(origin))
    }

    /// What the component asks for and does not have. An operator shows it to a person before loading an update.
    pub fn missing(&self, component: &ComponentDigest, asked: &[Origin]) -> Vec<Origin> {
        asked
            .iter()
            .filter(|origin| !self.allow(component, origin))
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = ComponentDigest::of(b"component");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        let written = digest.to_string();
        for wrong in [
            "",
            "sha256:",
            &written[1..],
            &written[..70],
            &written.replace('a', "+"),
        ] {
            assert!(wrong.parse::<ComponentDigest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_new_build_has_none_of_the_old_ones_grants() {
        let origin = Origin::parse("https://api.capsulecrm.com").unwrap();
        let (old, new) = (ComponentDigest::of(b"old"), ComponentDigest::of(b"new"));
        let mut grants = Grants::none();
        grants.grant_to(old, origin.clone());
        assert!(grants.allow(&old, &origin));
        assert_eq!(
            grants.missing(&new, std::slice::from_ref(&origin)),
            [origin]
        );
    }
}
