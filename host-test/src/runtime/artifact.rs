//! Compiled components, kept for the next start.
//!
//! Loading compiled code is running it: whoever can change the file owns the host. So it carries a MAC under the
//! store's key, and only what the MAC proves to be our own is handed to wasmtime.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::egress::ComponentDigest;

const MAGIC: &[u8; 8] = b"ichost-1";
const MAC: usize = 32;
const DIGEST: usize = 32;

/// The key that proves who compiled an artifact. Keep it where the vault's key is.
pub struct ArtifactKey(Zeroizing<[u8; 32]>);

impl ArtifactKey {
    /// A key that was stored.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new random key.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    fn mac(&self, digest: &[u8], code: &[u8]) -> Hmac<Sha256> {
        // HMAC takes a key of any length.
        let mut mac = match Hmac::<Sha256>::new_from_slice(&*self.0) {
            Ok(mac) => mac,
            Err(error) => unreachable!("HMAC takes any key: {error}"),
        };
        mac.update(MAGIC);
        mac.update(digest);
        mac.update(code);
        mac
    }

    /// Packs compiled code.
    pub(crate) fn seal(&self, digest: &ComponentDigest, code: &[u8]) -> Vec<u8> {
        let tag = self.mac(digest.as_bytes(), code).finalize().into_bytes();
        [MAGIC, tag.as_slice(), digest.as_bytes(), code].concat()
    }

    /// The code inside, if this key has sealed it.
    pub(crate) fn open<'a>(&self, artifact: &'a [u8]) -> Option<(ComponentDigest, &'a [u8])> {
        let rest = artifact.strip_prefix(MAGIC)?;
        let (tag, rest) = rest.split_at_checked(MAC)?;
        let (digest, code) = rest.split_at_checked(DIGEST)?;
        // Compares in constant time.
        self.mac(digest, code).verify_slice(tag).ok()?;
        Some((ComponentDigest::from_bytes(digest.try_into().ok()?), code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_is_opened_by_the_same_key_alone() {
        let key = ArtifactKey::from_bytes([7; 32]);
        let digest = ComponentDigest::of(b"component");
        let artifact = key.seal(&digest, b"code");
        assert_eq!(key.open(&artifact), Some((digest, b"code".as_slice())));
        assert_eq!(ArtifactKey::from_bytes([8; 32]).open(&artifact), None);
    }

    #[test]
    fn a_changed_or_cut_artifact_is_not_opened() {
        let key = ArtifactKey::from_bytes([7; 32]);
        let artifact = key.seal(&ComponentDigest::of(b"component"), b"code");
        for index in 0..artifact.len() {
            let mut changed = artifact.clone();
            changed[index] ^= 1;
            assert_eq!(key.open(&changed), None, "byte {index}");
            assert_eq!(key.open(&artifact[..index]), None, "cut at {index}");
        }
    }
}
