//! The log: one line per decision, with fields. Values of Secrets never enter a field.

use engine::effect::{Level, Note};
use tracing_subscriber::EnvFilter;

use crate::cli::{Log, LogFormat, LogLevel};

/// Sends the log to standard error, as the command line wants it.
///
/// # Errors
/// If a log has been set up before.
pub(crate) fn init(log: &Log) -> anyhow::Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::new(filter(log.level)))
        .with_ansi(false);
    match log.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("the log cannot be set up: {error}"))
}

/// What is logged at a level: libraries speak only where they have trouble, or when everything is wanted.
const fn filter(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "warn,linnet=debug,kube_client=error,kube_runtime=error",
        LogLevel::Info => "warn,linnet=info,kube_client=error,kube_runtime=error",
        LogLevel::Warn => "warn,kube_client=error,kube_runtime=error",
        LogLevel::Error => "error",
    }
}

/// Writes a note of the engine.
pub(crate) fn note(note: &Note) {
    let (kind, namespace, name) = note
        .object
        .as_ref()
        .map_or(("", "", ""), |object| (object.kind.name(), object.namespace.as_str(), object.name.as_str()));
    let message = note.message.as_str();
    let line = Line { kind, namespace, name, message };
    match note.level {
        Level::Warn => line.warn(),
        Level::Info => line.info(),
        Level::Debug => line.debug(),
    }
}

/// What a note says, field by field.
struct Line<'a> {
    kind: &'static str,
    namespace: &'a str,
    name: &'a str,
    message: &'a str,
}

impl Line<'_> {
    fn warn(&self) {
        tracing::warn!(kind = self.kind, namespace = self.namespace, name = self.name, "{}", self.message);
    }

    fn info(&self) {
        tracing::info!(kind = self.kind, namespace = self.namespace, name = self.name, "{}", self.message);
    }

    fn debug(&self) {
        tracing::debug!(kind = self.kind, namespace = self.namespace, name = self.name, "{}", self.message);
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(LogLevel::Trace)]
    #[case(LogLevel::Debug)]
    #[case(LogLevel::Info)]
    #[case(LogLevel::Warn)]
    #[case(LogLevel::Error)]
    fn every_level_is_a_filter_that_can_be_read(#[case] level: LogLevel) {
        assert!(EnvFilter::try_new(filter(level)).is_ok());
    }
}
