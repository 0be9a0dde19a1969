//! What time itself causes: called by the server every few seconds.

use crate::{Control, ControlError};

impl Control {
    /// Does what is due by now. Each part is a short round of its own, so a failure of one is tried again with
    /// the next call and holds nothing else up for longer.
    ///
    /// # Errors
    /// The first part's that failed, after every part had its turn.
    pub async fn tick(&self) -> Result<(), ControlError> {
        let findings = self.tick_findings().await.map(drop);
        let requests = self.tick_requests().await;
        let decisions = self.tick_decisions().await;
        let files = self.sweep_attachments().await;
        let exclusions = self.expire_rule_exclusions().await.and(self.compare_rule_lists().await);
        let old = self.remove_old_detections().await;
        // Messages last: what the other parts wrote goes out in the same round.
        let messages = self.deliver_messages().await.map(drop);
        findings.and(requests).and(decisions).and(files).and(exclusions).and(old).and(messages)
    }
}
