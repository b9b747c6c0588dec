//! Where events go: one JSON object on a line each.
//!
//! A file gets each event exactly once: its last whole line tells how far it came. Everything else gets each at least once, with the id in
//! the line: the process may end between giving and striking off.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::clock::ms;
use super::work::pause;
use super::{Figures, Ingress, ListenError};

/// Events that are handed over together.
const BATCH: u32 = 256;
/// A command is tried this often with one event.
const MOST_TRIES: u32 = 5;
/// How long a command may take with one event.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why an outlet takes nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutletError {
    /// It is lost: listening ends.
    #[error("events can't be written to {0}: {1}")]
    Lost(String, std::io::Error),
    /// The file is none of ours.
    #[error("{0} ends with a line that is no event; name another file")]
    Foreign(PathBuf),
    /// What is there came out of another journal.
    #[error(
        "the file ends with an event of another journal ({0}): which of ours it has can't be told; name another file, or the journal that it belongs to"
    )]
    OtherJournal(String),
    /// It has no room, and took nothing: the same is tried again later.
    #[error("events can't be written to {0}: its disk is full")]
    Full(String),
    /// It did not take this event; others may do.
    #[error("{0}")]
    Refused(String),
}

/// How far an outlet came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Whose event: numbers of another journal say nothing.
    pub journal: String,
    /// Its number.
    pub seq: i64,
}

/// Takes events.
#[async_trait]
pub trait Outlet: Send {
    /// The last event that it has for sure; asked at the start, and again after the journal or the outlet had failed.
    async fn reached(&mut self) -> Result<Option<Reached>, OutletError> {
        Ok(None)
    }

    /// How many it takes at a time.
    fn batch(&self) -> u32 {
        BATCH
    }

    /// Takes events: their ids, and their lines without the end of line.
    async fn take(&mut self, events: &[(String, String)]) -> Result<(), OutletError>;
}

impl Ingress {
    /// Gives events out until the outlet or the journal is lost.
    pub(super) async fn give_out(&self, mut outlet: impl Outlet) -> Result<(), ListenError> {
        let mut failures = 0;
        loop {
            let ended = self.give_on(&mut outlet, &mut failures).await;
            if let Err(error) = ended {
                self.wait_for_room(error, &mut failures).await?;
            }
        }
    }

    /// The same until the journal or the outlet fails. What the outlet had taken by then is found out at the next beginning.
    async fn give_on(
        &self,
        outlet: &mut impl Outlet,
        failures: &mut u32,
    ) -> Result<(), ListenError> {
        self.catch_up(outlet).await?;
        loop {
            if !self.give_once(outlet).await? {
                *failures = 0;
                tokio::select! {
                    () = self.rest(None) => {}
                    () = self.inner.given.notified() => {}
                }
            }
        }
    }

    /// Strikes off what the outlet has already.
    pub async fn catch_up(&self, outlet: &mut impl Outlet) -> Result<(), ListenError> {
        match outlet.reached().await? {
            Some(reached) if !self.inner.journal.given_up_to(reached.clone()).await? => {
                Err(OutletError::OtherJournal(reached.journal).into())
            }
            _ => Ok(()),
        }
    }

    /// Gives out what is due. False: nothing was.
    pub async fn give_once(&self, outlet: &mut impl Outlet) -> Result<bool, ListenError> {
        let journal = &self.inner.journal;
        let lines = journal.lines(self.now(), outlet.batch()).await?;
        if lines.is_empty() {
            return Ok(false);
        }
        let seqs: Vec<i64> = lines.iter().map(|line| line.seq).collect();
        let tries = lines.first().map_or(0, |line| line.tries);
        let events: Vec<_> = lines.into_iter().map(|line| (line.id, line.text)).collect();
        match outlet.take(&events).await {
            Ok(()) => {
                self.at("events given");
                Figures::add(&self.inner.figures.given, seqs.len());
                journal.given(seqs).await?;
            }
            Err(OutletError::Refused(why)) => {
                let aside = (tries.saturating_add(1) >= MOST_TRIES).then_some(why.clone());
                tracing::warn!(why, aside = aside.is_some(), "an event was not taken");
                if aside.is_some() {
                    Figures::add(&self.inner.figures.quarantined, 1);
                }
                let due_at = self.now().saturating_add(ms(pause(tries, None)));
                for seq in seqs {
                    journal.not_given(seq, due_at, aside.clone()).await?;
                }
            }
            Err(lost) => return Err(lost.into()),
        }
        Ok(true)
    }
}

/// A stream, such as standard output.
pub struct LineOutlet<W>(pub W);

#[async_trait]
impl<W: std::io::Write + Send> Outlet for LineOutlet<W> {
    async fn take(&mut self, events: &[(String, String)]) -> Result<(), OutletError> {
        let lost = |error| OutletError::Lost("the output".into(), error);
        for (_, line) in events {
            writeln!(self.0, "{line}").map_err(lost)?;
        }
        self.0.flush().map_err(lost)
    }
}

/// A file that is appended to.
pub struct FileOutlet {
    path: PathBuf,
    file: File,
    /// Where its last whole line ends.
    length: u64,
    reached: Option<Reached>,
}

impl FileOutlet {
    /// Opens a file, which is made if it is not there. A line that was cut off is taken away: its event is given again.
    pub fn open(path: &Path) -> Result<Self, OutletError> {
        let lost = |error| OutletError::Lost(path.display().to_string(), error);
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(lost)?;
        let (whole, last) = last_line(&mut file).map_err(lost)?;
        let reached = match last {
            None => None,
            Some(line) => {
                Some(reached_by(&line).ok_or_else(|| OutletError::Foreign(path.to_owned()))?)
            }
        };
        let mut outlet = Self {
            path: path.to_owned(),
            file,
            length: whole,
            reached,
        };
        outlet.cut().map_err(lost)?;
        Ok(outlet)
    }

    /// Takes away what is not a whole line, or is not known to be on the disk.
    fn cut(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        Ok(())
    }
}

/// How far the outlet came whose last line this is.
fn reached_by(line: &[u8]) -> Option<Reached> {
    let line: Value = serde_json::from_slice(line).ok()?;
    Some(Reached {
        journal: line.get("journal")?.as_str()?.to_owned(),
        seq: line.get("seq")?.as_i64()?,
    })
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// Where the last whole line ends, and the line.
fn last_line(file: &mut File) -> std::io::Result<(u64, Option<Vec<u8>>)> {
    const STEP: u64 = 64 * 1024;
    let mut tail = Vec::new();
    let mut from = file.seek(SeekFrom::End(0))?;
    loop {
        if let Some(end) = memchr::memrchr(b'\n', &tail) {
            let before = tail.get(..end).unwrap_or_default();
            let begin = memchr::memrchr(b'\n', before).map(|at| at + 1);
            if begin.is_some() || from == 0 {
                let line = before.get(begin.unwrap_or(0)..).unwrap_or_default();
                return Ok((from + end as u64 + 1, Some(line.to_vec())));
            }
        } else if from == 0 {
            return Ok((0, None));
        }
        let step = from.min(STEP);
        from -= step;
        file.seek(SeekFrom::Start(from))?;
        let mut more = vec![0; usize::try_from(step).unwrap_or(0)];
        file.read_exact(&mut more)?;
        more.extend_from_slice(&tail);
        tail = more;
    }
}

#[async_trait]
impl Outlet for FileOutlet {
    async fn reached(&mut self) -> Result<Option<Reached>, OutletError> {
        Ok(self.reached.clone())
    }

    async fn take(&mut self, events: &[(String, String)]) -> Result<(), OutletError> {
        let mut lines = String::new();
        for (_, line) in events {
            lines.push_str(line);
            lines.push('\n');
        }
        let written = self.file.write_all(lines.as_bytes());
        // Before the journal forgets them.
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            let path = self.path.display().to_string();
            return Err(match self.cut() {
                Ok(()) if is_full(&error) => OutletError::Full(path),
                _ => OutletError::Lost(path, error),
            });
        }
        self.length += lines.len() as u64;
        let last = events
            .last()
            .and_then(|(_, line)| reached_by(line.as_bytes()));
        self.reached = last.or(self.reached.take());
        Ok(())
    }
}

/// A command that is run for each event: the line on its standard input, the id in `CAPSULE_EVENT_ID`. No shell is between.
pub struct Command {
    program: std::ffi::OsString,
    arguments: Vec<std::ffi::OsString>,
}

impl Command {
    /// The program and its arguments.
    pub fn new(
        program: impl Into<std::ffi::OsString>,
        arguments: impl IntoIterator<Item = std::ffi::OsString>,
    ) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
        }
    }

    async fn run(&self, id: &str, line: &str) -> Result<(), String> {
        let mut child = tokio::process::Command::new(&self.program)
            .args(&self.arguments)
            .env("CAPSULE_EVENT_ID", id)
            .stdin(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("{} can't be run: {error}", self.program.display()))?;
        if let Some(mut input) = child.stdin.take() {
            // A command that does not read its input is no failure.
            let _ = input.write_all(format!("{line}\n").as_bytes()).await;
        }
        let status = child.wait().await.map_err(|error| error.to_string())?;
        if status.success() {
            return Ok(());
        }
        Err(format!("{} ended with {status}", self.program.display()))
    }
}

#[async_trait]
impl Outlet for Command {
    fn batch(&self) -> u32 {
        1
    }

    async fn take(&mut self, events: &[(String, String)]) -> Result<(), OutletError> {
        for (id, line) in events {
            tokio::time::timeout(PATIENCE, self.run(id, line))
                .await
                .unwrap_or_else(|_| {
                    Err(format!(
                        "{} took more than a minute",
                        self.program.display()
                    ))
                })
                .map_err(OutletError::Refused)?;
        }
        Ok(())
    }
}
