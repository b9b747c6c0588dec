//! Compiled components, kept for the next start.
//!
//! Loading compiled code is running it: whoever can change the file owns the host. So it carries a MAC under the
//! store's key, and only what the MAC proves to be our own is handed to wasmtime.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::egress::ComponentDigest;

const MAGIC: &[u8; 8] = b"ichost-2";
const MAC: usize = 32;
const DIGEST: usize = 32;
/// The file of a folder's key.
const KEY: &str = "artifacts.key";
/// Artifacts of other components that a folder keeps. A build makes one, of some five megabytes.
const KEPT: usize = 4;

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

    /// The key of a folder of artifacts, for one user: made if it is not there.
    ///
    /// # Errors
    /// The file system's; and where others may read the key, because they could then sign code for us to run.
    pub fn of_folder(folder: &Path) -> io::Result<Self> {
        let path = folder.join(KEY);
        if let Some(key) = Self::kept(&path)? {
            return Ok(key);
        }
        fs::create_dir_all(folder)?;
        let key = Self::generate().map_err(|error| io::Error::other(error.to_string()))?;
        match write_new(&path, key.0.as_slice()) {
            Ok(()) => Ok(key),
            // Another process was first; or what stands there can't be followed.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Self::kept(&path)?.ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    /// The key in a file, if there is one.
    fn kept(path: &Path) -> io::Result<Option<Self>> {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        check(&file, 0o077)?;
        let mut bytes = Zeroizing::new([0; 32]);
        file.read_exact(bytes.as_mut_slice())?;
        Ok(Some(Self(bytes)))
    }

    /// BLAKE3 rather than HMAC: some five megabytes are read at each start.
    fn mac(&self, digest: &[u8], code: &[u8]) -> blake3::Hash {
        let mut mac = blake3::Hasher::new_keyed(&self.0);
        mac.update(MAGIC);
        mac.update(digest);
        mac.update(code);
        mac.finalize()
    }

    /// Packs compiled code.
    pub(crate) fn seal(&self, digest: &ComponentDigest, code: &[u8]) -> Vec<u8> {
        let tag = self.mac(digest.as_bytes(), code);
        [MAGIC, tag.as_slice(), digest.as_bytes(), code].concat()
    }

    /// The code inside, if this key has sealed it.
    pub(crate) fn open<'a>(&self, artifact: &'a [u8]) -> Option<(ComponentDigest, &'a [u8])> {
        let rest = artifact.strip_prefix(MAGIC)?;
        let (tag, rest) = rest.split_at_checked(MAC)?;
        let (digest, code) = rest.split_at_checked(DIGEST)?;
        // Compares in constant time.
        if self.mac(digest, code) != blake3::Hash::from_slice(tag).ok()? {
            return None;
        }
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
    check(&file, 0o022)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a file is ours alone to change; `forbidden` are the rights that others may not have.
#[cfg(unix)]
fn check(file: &File, forbidden: u32) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Err(io::Error::other("it is not a plain file"));
    }
    if meta.mode() & forbidden != 0 {
        let rights = if forbidden & 0o044 == 0 {
            "others may write it; take that right away (chmod go-w) or delete it"
        } else {
            "others may read it; take that right away (chmod go-rwx) or delete it"
        };
        return Err(io::Error::other(rights));
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
fn check(file: &File, _: u32) -> io::Result<()> {
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
    match &written {
        Ok(()) => forget_old(folder, path),
        // What can't be removed stays as a draft, which nobody reads.
        Err(_) => drop(fs::remove_file(&draft)),
    }
    written
}

/// Removes artifacts beside one that was just written, but for the latest. What can't be removed stays.
fn forget_old(folder: &Path, written: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut others: Vec<_> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let is_other = path.extension()? == "cwasm" && path != written;
            let at = fs::metadata(&path).ok()?.modified().ok()?;
            is_other.then_some((at, path))
        })
        .collect();
    others.sort();
    others.truncate(others.len().saturating_sub(KEPT));
    for (_, path) in others {
        let _ = fs::remove_file(path);
    }
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
    fn the_latest_artifacts_are_kept_and_the_key_with_them() {
        let folder = Folder::new();
        ArtifactKey::of_folder(&folder.0).unwrap();
        let paths: Vec<_> = (0..KEPT + 3)
            .map(|number| path(&folder.0, &ComponentDigest::of(&[number as u8])))
            .collect();
        for (number, path) in paths.iter().enumerate() {
            write(path, b"code").unwrap();
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_modified(at)
                .unwrap();
        }
        let kept: Vec<_> = paths.iter().map(|path| path.exists()).collect();
        assert_eq!(kept, [false, false, true, true, true, true, true]);
        assert!(folder.0.join(KEY).exists());
    }

    #[test]
    fn a_folder_has_one_key() {
        let folder = Folder::new();
        let inner = folder.0.join("deeper");
        let (first, second) = (
            ArtifactKey::of_folder(&inner),
            ArtifactKey::of_folder(&inner),
        );
        assert_eq!(*first.unwrap().0, *second.unwrap().0);
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new();
        ArtifactKey::of_folder(&folder.0).unwrap();
        let key = folder.0.join(KEY);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let Err(error) = ArtifactKey::of_folder(&folder.0) else {
            panic!("the key is used");
        };
        assert!(error.to_string().contains("others may read"), "{error}");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, b"short").unwrap();
        assert!(ArtifactKey::of_folder(&folder.0).is_err());
        fs::remove_file(&key).unwrap();
        std::os::unix::fs::symlink(folder.0.join("nowhere"), &key).unwrap();
        assert!(ArtifactKey::of_folder(&folder.0).is_err());
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
