//! Faults that a case injects: into the database, and into the calls to the objects of channels.

use std::time::Duration;

use super::{Answer, Call, TestApp};

/// A fault to inject into the n-th batch from now.
#[derive(Clone, Debug)]
pub struct Fault {
    pub at: usize,
    pub mode: FaultMode,
    pub message: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultMode {
    /// The batch fails before any statement runs.
    Before,
    /// The batch takes effect and its answer is lost.
    After,
    /// The batch fails at this statement.
    Within(usize),
    /// The batch does not fail. It waits before its first statement until the plan is changed.
    Held,
}

/// A fault to inject into the n-th call to the object of a channel from now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjectFault {
    pub at: usize,
    pub mode: ObjectFaultMode,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ObjectFaultMode {
    /// The call does not reach the object, and neither does a repeated attempt.
    Before,
    /// The call takes effect and its answer is lost, also that of a repeated attempt.
    After,
    /// This call and all later ones do not reach their objects.
    Unreachable,
}

impl ObjectFault {
    /// Returns the mode of the fault that call number `call` meets, if there is one.
    pub fn of(faults: &[Self], call: usize) -> Option<ObjectFaultMode> {
        let hits = |fault: &&Self| match fault.mode {
            ObjectFaultMode::Unreachable => fault.at <= call,
            _ => fault.at == call,
        };
        faults.iter().find(hits).map(|fault| fault.mode)
    }
}

impl TestApp {
    /// Makes the next calls to the database fail.
    pub async fn fail(&self, faults: &[Fault]) {
        self.target.plan(faults).await;
    }

    /// Makes the next calls to the objects of channels fail.
    pub async fn fail_objects(&self, faults: &[ObjectFault]) {
        self.target.plan_objects(faults).await;
    }

    /// Sends `call` and stops it before its database call number `at`. Runs `other`, and then lets
    /// the call continue.
    pub async fn interleave(
        &self,
        call: Call<'_>,
        at: usize,
        other: impl Future<Output = ()>,
    ) -> Answer {
        let before = self.target.stats().await.batches;
        self.fail(&[Fault {
            at,
            mode: FaultMode::Held,
            message: "",
        }])
        .await;
        let other = async {
            while self.target.stats().await.batches <= before + at {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            other.await;
            self.fail(&[]).await;
        };
        futures::future::join(call.send(), other).await.0
    }
}
