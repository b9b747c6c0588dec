//! Encrypts one secret for one place of the store.
//!
//! XChaCha20-Poly1305 with a random nonce. What the secret is, whose, for which origin and of which generation goes into
//! the tag: a row that is copied over another, an older one that is put back, or one whose origin was changed so that it
//! would be sent elsewhere, does not open.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use super::{StoreError, VaultKey};
use crate::egress::{Origin, Secret};

/// Where a secret belongs.
pub(super) struct Place<'a> {
    pub(super) connection: &'a str,
    /// The only place where it is sent.
    pub(super) origin: &'a Origin,
    pub(super) kind: &'static str,
    pub(super) generation: u64,
}

impl Place<'_> {
    /// Each part with its length before it, so that no two places are written alike.
    fn associated(&self, key: [u8; 8]) -> Vec<u8> {
        let generation = self.generation.to_be_bytes();
        let origin = self.origin.to_string();
        let parts: [&[u8]; 6] = [
            b"capsule-host secret 1",
            self.connection.as_bytes(),
            origin.as_bytes(),
            self.kind.as_bytes(),
            &generation,
            &key,
        ];
        let mut bytes = Vec::new();
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part);
        }
        bytes
    }

    fn tampered(&self) -> StoreError {
        StoreError::Tampered {
            connection: self.connection.to_owned(),
            kind: self.kind,
        }
    }
}

pub(super) struct Sealer {
    cipher: XChaCha20Poly1305,
    key_id: [u8; 8],
}

const NONCE: usize = 24;

impl Sealer {
    pub(super) fn new(key: &VaultKey) -> Self {
        Self {
            cipher: XChaCha20Poly1305::new(Key::from_slice(key.bytes())),
            key_id: key.id(),
        }
    }

    pub(super) fn key_id(&self) -> [u8; 8] {
        self.key_id
    }

    /// The nonce and the sealed text.
    pub(super) fn seal(&self, place: &Place<'_>, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let mut sealed = vec![0; NONCE];
        getrandom::fill(&mut sealed).map_err(StoreError::Randomness)?;
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: &place.associated(self.key_id),
        };
        let text = self
            .cipher
            .encrypt(XNonce::from_slice(&sealed), payload)
            // The only cause is a text of more than 256 GB.
            .map_err(|_| place.tampered())?;
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    pub(super) fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<Secret, StoreError> {
        let (nonce, text) = sealed
            .split_at_checked(NONCE)
            .ok_or_else(|| place.tampered())?;
        let payload = Payload {
            msg: text,
            aad: &place.associated(self.key_id),
        };
        let opened = self
            .cipher
            .decrypt(XNonce::from_slice(nonce), payload)
            .map_err(|_| place.tampered())?;
        let opened = Zeroizing::new(opened);
        match std::str::from_utf8(&opened) {
            Ok(text) => Ok(Secret::from(text)),
            Err(_) => Err(place.tampered()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'a>(
        connection: &'a str,
        origin: &'a Origin,
        kind: &'static str,
        generation: u64,
    ) -> Place<'a> {
        Place {
            connection,
            origin,
            kind,
            generation,
        }
    }

    fn origin(text: &str) -> Origin {
        Origin::parse(text).unwrap()
    }

    #[test]
    fn a_secret_opens_only_where_it_was_sealed_for() {
        let sealer = Sealer::new(&VaultKey::generate().unwrap());
        let (home, away) = (origin("https://a.example"), origin("https://b.example"));
        let here = place("northwind", &home, "access token", 3);
        let sealed = sealer.seal(&here, &Secret::from("the token")).unwrap();
        assert_eq!(sealer.open(&here, &sealed).unwrap().expose(), "the token");
        for there in [
            place("southwind", &home, "access token", 3),
            place("northwind", &away, "access token", 3),
            place("northwind", &home, "refresh token", 3),
            place("northwind", &home, "access token", 2),
        ] {
            assert!(sealer.open(&there, &sealed).is_err());
        }
        let other = Sealer::new(&VaultKey::generate().unwrap());
        assert!(other.open(&here, &sealed).is_err());
    }

    #[test]
    fn a_changed_or_cut_text_does_not_open() {
        let sealer = Sealer::new(&VaultKey::generate().unwrap());
        let home = origin("https://a.example");
        let here = place("a", &home, "access token", 1);
        let sealed = sealer.seal(&here, &Secret::from("the token")).unwrap();
        for length in [0, NONCE - 1, NONCE, sealed.len() - 1] {
            assert!(sealer.open(&here, &sealed[..length]).is_err(), "{length}");
        }
        for index in [0, NONCE, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(sealer.open(&here, &changed).is_err(), "{index}");
        }
    }
}
