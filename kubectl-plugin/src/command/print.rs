//! Writing to standard output. A reader that closes the pipe ends the command without an error.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cli::Output;
use crate::exit::Exit;

/// Prints a line.
pub(crate) fn line(text: &str) -> Result<Exit> {
    text_block(&format!("{text}\n"))
}

/// Prints a text as it is.
pub(crate) fn text_block(text: &str) -> Result<Exit> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(Exit::Ok),
    }
}

/// Prints errors, one per line, to standard error; the exit is the caller's.
pub(crate) fn complaints(lines: impl Iterator<Item = String>, exit: Exit) -> Result<Exit> {
    let mut out = std::io::stderr().lock();
    for line in lines {
        writeln!(out, "error: {line}").context("cannot write to standard error")?;
    }
    Ok(exit)
}

/// Prints data as JSON or YAML; nothing and `false` for a form that is for people.
pub(crate) fn data(value: &impl Serialize, output: Option<Output>) -> Result<bool> {
    let text = match output {
        Some(Output::Json) => serde_json::to_string_pretty(value).context("cannot write JSON")? + "\n",
        Some(Output::Yaml) => serde_saphyr::to_string(value).context("cannot write YAML")?,
        Some(Output::Wide) | None => return Ok(false),
    };
    text_block(&text)?;
    Ok(true)
}
