//! The command line of the built-in server.

use std::time::Duration;

use crate::demo::errors::Share;
use crate::duration;

/// How one container of the built-in server behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// What it says it is.
    pub(crate) version: String,
    /// Share of application requests that are answered with 500.
    pub(crate) error_rate: Share,
    /// Time that every application request takes.
    pub(crate) latency: Duration,
    /// Time from start to the first accepted connection.
    pub(crate) startup: Duration,
    /// Time after which it exits with code 1.
    pub(crate) crash_after: Option<Duration>,
    /// Time it goes on answering after SIGTERM.
    pub(crate) drain: Duration,
    /// `/ready` never succeeds.
    pub(crate) never_ready: bool,
}

impl Settings {
    /// Settings without any argument.
    pub(crate) fn new(version: &str) -> Self {
        Self {
            version: version.to_owned(),
            error_rate: Share::default(),
            latency: Duration::ZERO,
            startup: Duration::ZERO,
            crash_after: None,
            drain: Duration::from_secs(1),
            never_ready: false,
        }
    }

    /// Reads `--name=value` and `--name value`; `version` is what counts without `--version`.
    ///
    /// # Errors
    ///
    /// A sentence that names the argument which is unknown, lacks its value, or has a bad one.
    pub(crate) fn parse(args: &[String], version: &str) -> Result<Self, String> {
        let mut settings = Self::new(version);
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            let (name, inline) = match arg.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (arg.as_str(), None),
            };
            if name == "--never-ready" {
                settings.never_ready = inline.is_none_or(|value| value != "false");
                continue;
            }
            let value = inline.or_else(|| rest.next().cloned());
            let value = value.ok_or_else(|| format!("the argument {name} needs a value"))?;
            settings.set(name, &value)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let time = || duration::parse(value).map_err(|error| format!("{name}: {error:#}"));
        match name {
            "--version" => value.clone_into(&mut self.version),
            "--error-rate" => {
                self.error_rate = Share::parse(value)
                    .ok_or_else(|| format!("{name}: {value:?} is not a share such as 0.05 or 5%"))?;
            }
            "--latency" => self.latency = time()?,
            "--startup" => self.startup = time()?,
            "--crash-after" => self.crash_after = Some(time()?),
            "--drain" => self.drain = time()?,
            _ => return Err(format!("unknown argument {name}")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(args: &[&str]) -> Result<Settings, String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Settings::parse(&args, "v1")
    }

    #[test]
    fn without_arguments_it_is_a_healthy_server_of_its_tag() {
        assert_eq!(parse(&[]).unwrap(), Settings::new("v1"));
    }

    #[test]
    fn every_argument_is_read_in_both_forms() {
        let want = Settings {
            version: "v2".to_owned(),
            error_rate: Share::parse("0.1").unwrap(),
            latency: Duration::from_millis(20),
            startup: Duration::from_millis(500),
            crash_after: Some(Duration::from_secs(3)),
            drain: Duration::from_secs(2),
            never_ready: true,
        };
        let joined = parse(&[
            "--version=v2",
            "--error-rate=0.1",
            "--latency=20ms",
            "--startup=500ms",
            "--crash-after=3s",
            "--drain=2s",
            "--never-ready",
        ]);
        assert_eq!(joined.unwrap(), want);
        let split = parse(&[
            "--version",
            "v2",
            "--error-rate",
            "10%",
            "--latency",
            "20ms",
            "--startup",
            "0.5s",
            "--crash-after",
            "3s",
            "--drain",
            "2s",
            "--never-ready=true",
        ]);
        assert_eq!(split.unwrap(), want);
    }

    #[rstest]
    #[case::unknown(&["--colour=blue"], "--colour")]
    #[case::no_value(&["--latency"], "--latency needs a value")]
    #[case::bad_time(&["--latency=fast"], "--latency")]
    #[case::bad_share(&["--error-rate=2"], "--error-rate")]
    fn a_bad_argument_is_named(#[case] args: &[&str], #[case] want: &str) {
        let error = parse(args).unwrap_err();
        assert!(error.contains(want), "{error}");
    }
}
