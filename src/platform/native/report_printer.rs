//! Parts of the inspecting commands: they read their input, print each step, and print the
//! findings.

use std::error::Error;
use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};

use crate::accounts::domain::verification::report::{StepFailure, StepOutcome, VerificationStep};
use crate::platform::native::output;

/// Reads the file, or standard input if there is no file or it is `-`.
pub(super) fn input(file: Option<&Path>) -> Result<Vec<u8>, Box<dyn Error>> {
    if let Some(file) = file.filter(|file| file.as_os_str() != "-") {
        return std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()).into());
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads whole bytes from hexadecimal text.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = text.as_bytes().chunks_exact(2);
    let whole = pairs.remainder().is_empty();
    let bytes = pairs
        .map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.last()?)?))
        .collect::<Option<Vec<_>>>();
    bytes.filter(|_| whole)
}

/// Prints the steps and then the findings, by title and name.
pub(super) fn print(json: bool, section: &str, steps: &[VerificationStep], found: &Value) {
    if json {
        let steps: Vec<_> = steps.iter().map(|step| step_json(section, step)).collect();
        let passed = !steps
            .iter()
            .any(|step| step.get("passed") == Some(&Value::Bool(false)));
        let mut report = json!({"section": section, "passed": passed, "steps": steps});
        if let (Some(report), Some(found)) = (report.as_object_mut(), found.as_object()) {
            report.extend(found.clone());
        }
        output::line(format_args!("{report:#}"));
        return;
    }
    for step in steps {
        let (word, more) = match &step.outcome {
            StepOutcome::Passed(None) => ("passed", String::new()),
            StepOutcome::Passed(Some(more)) => ("passed", format!(" ({more})")),
            StepOutcome::NotTaken(reason) => ("passed", format!(" ({reason})")),
            StepOutcome::Failed(StepFailure {
                reason,
                found: None,
            }) => ("FAILED", format!(": {reason}")),
            StepOutcome::Failed(StepFailure {
                reason,
                found: Some(found),
            }) => ("FAILED", format!(": {reason}: {found}")),
        };
        output::line(format_args!(
            "{}",
            printable(&format!(
                "{section} step {:>2}  {word}  {}{more}",
                step.number, step.demand
            ))
        ));
    }
    for (title, members) in found.as_object().into_iter().flatten() {
        output::line(format_args!("\n{title}"));
        for (name, value) in members
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null())
        {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            output::line(format_args!(
                "{}",
                printable(&format!("  {name:<20} {value}"))
            ));
        }
    }
}

/// Removes control characters, because input of a client must not move the terminal's cursor.
fn printable(line: &str) -> String {
    line.chars()
        .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
        .collect()
}

fn step_json(section: &str, step: &VerificationStep) -> Value {
    let (passed, reason, found) = match &step.outcome {
        StepOutcome::Passed(more) => (true, None, more.as_deref()),
        StepOutcome::Failed(failure) => (false, Some(failure.reason), failure.found.as_deref()),
        // A step that was not taken counts as passed. The member `taken` shows the difference.
        StepOutcome::NotTaken(reason) => (true, None, Some(*reason)),
    };
    let taken = !matches!(step.outcome, StepOutcome::NotTaken(_));
    json!({
        "section": section,
        "step": step.number,
        "demand": step.demand,
        "passed": passed,
        "taken": taken,
        "reason": reason,
        "found": found,
    })
}

/// Returns a step that needs the server's database.
pub(super) fn only_the_server(number: u8, demand: &'static str) -> VerificationStep {
    VerificationStep {
        number,
        demand,
        outcome: StepOutcome::NotTaken("not checked here: needs the server's database"),
    }
}
