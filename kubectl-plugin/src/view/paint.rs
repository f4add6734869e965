//! Colours, where the reader wants them.

use std::io::IsTerminal;

/// A colour with a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// All is well.
    Green,
    /// Something is under way.
    Blue,
    /// Somebody or something is waited for.
    Yellow,
    /// Something is wrong.
    Red,
    /// Of little weight.
    Grey,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    on: bool,
}

impl Paint {
    /// Colours on a terminal, unless they are switched off by the flag or by `NO_COLOR` (any value but the empty one).
    pub(crate) fn for_stdout(no_color: bool) -> Self {
        let forbidden = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: !forbidden && std::io::stdout().is_terminal() }
    }

    /// No colours.
    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Self { on: false }
    }

    /// The text in a colour.
    pub(crate) fn text(self, colour: Colour, text: &str) -> String {
        if !self.on {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Green => 32,
            Colour::Blue => 34,
            Colour::Yellow => 33,
            Colour::Red => 31,
            Colour::Grey => 90,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
