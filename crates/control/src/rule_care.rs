//! What the server says about the surroundings of rules, and what was counted of them.

use crate::rule_health::Supplies;
use crate::view::rule_lists::{RuleListFile, RulePack};
use crate::{Actor, Control, ControlError, Permission};
use model::Timestamp;
use std::sync::{Mutex, PoisonError, RwLock};

/// Kept in memory for as long as the program runs.
#[derive(Debug, Default)]
pub(crate) struct RuleCare {
    pub(crate) supplies: Supplies,
    pub(crate) list_files: RwLock<Vec<RuleListFile>>,
    packs: RwLock<Vec<RulePack>>,
    /// When lists were last compared with those that the rules were compiled with, and the digest.
    pub(crate) lists_compared: Mutex<Option<(Timestamp, String)>>,
}

impl Control {
    /// Says which packs of rules there are from now on; they are shown, not judged by.
    pub fn show_rule_packs(&self, packs: Vec<RulePack>) {
        *self.rule_care.packs.write().unwrap_or_else(PoisonError::into_inner) = packs;
    }

    /// The packs of rules, those that were refused among them.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn rule_packs(&self, actor: &Actor) -> Result<Vec<RulePack>, ControlError> {
        self.require(actor, &[Permission::ReadRules], "rule_packs").await?;
        Ok(self.rule_care.packs.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
