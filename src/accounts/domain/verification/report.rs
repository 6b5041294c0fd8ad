//! The report of a ceremony, step by step. The server logs the first failure, and the command line
//! prints all steps.

use std::fmt;

use crate::kernel::domain::failure::{Failure, Rejection};

/// The outcome of a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StepOutcome {
    /// The step passed, sometimes with a remark.
    Passed(Option<String>),
    /// The step failed, for this reason.
    Failed(StepFailure),
    /// The step was not taken here, for this reason. Another component takes it.
    NotTaken(&'static str),
}

/// The reason why a step failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StepFailure {
    /// A text for the log, which is constant and holds no data of the client.
    pub reason: &'static str,
    /// The value that was found, for an integrator.
    pub found: Option<String>,
}

/// A step of the ceremony.
#[derive(Clone, Debug)]
pub struct VerificationStep {
    /// The number of the step in the section of the specification.
    pub number: u8,
    /// The demand of the step.
    pub demand: &'static str,
    /// The outcome.
    pub outcome: StepOutcome,
}

/// The checked steps, in order.
#[derive(Clone, Default, Debug)]
pub struct CheckList(Vec<VerificationStep>);

impl CheckList {
    /// Records a step.
    pub(crate) fn note(&mut self, number: u8, demand: &'static str, outcome: StepOutcome) {
        self.0.push(VerificationStep {
            number,
            demand,
            outcome,
        });
    }

    /// Records a step that passed.
    pub(crate) fn passed(
        &mut self,
        number: u8,
        demand: &'static str,
        remark: impl Into<Option<String>>,
    ) {
        self.note(number, demand, StepOutcome::Passed(remark.into()));
    }

    /// Records a step that passed if `ok`.
    pub(crate) fn check(
        &mut self,
        number: u8,
        demand: &'static str,
        ok: bool,
        reason: &'static str,
        found: impl FnOnce() -> Option<String>,
    ) {
        let outcome = if ok {
            StepOutcome::Passed(None)
        } else {
            StepOutcome::Failed(StepFailure {
                reason,
                found: found(),
            })
        };
        self.note(number, demand, outcome);
    }

    /// Returns true if a step has failed so far.
    pub(crate) fn failed(&self) -> bool {
        self.0
            .iter()
            .any(|step| matches!(step.outcome, StepOutcome::Failed(_)))
    }

    /// Records a step that reads a value. Returns the value if the step passed.
    pub(crate) fn read<T>(
        &mut self,
        number: u8,
        demand: &'static str,
        read: Result<T, &'static str>,
    ) -> Option<T> {
        match read {
            Ok(value) => {
                self.passed(number, demand, None);
                Some(value)
            }
            Err(reason) => {
                self.note(
                    number,
                    demand,
                    StepOutcome::Failed(StepFailure {
                        reason,
                        found: None,
                    }),
                );
                None
            }
        }
    }
}

/// The report of a verified ceremony.
#[derive(Clone, Debug)]
pub struct Report<T> {
    /// The steps. A step that could not be tried is missing.
    pub steps: Vec<VerificationStep>,
    /// The content that could be read. It can be trusted only if all steps passed.
    pub read: Option<T>,
}

impl<T> Report<T> {
    /// Creates the report of the checked steps.
    pub(crate) fn new(steps: CheckList, read: Option<T>) -> Self {
        Self {
            steps: steps.0,
            read,
        }
    }

    /// Returns the content if every step passed.
    ///
    /// # Errors
    /// Returns the first step that failed.
    pub fn accepted(self) -> Result<T, Refusal> {
        for step in &self.steps {
            if let StepOutcome::Failed(failure) = &step.outcome {
                return Err(Refusal {
                    step: step.number,
                    reason: failure.reason,
                });
            }
        }
        self.read.ok_or(Refusal {
            step: 0,
            reason: "the ceremony could not be read",
        })
    }

    /// Returns true if every step passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.read.is_some()
            && !self
                .steps
                .iter()
                .any(|step| matches!(step.outcome, StepOutcome::Failed(_)))
    }
}

/// The first step that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The number of the step in the section of the specification; 0 for checks before the first
    /// step.
    pub step: u8,
    /// The reason, for the log.
    pub reason: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.reason)
    }
}

impl std::error::Error for Refusal {}

impl<R: Rejection + From<Refusal>> From<Refusal> for Failure<R> {
    fn from(refusal: Refusal) -> Self {
        Self::Rejected(refusal.into())
    }
}
