//! Runs other programs, says what runs and how long it took.

use std::{
    fmt,
    fs::File,
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// A line about what xtask does, apart from the output of the programs that it runs.
pub(crate) fn say(line: impl fmt::Display) {
    eprintln!("xtask: {line}");
}

/// Runs `command` in the foreground; a failure is an error that names it.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<()> {
    say(format_args!("{what} ..."));
    let begun = Instant::now();
    let status = command.status().with_context(|| cannot_start(command))?;
    if !status.success() {
        bail!("{what}: {} ended with {status}", spelled(command));
    }
    say(format_args!("{what}: done after {}", elapsed(begun)));
    Ok(())
}

/// Runs `command` in the foreground and hands on its exit code, for programs whose code says more than good or bad.
pub(crate) fn run_for_exit_code(what: &str, command: &mut Command) -> Result<ExitCode> {
    say(format_args!("{what} ..."));
    let begun = Instant::now();
    let status = command.status().with_context(|| cannot_start(command))?;
    say(format_args!(
        "{what}: {} after {}",
        if status.success() { "done" } else { "failed" },
        elapsed(begun)
    ));
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}

/// What `command` prints, without the line's end. Its own complaints go into the error.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let bytes = output_bytes(command)?;
    let text = String::from_utf8(bytes)
        .with_context(|| format!("{} printed no UTF-8", spelled(command)))?;
    Ok(text.trim_end().to_owned())
}

/// What `command` prints, byte by byte.
pub(crate) fn output_bytes(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| cannot_start(command))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} ended with {}: {}",
            spelled(command),
            output.status,
            complaint.trim()
        );
    }
    Ok(output.stdout)
}

/// Runs `command` with its output in the file `log`, for at most `limit`. The error is one line: the program's own, from
/// which a chain of causes is taken out but for the last, or what became of it.
pub(crate) fn run_quietly(command: &mut Command, log: &Path, limit: Duration) -> Result<()> {
    let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| cannot_start(command))?;
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if begun.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("no result within {} s", limit.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    if status.success() {
        return Ok(());
    }
    let text = std::fs::read_to_string(log).unwrap_or_default();
    match text.lines().find_map(|line| line.strip_prefix("error: ")) {
        Some(reason) => bail!("{}", shortened(reason)),
        None => bail!("it ended with {status}"),
    }
}

/// Seconds to a tenth, or minutes and seconds.
pub(crate) fn elapsed(begun: Instant) -> String {
    let seconds = begun.elapsed().as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!(
            "{:.0} min {:.0} s",
            (seconds / 60.0).floor(),
            seconds % 60.0
        )
    }
}

/// First and last cause of `first: second: ...: last`.
fn shortened(reason: &str) -> String {
    match (reason.split_once(": "), reason.rsplit_once(": ")) {
        (Some((first, _)), Some((_, last))) => format!("{first}: {last}"),
        _ => reason.to_owned(),
    }
}

fn cannot_start(command: &Command) -> String {
    format!("cannot start {}", command.get_program().to_string_lossy())
}

/// Program and arguments as one would type them.
fn spelled(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(
        command
            .get_args()
            .map(|argument| argument.to_string_lossy()),
    );
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_chain_of_causes_first_and_last_stay() {
        assert_eq!(
            shortened("no download: GET http://x: connect: refused"),
            "no download: refused"
        );
        assert_eq!(shortened("no download: refused"), "no download: refused");
        assert_eq!(shortened("no download"), "no download");
    }
}
