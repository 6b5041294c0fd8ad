//! What happened at each step of a ceremony: the server stops at a failure and logs it, the command
//! line prints them all.

use std::fmt;

use crate::kernel::domain::failure::{Failure as UseCaseFailure, Rejection};

/// How a step ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It passed; sometimes with something worth knowing.
    Passed(Option<String>),
    /// It failed, for this reason.
    Failed(Failure),
    /// Nobody took it, for this reason: it is another's to take.
    NotTaken(&'static str),
}

/// Why a step failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Fit for a log: the same text for the same failure, nothing of the client's in it.
    pub reason: &'static str,
    /// For an integrator: what was found.
    pub found: Option<String>,
}

/// A step of the ceremony.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its number in the specification's section.
    pub number: u8,
    /// What it demands.
    pub demand: &'static str,
    /// How it ended.
    pub outcome: Outcome,
}

/// The steps that were taken, in order.
#[derive(Clone, Default, Debug)]
pub struct Steps(Vec<Step>);

impl Steps {
    /// Notes a step.
    pub(super) fn note(&mut self, number: u8, demand: &'static str, outcome: Outcome) {
        self.0.push(Step {
            number,
            demand,
            outcome,
        });
    }

    /// Notes a step that passed.
    pub(super) fn passed(
        &mut self,
        number: u8,
        demand: &'static str,
        worth_knowing: impl Into<Option<String>>,
    ) {
        self.note(number, demand, Outcome::Passed(worth_knowing.into()));
    }

    /// Notes a step that passed if `ok`.
    pub(super) fn check(
        &mut self,
        number: u8,
        demand: &'static str,
        ok: bool,
        reason: &'static str,
        found: impl FnOnce() -> Option<String>,
    ) {
        let outcome = if ok {
            Outcome::Passed(None)
        } else {
            Outcome::Failed(Failure {
                reason,
                found: found(),
            })
        };
        self.note(number, demand, outcome);
    }

    /// Whether a step has failed so far.
    pub(super) fn failed(&self) -> bool {
        self.0
            .iter()
            .any(|step| matches!(step.outcome, Outcome::Failed(_)))
    }

    /// Notes how a step that reads something ended, and gives what was read.
    pub(super) fn read<T>(
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
                    Outcome::Failed(Failure {
                        reason,
                        found: None,
                    }),
                );
                None
            }
        }
    }
}

/// A ceremony that was held against what was expected.
#[derive(Clone, Debug)]
pub struct Report<T> {
    /// The steps that were taken. A step that could not even be tried is missing.
    pub steps: Vec<Step>,
    /// What could be read, whether or not it is to be trusted.
    pub read: Option<T>,
}

impl<T> Report<T> {
    pub(super) fn new(steps: Steps, read: Option<T>) -> Self {
        Self {
            steps: steps.0,
            read,
        }
    }

    /// What was read, if every step passed.
    ///
    /// # Errors
    /// The first step that did not.
    pub fn accepted(self) -> Result<T, Refusal> {
        for step in &self.steps {
            if let Outcome::Failed(failure) = &step.outcome {
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

    /// Whether every step passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.read.is_some()
            && !self
                .steps
                .iter()
                .any(|step| matches!(step.outcome, Outcome::Failed(_)))
    }
}

/// The first step that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Its number in the specification's section; 0 for what comes before.
    pub step: u8,
    /// Why, fit for a log.
    pub reason: &'static str,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {}: {}", self.step, self.reason)
    }
}

impl std::error::Error for Refusal {}

impl<R: Rejection + From<Refusal>> From<Refusal> for UseCaseFailure<R> {
    fn from(refusal: Refusal) -> Self {
        Self::Rejected(refusal.into())
    }
}
