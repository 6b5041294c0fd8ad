//! Standard output of the commands.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::process;

/// The exit code of a command whose reader closed the pipe. It is that of a shell for a process
/// that SIGPIPE ended.
const PIPE_CLOSED: i32 = 128 + 13;

/// Prints a line. Ends the process without a message if the reader closed the pipe.
pub(super) fn line(line: fmt::Arguments<'_>) {
    text(format_args!("{line}\n"));
}

/// Prints a text as [`line()`] does, without a line break at its end.
pub(super) fn text(text: fmt::Arguments<'_>) {
    let mut stdout = std::io::stdout();
    let Err(error) = stdout.write_fmt(text).and_then(|()| stdout.flush()) else {
        return;
    };
    if error.kind() == ErrorKind::BrokenPipe {
        process::exit(PIPE_CLOSED);
    }
    eprintln!("hamrah-api: the output cannot be written: {error}");
    process::exit(1);
}

/// Returns a number with the singular or the plural of its noun.
pub(super) fn counted(number: usize, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}
