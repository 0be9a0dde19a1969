//! The tactics of MITRE ATT&CK: what an attacker wants with a step, in the order in which attacks usually go on.

/// A tactic of the enterprise matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tactic {
    /// TA0043.
    Reconnaissance,
    /// TA0042.
    ResourceDevelopment,
    /// TA0001.
    InitialAccess,
    /// TA0002.
    Execution,
    /// TA0003.
    Persistence,
    /// TA0004.
    PrivilegeEscalation,
    /// TA0005.
    DefenseEvasion,
    /// TA0006.
    CredentialAccess,
    /// TA0007.
    Discovery,
    /// TA0008.
    LateralMovement,
    /// TA0009.
    Collection,
    /// TA0011.
    CommandAndControl,
    /// TA0010.
    Exfiltration,
    /// TA0040.
    Impact,
}

impl Tactic {
    /// Every tactic, in the order of the matrix.
    pub const ALL: [Self; 14] = [
        Self::Reconnaissance,
        Self::ResourceDevelopment,
        Self::InitialAccess,
        Self::Execution,
        Self::Persistence,
        Self::PrivilegeEscalation,
        Self::DefenseEvasion,
        Self::CredentialAccess,
        Self::Discovery,
        Self::LateralMovement,
        Self::Collection,
        Self::CommandAndControl,
        Self::Exfiltration,
        Self::Impact,
    ];

    /// The name in a tag of a Sigma rule, behind `attack.`; also stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reconnaissance => "reconnaissance",
            Self::ResourceDevelopment => "resource-development",
            Self::InitialAccess => "initial-access",
            Self::Execution => "execution",
            Self::Persistence => "persistence",
            Self::PrivilegeEscalation => "privilege-escalation",
            Self::DefenseEvasion => "defense-evasion",
            Self::CredentialAccess => "credential-access",
            Self::Discovery => "discovery",
            Self::LateralMovement => "lateral-movement",
            Self::Collection => "collection",
            Self::CommandAndControl => "command-and-control",
            Self::Exfiltration => "exfiltration",
            Self::Impact => "impact",
        }
    }

    /// The tactic of a name; older tags write `_` for `-`.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase().replace('_', "-");
        Self::ALL.into_iter().find(|tactic| tactic.name() == name)
    }

    /// The tactics that the tags of a rule's text name, each once, in the order of the tags. For an alert of a
    /// correlation, whose text ends with the rules that it refers to, those of the correlation, or when it names
    /// none, those of the rules.
    #[must_use]
    pub fn of_rule_text(text: &str) -> Vec<Self> {
        let mut found = Vec::new();
        for line in text.lines() {
            if line.trim_end() == "---" && !found.is_empty() {
                break;
            }
            let Some(tag) = line.trim_start().strip_prefix("- ") else { continue };
            let tag = tag.trim().trim_matches(['\'', '"']);
            let tactic = tag.strip_prefix("attack.").and_then(Self::of_name);
            if let Some(tactic) = tactic.filter(|tactic| !found.contains(tactic)) {
                found.push(tactic);
            }
        }
        found
    }

    /// The name for a Japanese reader.
    #[must_use]
    pub const fn label_ja(self) -> &'static str {
        match self {
            Self::Reconnaissance => "偵察",
            Self::ResourceDevelopment => "攻撃準備",
            Self::InitialAccess => "初期侵入",
            Self::Execution => "実行",
            Self::Persistence => "永続化",
            Self::PrivilegeEscalation => "権限昇格",
            Self::DefenseEvasion => "防御回避",
            Self::CredentialAccess => "認証情報の窃取",
            Self::Discovery => "内部探索",
            Self::LateralMovement => "横展開",
            Self::Collection => "情報収集",
            Self::CommandAndControl => "遠隔操作（C2）",
            Self::Exfiltration => "持ち出し",
            Self::Impact => "破壊・影響",
        }
    }

    /// The name for an English reader.
    #[must_use]
    pub const fn label_en(self) -> &'static str {
        match self {
            Self::Reconnaissance => "Reconnaissance",
            Self::ResourceDevelopment => "Resource development",
            Self::InitialAccess => "Initial access",
            Self::Execution => "Execution",
            Self::Persistence => "Persistence",
            Self::PrivilegeEscalation => "Privilege escalation",
            Self::DefenseEvasion => "Defence evasion",
            Self::CredentialAccess => "Credential access",
            Self::Discovery => "Discovery",
            Self::LateralMovement => "Lateral movement",
            Self::Collection => "Collection",
            Self::CommandAndControl => "Command and control",
            Self::Exfiltration => "Exfiltration",
            Self::Impact => "Impact",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_name_tactics_in_their_order() {
        let rule = "title: T\ntags:\n    - attack.t1059.001\n    - 'attack.execution'\n    - attack.defense_evasion\n    - attack.execution\nlevel: high\n";
        assert_eq!(Tactic::of_rule_text(rule), [Tactic::Execution, Tactic::DefenseEvasion]);
        let below = format!("title: C\ncorrelation: {{}}\n---\n{rule}");
        assert_eq!(Tactic::of_rule_text(&below), Tactic::of_rule_text(rule));
        let own = format!("title: C\ntags:\n  - attack.impact\n---\n{rule}");
        assert_eq!(Tactic::of_rule_text(&own), [Tactic::Impact]);
        assert_eq!(Tactic::of_rule_text(""), []);
        for tactic in Tactic::ALL {
            assert_eq!(Tactic::of_name(tactic.name()), Some(tactic));
        }
    }
}
