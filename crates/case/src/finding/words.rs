//! The words of findings: kinds, states, answers. All are stored by name; the names never change.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item_doc:meta])* $item:ident $text:literal $ja:literal $en:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$item_doc])* $item,)* }

        impl $name {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$item,)*];

            /// The stored name.
            #[must_use]
            pub const fn name(self) -> &'static str { match self { $(Self::$item => $text,)* } }

            /// The one of a stored name.
            #[must_use]
            pub fn of_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == name)
            }

            /// In Japanese.
            #[must_use]
            pub const fn label_ja(self) -> &'static str { match self { $(Self::$item => $ja,)* } }

            /// In English.
            #[must_use]
            pub const fn label_en(self) -> &'static str { match self { $(Self::$item => $en,)* } }
        }
    };
}

pub(crate) use words;

words! {
    /// What is wrong.
    Kind {
        /// Nobody permitted it.
        Unapproved "unapproved" "未申請" "Not approved";
        /// A program outside every package was run and never asked for.
        Portable "portable" "未申請の実行ファイル" "Portable program";
        /// It was denied.
        Denied "denied" "使用不可" "Denied";
        /// Its permission was taken back.
        Revoked "revoked" "許可の取り消し" "Revoked";
        /// A condition of its permission does not hold.
        ConditionBroken "condition_broken" "条件違反" "Condition broken";
        /// A version or file that nobody looked at.
        NewVersion "new_version" "未確認の新しい版" "New version";
        /// It gets no more updates.
        EndOfLife "end_of_life" "サポート終了" "End of life";
    }
}

words! {
    /// Where a finding stands.
    Status {
        /// Found; nobody was told yet.
        Open "open" "新規" "Open";
        /// The person at the device was told.
        Notified "notified" "連絡済み" "Notified";
        /// That person wants to ask for permission and has not yet.
        Acknowledged "acknowledged" "申請予定" "Acknowledged";
        /// A request was filed.
        RequestFiled "request_filed" "申請中" "Request filed";
        /// That person says it is removed.
        RemovalPromised "removal_promised" "削除の回答あり" "Removal promised";
        /// That person says it is not his.
        Disputed "disputed" "覚えがないとの回答" "Disputed";
        /// It seems gone and is not proved yet.
        Verifying "verifying" "確認中" "Verifying";
        /// The team lives with it for a time.
        RiskAccepted "risk_accepted" "リスク受容" "Risk accepted";
        /// Closed.
        Resolved "resolved" "解決" "Resolved";
    }
}

words! {
    /// Why a finding was closed.
    Closing {
        /// It is gone: proved by a later look of every source that saw it.
        Removed "removed" "削除を確認" "Removed";
        /// It is permitted now.
        Approved "approved" "許可" "Approved";
        /// An exclusion covers it.
        Excluded "excluded" "除外" "Excluded";
        /// It is something else than was thought.
        Misidentified "misidentified" "別のソフトウェアと判明" "Misidentified";
        /// Another kind of finding stands instead.
        Superseded "superseded" "別の種類の検出に変更" "Superseded";
        /// The device is gone for good.
        DeviceRetired "device_retired" "端末の廃止" "Device retired";
    }
}

words! {
    /// What the person at the device may answer with one click.
    Answer {
        /// I will ask for permission.
        RequestNow "request_now" "申請する" "Request it";
        /// I removed it.
        Removed "removed" "削除した" "I removed it";
        /// I know nothing of it.
        NotMine "not_mine" "覚えがない" "Not mine";
    }
}

words! {
    /// What the team answers to "not mine".
    Ruling {
        /// It is on the person's device all the same.
        Stands "stands" "対応をお願いする" "It stands";
        /// The team removes it.
        TakenOver "taken_over" "担当者が対応する" "Taken over";
    }
}

words! {
    /// How far the ladder of messages got.
    Rung {
        /// No message yet.
        Grace "grace" "連絡前" "Not told yet";
        /// The product's first message.
        Bot "bot" "自動連絡" "Told by the product";
        /// The product's first reminder.
        Reminded "reminded" "催促 1 回" "Reminded";
        /// Its second.
        RemindedAgain "reminded_again" "催促 2 回" "Reminded twice";
        /// A draft waits for somebody of the team.
        Drafted "drafted" "担当者の下書き" "Draft waits";
        /// A named person wrote.
        PersonSent "person_sent" "担当者から連絡" "Told by a person";
        /// The manager was told.
        ManagerTold "manager_told" "上長へ連絡" "Manager told";
    }
}

impl Kind {
    /// Whether the person at the device is asked to do something. A new version is the reviewers' affair.
    #[must_use]
    pub const fn asks_person(self) -> bool {
        !matches!(self, Self::NewVersion)
    }

    /// Whether asking for permission is an answer.
    #[must_use]
    pub const fn may_be_requested(self) -> bool {
        matches!(self, Self::Unapproved | Self::Portable)
    }

    /// Whether it counts also for software that was there before recording began: what somebody decided against
    /// needs no baseline.
    #[must_use]
    pub const fn ignores_baseline(self) -> bool {
        !self.may_be_requested()
    }
}
