//! Processes of a cluster: who they are beyond their id, what they use, and how they are ended.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};

/// How often anything that is waited for is looked at again.
pub(crate) const POLL: Duration = Duration::from_millis(25);

/// A process id that cannot be mistaken for a later process with the same number.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct Identity {
    /// The process id as the machine sees it.
    pub(crate) pid: u32,
    /// Start of the process in clock ticks since boot.
    pub(crate) started: u64,
    /// The boot that the ticks count from.
    pub(crate) boot: String,
}

impl Identity {
    /// The identity of a process that runs now.
    ///
    /// # Errors
    /// When there is no such process.
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
            .with_context(|| format!("there is no process {pid}"))?;
        let Some(Stat { started, .. }) = Stat::parse(&stat) else {
            bail!("/proc/{pid}/stat cannot be understood: {stat}")
        };
        Ok(Self { pid, started, boot: boot_id()? })
    }

    /// Whether this very process still runs; a zombie does not.
    pub(crate) fn is_alive(&self) -> bool {
        let Ok(stat) = fs::read_to_string(format!("/proc/{}/stat", self.pid)) else { return false };
        boot_id().is_ok_and(|boot| self.matches(&stat, &boot))
    }

    fn matches(&self, stat: &str, boot: &str) -> bool {
        self.boot == boot
            && Stat::parse(stat).is_some_and(|stat| stat.started == self.started && !stat.is_dead())
    }
}

fn boot_id() -> Result<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").context("/proc is not mounted")?;
    Ok(text.trim().to_owned())
}

/// What is used of `/proc/PID/stat`.
struct Stat {
    state: char,
    parent: u32,
    started: u64,
}

impl Stat {
    /// `None` when the text is no such line. The name of the program is in parentheses and may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        // `starttime` is field 22, counted from 1 with the id and the name.
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { state, parent, started })
    }

    fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Resident memory of a process in MiB; `None` when it is gone.
pub(crate) fn resident_mib(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    Some(kib / 1024)
}

/// This process and all that it descends from.
pub(crate) fn ancestry() -> Vec<u32> {
    let mut line = vec![std::process::id()];
    while let Some(parent) = line.last().and_then(|pid| parent_of(*pid)) {
        line.push(parent);
    }
    line
}

fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Stat::parse(&stat).map(|stat| stat.parent).filter(|parent| *parent > 0)
}

/// Sends SIGKILL: nothing that a cluster keeps is worth the time of an orderly end.
pub(crate) fn kill(pid: u32) {
    // The shell's own `kill`: the program of that name is missing on slim systems. A process that is already gone is
    // what is wanted.
    let _already_gone = Command::new("sh")
        .args(["-c", "kill -KILL \"$0\"", &pid.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// Looks again and again until `look` returns a value.
///
/// # Errors
/// After `limit`, with what was waited for and the last reason that `look` gave; and whatever `look` fails with.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let begin = Instant::now();
    loop {
        match look()? {
            Ok(value) => return Ok(value),
            Err(reason) if begin.elapsed() > limit => {
                bail!("waited {} s for {what}: {reason}", limit.as_secs())
            }
            Err(_not_yet) => thread::sleep(POLL),
        }
    }
}

/// Runs a command to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started, exits with anything but 0 (with its standard error), or takes longer than `limit`.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<String> {
    let line = describe(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let printed = drain(child.stdout.take());
    let complaint = drain(child.stderr.take());
    let status = wait(&mut child, limit).with_context(|| format!("`{line}`"))?;
    let (printed, complaint) = (join(printed), join(complaint));
    if !status.success() {
        bail!("`{line}` failed ({status}): {}", shorten(complaint.trim()));
    }
    Ok(printed)
}

/// The beginning of a text that may be as long as all that a server holds.
fn shorten(text: &str) -> String {
    const SHOWN: usize = 2000;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push_str(" ...");
    }
    shown
}

/// Waits for a child; ends it after the limit.
fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus> {
    let begin = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if begin.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            bail!("did not end within {} s", limit.as_secs());
        }
        thread::sleep(POLL);
    }
}

fn drain(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            // What was read before an error is all there is to show.
            let _shown_as_far_as_read = stream.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn join(reader: thread::JoinHandle<String>) -> String {
    reader.join().unwrap_or_default()
}

/// The command as a person would type it, without quoting.
pub(crate) fn describe(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str =
        "77 (a) b (c)) S 12 77 77 0 -1 4194304 1 0 0 0 5 6 0 0 20 0 1 0 4242 1000 10 18446744073709551615 1";

    fn identity() -> Identity {
        Identity { pid: 77, started: 4242, boot: "b1".to_owned() }
    }

    #[test]
    fn name_with_parentheses_does_not_shift_the_fields() {
        let stat = Stat::parse(STAT).unwrap();
        assert_eq!((stat.state, stat.parent, stat.started), ('S', 12, 4242));
    }

    #[test]
    fn same_start_and_boot_is_the_same_process() {
        assert!(identity().matches(STAT, "b1"));
    }

    #[test]
    fn reused_process_id_is_another_process() {
        assert!(!identity().matches(&STAT.replace("4242", "4243"), "b1"));
    }

    #[test]
    fn same_numbers_after_a_reboot_are_another_process() {
        assert!(!identity().matches(STAT, "b2"));
    }

    #[test]
    fn zombie_is_not_alive() {
        assert!(!identity().matches(&STAT.replace(" S ", " Z "), "b1"));
    }

    #[test]
    fn own_process_is_alive_and_descends_from_its_parent() {
        let own = Identity::of(std::process::id()).unwrap();
        assert!(own.is_alive());
        assert!(ancestry().len() > 1, "a test has a parent");
        assert!(resident_mib(own.pid).is_some_and(|mib| mib > 0));
    }

    #[test]
    fn command_that_takes_too_long_is_ended_and_named() {
        let error = output(Command::new("sleep").arg("60"), Duration::from_millis(50)).unwrap_err();
        assert!(format!("{error:#}").contains("`sleep 60`"), "{error:#}");
    }

    #[test]
    fn failure_carries_what_the_command_said() {
        let error =
            output(Command::new("sh").args(["-c", "echo broken >&2; exit 3"]), Duration::from_secs(10))
                .unwrap_err();
        assert!(format!("{error:#}").contains("broken"), "{error:#}");
    }

    #[test]
    fn endless_complaint_is_cut() {
        assert_eq!(shorten("short"), "short");
        assert_eq!(shorten(&"ä".repeat(5000)).chars().count(), 2004);
    }

    #[test]
    fn wait_says_what_it_waited_for_and_why_not() {
        let error = wait_for::<()>("the moon", Duration::ZERO, || Ok(Err("clouds".to_owned()))).unwrap_err();
        assert_eq!(error.to_string(), "waited 0 s for the moon: clouds");
    }
}
