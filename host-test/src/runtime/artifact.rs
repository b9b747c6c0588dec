//! Compiled components, kept for the next start.
//!
//! Loading compiled code is running it: whoever can change the file owns the host. So it carries a MAC under the
//! store's key, and only what the MAC proves to be our own is handed to wasmtime.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

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

/// Where the artifact of a component stands.
pub(crate) fn path(folder: &Path, digest: &ComponentDigest) -> PathBuf {
    folder
        .join(digest.to_string().replace(':', "-"))
        .with_extension("cwasm")
}

/// Reads an artifact that nobody else could have written. The checks are on the open file, not on its name.
pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    check(&file)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(unix)]
fn check(file: &File) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(io::Error::other(
            "others may write it; take that right away (chmod go-w) or delete it",
        ));
    }
    // The kernel shows us as the owner of our own entry. Where there is none, the MAC has to do.
    if let Ok(own) = fs::metadata("/proc/self")
        && own.uid() != meta.uid()
    {
        return Err(io::Error::other("it belongs to another user; delete it"));
    }
    Ok(())
}

/// Elsewhere the MAC has to do.
#[cfg(not(unix))]
fn check(file: &File) -> io::Result<()> {
    if file.metadata()?.is_file() {
        Ok(())
    } else {
        Err(io::Error::other("it is not a plain file"))
    }
}

/// Writes an artifact so that a reader sees the old one or the whole new one.
pub(crate) fn write(path: &Path, artifact: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let draft = path.with_extension(format!("{:016x}.draft", u64::from_le_bytes(random)));
    let written = write_new(&draft, artifact).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // What can't be removed stays as a draft, which nobody reads.
        let _ = fs::remove_file(&draft);
    }
    written
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's own, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            let mut random = [0; 8];
            getrandom::fill(&mut random).unwrap();
            let path =
                std::env::temp_dir().join(format!("artifact-{:016x}", u64::from_le_bytes(random)));
            fs::create_dir(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_written_is_read_and_leaves_no_draft() {
        let folder = Folder::new();
        let path = path(&folder.0.join("deeper"), &ComponentDigest::of(b"component"));
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn what_others_may_write_is_not_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new();
        let path = path(&folder.0, &ComponentDigest::of(b"component"));
        write(&path, b"code").unwrap();
        for mode in [0o620, 0o602, 0o666] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(
                read(&path)
                    .unwrap_err()
                    .to_string()
                    .contains("others may write"),
                "{mode:o}"
            );
        }
        assert!(read(&folder.0).is_err(), "a folder is no artifact");
    }

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
