//! STUB.
use crate::kernel::domain::failure::Fault;
use crate::kernel::model::ids::UserId;
use crate::relay::domain::Ports;
use crate::relay::domain::live::frames::{ClientFrame, ServerFrame};
/// x
pub const MOST_FRAME_BYTES: usize = 91_000;
/// x
#[derive(Debug)]
pub struct BadFrame;
impl BadFrame {
    /// x
    pub fn text(&self) -> String {
        String::new()
    }
}
/// x
#[derive(Debug)]
pub struct ReadFrame;
impl ReadFrame {
    /// x
    pub fn reference(&self) -> Option<String> {
        None
    }
    /// x
    /// # Errors
    pub fn into_client_frame(self, _: &Ports, _: UserId) -> Result<ClientFrame, Fault> {
        Ok(ClientFrame::Ping)
    }
}
/// x
/// # Errors
pub fn read(_: &str) -> Result<Option<ReadFrame>, BadFrame> {
    Ok(Some(ReadFrame))
}
/// x
pub fn write(frame: &ServerFrame) -> String {
    format!("{frame:?}")
}
