//! The key that seals the store's secrets.

use std::io::{Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// 32 random bytes, written as base64. There are no passphrases: a text that a person can remember can be guessed.
pub struct VaultKey(Zeroizing<[u8; 32]>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not 32 bytes.
    #[error(
        "{0} holds no key: it must be 32 bytes in base64, as `openssl rand -base64 32` makes them"
    )]
    Form(String),
    /// The file.
    #[error("the key file {path} can't be {done}: {error}")]
    File {
        /// Which file.
        path: String,
        /// `read` or `written`.
        done: &'static str,
        /// Why.
        error: std::io::Error,
    },
    /// Others may read it.
    #[error("other users may read the key file {0}; `chmod 600` it")]
    Open(String),
    /// No random bytes.
    #[error("the system gives no random bytes: {0}")]
    Randomness(getrandom::Error),
}

impl VaultKey {
    /// A new one.
    pub fn generate() -> Result<Self, KeyError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(key.as_mut_slice()).map_err(KeyError::Randomness)?;
        Ok(Self(key))
    }

    /// Reads base64. `source` says in an error where the text came from.
    pub fn from_text(text: &str, source: &str) -> Result<Self, KeyError> {
        let form = || KeyError::Form(source.to_owned());
        let mut key = Zeroizing::new([0; 32]);
        let bytes = Zeroizing::new(STANDARD.decode(text.trim()).map_err(|_| form())?);
        if bytes.len() != key.len() {
            return Err(form());
        }
        key.copy_from_slice(&bytes);
        Ok(Self(key))
    }

    /// Reads a file that only its owner may read.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let name = path.display().to_string();
        let failed = |error| KeyError::File {
            path: name.clone(),
            done: "read",
            error,
        };
        let file = std::fs::File::open(path).map_err(failed)?;
        // Asked of the open file: the name could mean another one by now.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let about = file.metadata().map_err(failed)?;
            if about.permissions().mode() & 0o077 != 0 {
                return Err(KeyError::Open(name));
            }
        }
        let mut text = Zeroizing::new(String::new());
        file.take(1024).read_to_string(&mut text).map_err(failed)?;
        Self::from_text(&text, &name)
    }

    /// Writes a new file that only its owner may read; one that is there is an error.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyError> {
        let failed = |error| KeyError::File {
            path: path.display().to_string(),
            done: "written",
            error,
        };
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(path).map_err(failed)?;
        let text = Zeroizing::new(STANDARD.encode(self.0.as_slice()));
        file.write_all(text.as_bytes()).map_err(failed)?;
        // Secrets that were sealed with a lost key are lost.
        file.sync_all().map_err(failed)
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Tells keys apart without telling them.
    pub(super) fn id(&self) -> [u8; 8] {
        let digest = Sha256::new_with_prefix(b"capsule-host key id\0")
            .chain_update(self.0.as_slice())
            .finalize();
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        id
    }
}

impl std::fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("VaultKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_for_its_owner_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = VaultKey::generate().unwrap();
        key.write_new(&path).unwrap();
        assert_eq!(VaultKey::from_file(&path).unwrap().bytes(), key.bytes());
        assert!(matches!(
            VaultKey::generate().unwrap().write_new(&path),
            Err(KeyError::File { .. })
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        VaultKey::generate().unwrap().write_new(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(VaultKey::from_file(&path), Err(KeyError::Open(_))));
    }

    #[test]
    fn what_is_not_32_bytes_is_refused_and_not_repeated() {
        for text in ["", "hunter2", "aHVudGVyMg==", &"A".repeat(88)] {
            let error = VaultKey::from_text(text, "the variable K").unwrap_err();
            assert!(error.to_string().contains("the variable K"));
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
    }

    #[test]
    fn debug_output_shows_nothing_of_the_key() {
        assert_eq!(format!("{:?}", VaultKey::generate().unwrap()), "VaultKey");
    }
}
