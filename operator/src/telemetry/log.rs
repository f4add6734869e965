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
    let (kind, namespace, name) = note.object.as_ref().map_or(("", "", ""), |object| {
        (object.kind.name(), object.namespace.as_str(), object.name.as_str())
    });
    let message = note.message.as_str();
    match note.level {
        Level::Warn => tracing::warn!(kind, namespace, name, "{message}"),
        Level::Info => tracing::info!(kind, namespace, name, "{message}"),
        Level::Debug => tracing::debug!(kind, namespace, name, "{message}"),
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
