//! Folders of the user's own.

use std::path::PathBuf;

/// The folder of this program in one of the user's: where the variable says, such as `XDG_CACHE_HOME`, else there in the home folder.
pub(crate) fn of_user(variable: &str, in_home: &str) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = set(variable)
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(set("HOME")?).join(in_home)));
    folder.map(|folder| folder.join("capsule-host"))
}
