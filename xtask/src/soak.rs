//! The soak of the listener at full length, and its mutants: changes of the sources by which events would be lost, doubled or made up. A soak
//! that does not notice them would prove nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::guest;
use crate::step;

/// Edits of each run, and seeds.
const EDITS: &str = "50000";
const SEEDS: &str = "20";
/// The same for a mutant: as many edits as the tests of every day have, and seeds until it is noticed. The report names the seed.
const MUTANT_EDITS: &str = "330";
const MUTANT_SEEDS: &str = "12";
/// For all seeds of a mutant, on a machine that has something else to do.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A change that must be noticed.
struct Mutant {
    name: &'static str,
    file: &'static str,
    from: &'static str,
    to: &'static str,
    /// The test that has to fail.
    test: &'static str,
    /// What it has to say when it fails: a mutant that fails for another reason was not noticed.
    says: &'static str,
}

const KILL: &str = "crash::what_was_acknowledged_survives_a_kill";
const SOAK: &str = "nothing_is_missed_doubled_or_made_up_by_hook_and_by_poll";

const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "overlap 0",
        file: "src/triggers/poll.rs",
        from: "pub(super) const OVERLAP: Seconds = 300;",
        to: "pub(super) const OVERLAP: Seconds = 0;",
        test: SOAK,
        says: "missed",
    },
    Mutant {
        name: "settle 0",
        file: "src/triggers/poll.rs",
        from: "const SETTLE: Seconds = 2;",
        to: "const SETTLE: Seconds = 0;",
        test: SOAK,
        says: "stale",
    },
    Mutant {
        name: "the low mark goes to the newest change",
        file: "src/triggers/poll.rs",
        from: "    self.cursor.scan = Some(scan);\n                self.out.more = true;\n                return Ok(());",
        to: "    self.cursor.low = self.cursor.low.max(self.newest.unwrap_or(0) - SETTLE);\n                self.cursor.scan = None;\n                self.out.more = true;\n                return Ok(());",
        test: SOAK,
        says: "missed",
    },
    Mutant {
        name: "close check off",
        file: "src/triggers/poll.rs",
        from: "        if scan.pass < 2 || (scan.news && scan.pass < MOST_PASSES) {",
        to: "        if scan.pass > 0 {\n            return Ok(true);\n        }\n        if scan.pass < 2 || (scan.news && scan.pass < MOST_PASSES) {",
        test: SOAK,
        says: "missed",
    },
    Mutant {
        name: "dedupe off",
        file: "host-test/src/listen/journal/mod.rs",
        from: "if new == 0 || !is_news(t, event, now)? {",
        to: "if new > 1 || !is_news(t, event, now)? {",
        test: SOAK,
        says: "doubled",
    },
    Mutant {
        name: "listener key dropped",
        file: "host-test/src/listen/journal/mod.rs",
        from: "digest(&[&event.listener, &event.id])",
        to: "digest(&[&event.id])",
        test: SOAK,
        says: "missed",
    },
    Mutant {
        name: "cursor taken after the hooks are made",
        file: "host-test/src/listen/feeds.rs",
        from: "        self.begin_feeds().await?;\n        if self.inner.options.public_url.is_some() {\n            self.at(\"feeds have positions\");\n            let missed = self.keep_hooks().await?;",
        to: "        if self.inner.options.public_url.is_none() {\n            self.begin_feeds().await?;\n        } else {\n            self.at(\"feeds have positions\");\n            let missed = self.keep_hooks().await?;\n            self.begin_feeds().await?;",
        test: SOAK,
        says: "missed",
    },
    Mutant {
        name: "acknowledgement before the commit",
        file: "host-test/src/listen/door.rs",
        from: "        let stored = tokio::time::timeout(COMMIT, journal.take_in(arrival, self.now())).await;",
        to: "        let (later, now) = (self.clone(), self.now());\n        tokio::spawn(async move {\n            tokio::time::sleep(Duration::from_millis(500)).await;\n            later.inner.journal.take_in(arrival, now).await\n        });\n        let stored = Ok::<_, ()>(Ok::<_, ()>(0_usize));",
        test: KILL,
        says: "all of them: not within",
    },
];

/// Runs the soak: `--edits N`, `--seeds N`, `--from SEED`, `--json`. It prints a table, or JSON where that is asked for or nobody looks.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let (mut edits, mut seeds) = (EDITS.to_owned(), SEEDS.to_owned());
    let (mut from, mut json) = (None, false);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--json" {
            json = true;
            continue;
        }
        let value = rest.next().filter(|value| value.parse::<u32>().is_ok());
        let value = value.with_context(|| format!("{argument} needs a number"))?;
        match argument.as_str() {
            "--edits" => edits.clone_from(value),
            "--seeds" => seeds.clone_from(value),
            "--from" => from = Some(value),
            other => bail!(
                "`cargo xtask soak` takes --edits N, --seeds N, --from SEED and --json, got `{other}`"
            ),
        }
    }
    let components = guest::build(root)?;
    let mut soak = soak(root, &root.join("target"), SOAK, &edits, &seeds);
    components.name_in(&mut soak);
    // The host and the fake are half of the time of a run this long, so compiling them for speed pays within minutes. What they depend on is
    // compiled so already.
    soak.env("CARGO_PROFILE_DEV_OPT_LEVEL", "3");
    if let Some(from) = from {
        soak.env("SOAK_FROM", from);
    }
    if json {
        soak.env("SOAK_JSON", "1");
    }
    step::run("the soak", &mut soak)
}

fn soak(root: &Path, target: &Path, test: &str, edits: &str, seeds: &str) -> Command {
    let mut cargo = crate::cargo(root);
    cargo
        .args([
            "test",
            "--workspace",
            "--test",
            "soak",
            "--",
            "--nocapture",
            "--exact",
            test,
        ])
        .env("SOAK_EDITS", edits)
        .env("SOAK_SEEDS", seeds)
        .env("CARGO_TARGET_DIR", target);
    cargo
}

/// Tries every mutant, or those whose name has a text in it: fails if one is not noticed.
pub(crate) fn mutants(root: &Path, arguments: &[String]) -> Result<()> {
    let copy = root.join("target/mutants/source");
    let target = root.join("target/mutants/target");
    let wanted = |mutant: &&Mutant| {
        arguments.is_empty()
            || arguments
                .iter()
                .any(|text| mutant.name.contains(text.as_str()))
    };
    // What fails by itself would be taken for noticed.
    lay_out(root, &copy)?;
    let components = guest::build(&copy)?;
    for test in [SOAK, KILL] {
        let mut sound = soak(&copy, &target, test, MUTANT_EDITS, MUTANT_SEEDS);
        components.name_in(&mut sound);
        step::run("the sources as they are, which have to pass", &mut sound)?;
    }
    let mut survivors = Vec::new();
    for mutant in MUTANTS.iter().filter(wanted) {
        lay_out(root, &copy)?;
        let path = copy.join(mutant.file);
        let source = std::fs::read_to_string(&path)?;
        if source.matches(mutant.from).count() != 1 {
            bail!(
                "the mutant `{}` does not fit {} any more: bring it up to date",
                mutant.name,
                mutant.file
            );
        }
        std::fs::write(&path, source.replacen(mutant.from, mutant.to, 1))?;
        let components = guest::build(&copy)?;
        // A mutant that does not compile would pass for one that was noticed.
        let mut build = crate::cargo(&copy);
        build
            .args(["test", "--workspace", "--test", "soak", "--no-run"])
            .env("CARGO_TARGET_DIR", &target);
        step::run(
            &format!("compiling the mutant `{}`", mutant.name),
            &mut build,
        )?;
        let mut soak = soak(&copy, &target, mutant.test, MUTANT_EDITS, MUTANT_SEEDS);
        components.name_in(&mut soak);
        let log = root.join(format!(
            "target/mutants/{}.log",
            mutant.name.replace(' ', "-")
        ));
        step::say(format_args!(
            "the mutant `{}`: {}",
            mutant.name,
            log.display()
        ));
        let passed = step::run_quietly(&mut soak, &log, PATIENCE).is_ok();
        let told = std::fs::read_to_string(&log)?;
        match (passed, reason(&told)) {
            (false, Some(why)) if why.contains(mutant.says) => {
                println!("noticed: {}: {why}", mutant.name);
            }
            (passed, why) => {
                let why = why.filter(|_| !passed);
                println!(
                    "NOT NOTICED: {}: `{}` was to be said, and {} was",
                    mutant.name,
                    mutant.says,
                    why.as_deref().unwrap_or("nothing")
                );
                survivors.push(mutant.name);
            }
        }
    }
    if survivors.is_empty() {
        return Ok(());
    }
    bail!("not noticed: {}", survivors.join(", "))
}

/// Why a test failed: what it said when it panicked, its first line.
fn reason(told: &str) -> Option<String> {
    let mut lines = told
        .lines()
        .skip_while(|line| !(line.starts_with("thread '") && line.contains("panicked at")));
    lines.nth(1).map(ToOwned::to_owned)
}

/// Copies the sources, those that git knows and those that it would. What is the same stays untouched, so that little is compiled.
fn lay_out(root: &Path, copy: &Path) -> Result<()> {
    let mut list = Command::new("git");
    list.current_dir(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let files = step::output(&mut list)?;
    for file in files.split('\0').filter(|file| !file.is_empty()) {
        let (from, to) = (root.join(file), copy.join(file));
        let Ok(bytes) = std::fs::read(&from) else {
            continue;
        };
        if std::fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        let folder: PathBuf = to
            .parent()
            .context("a file lies in a folder")?
            .to_path_buf();
        std::fs::create_dir_all(folder)?;
        std::fs::write(&to, bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_the_test_said() {
        let told = "running 1 test\nseed 3 by poll: 2 stale\n\nthread 'nothing' (71) panicked at soak/main.rs:5:1:\nseed 3 by poll: 2 stale\nnote: run with\n";
        assert_eq!(reason(told).as_deref(), Some("seed 3 by poll: 2 stale"));
        assert_eq!(reason("running 1 test\ntest nothing ... ok\n"), None);
    }

    #[test]
    fn every_mutant_fits_its_source_once() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for mutant in MUTANTS {
            let source = std::fs::read_to_string(root.join(mutant.file)).unwrap();
            assert_eq!(source.matches(mutant.from).count(), 1, "{}", mutant.name);
        }
    }
}
