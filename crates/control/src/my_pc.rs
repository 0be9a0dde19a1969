//! "My PC": what an employee sees of his own devices: what is installed, what needs an answer, what is recorded and
//! what never, and how often people of which role looked.
//!
//! Invariant: only devices that the actor owns; no permission widens it.
//! Invariant: names of those who looked are not shown; the audit chain has them.

use crate::findings::{FINDING_ROW_SQL, finding_row};
use crate::ground::{is_fine, parsed};
use crate::limits::DAY_NS;
use crate::scope::statement;
use crate::view::findings::{InstalledRow, Looked, MyDevice, MyFinding, MyPc};
use crate::{Actor, Control, ControlError, Permission};
use case::finding::{Finding, Status};
use case::judgement::Verdict;
use model::Timestamp;
use model::inventory::SoftwareSource;
use sqlx::Row as _;
use std::collections::BTreeMap;

impl Control {
    /// The actor's own devices.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`].
    pub async fn my_pc(&self, actor: &Actor) -> Result<MyPc, ControlError> {
        self.require(actor, &[Permission::AnswerOwn], "my_pc").await?;
        let rows = sqlx::query(
            "SELECT d.id, d.name, COALESCE(v.looked_at, 0) FROM device AS d \
             LEFT JOIN inventory_device AS v ON v.device_id = d.id WHERE d.owner_id = $1 ORDER BY d.name, d.id",
        )
        .bind(actor.id().to_owned())
        .fetch_all(self.store.pool())
        .await?;
        let mut devices = Vec::new();
        let mut looked: BTreeMap<(String, String), (u64, i64)> = BTreeMap::new();
        for row in &rows {
            let id: String = row.try_get(0)?;
            let looked_at: i64 = row.try_get(2)?;
            devices.push(self.my_device(&id, row.try_get(1)?, looked_at).await?);
            self.looked_at(&id, &mut looked).await?;
        }
        let looked = looked.into_iter().map(|((action, roles), (times, last))| Looked {
            action,
            roles,
            times,
            last_at: Timestamp::from_nanos(last),
        });
        Ok(MyPc {
            devices,
            findings: self.my_findings(actor).await?,
            recorded: pairs(&RECORDED),
            never_recorded: pairs(&NEVER_RECORDED),
            looked: looked.collect(),
        })
    }

    async fn my_device(
        &self,
        id: &str,
        name: String,
        looked_at: i64,
    ) -> Result<MyDevice, ControlError> {
        let mut items = self.installed_on(id).await?;
        let all = items.len();
        items.retain(|item| item.verdict != Verdict::Excluded);
        let excluded = (all - items.len()) as u64;
        // What needs something first: a machine has thousands of packages.
        items.sort_by_key(|item: &InstalledRow| is_fine(item.verdict) || item.baseline);
        items.truncate(ITEMS_MAX);
        let device = crate::enrol::stored_device(id)?;
        let row = self.device_rows(&crate::Scope::All, Some(device)).await?.pop();
        let (not_recorded, not_recorded_ja) =
            row.map(|row| (row.not_recorded, row.not_recorded_ja)).unwrap_or_default();
        let looked_at = (looked_at > 0).then(|| Timestamp::from_nanos(looked_at));
        Ok(MyDevice { device, name, looked_at, items, excluded, not_recorded, not_recorded_ja })
    }

    async fn my_findings(&self, actor: &Actor) -> Result<Vec<MyFinding>, ControlError> {
        let recently = self.clock.now().plus_nanos(-30 * DAY_NS);
        let sql = format!(
            "{} WHERE d.owner_id = $1 AND (f.status <> 'resolved' OR f.closed_at > $2) \
             ORDER BY f.opened_at DESC, f.id LIMIT 500",
            FINDING_ROW_SQL.replace("f.request_id", "f.request_id, f.state, f.items")
        );
        let rows = statement(sql)
            .bind(actor.id().to_owned())
            .bind(recently.nanos())
            .fetch_all(self.store.pool())
            .await?;
        let mut findings = Vec::new();
        for row in &rows {
            let shown = finding_row(row)?;
            let state: Finding = parsed("finding", &shown.id, &row.try_get::<String, _>(16)?)?;
            let items: Vec<(SoftwareSource, String)> =
                parsed("finding", &shown.id, &row.try_get::<String, _>(17)?)?;
            let (why_ja, why_en) = case::message::why(shown.kind);
            let place = items.first().map(|(source, key)| format!("{}: {key}", source.name()));
            findings.push(MyFinding {
                id: shown.id,
                kind: shown.kind,
                status: shown.status,
                name: shown.name,
                version: shown.version,
                device_name: shown.device_name,
                place: place.unwrap_or_default(),
                opened_at: shown.opened_at,
                why_ja: why_ja.to_owned(),
                why_en: why_en.to_owned(),
                answers: state.answers(),
                due_at: shown.due_at,
            });
        }
        findings.sort_by_key(|finding| {
            (finding.status == Status::Resolved, finding.answers.is_empty())
        });
        Ok(findings)
    }

    /// Who looked at a device in the last 30 days, by action and roles.
    async fn looked_at(
        &self,
        device: &str,
        looked: &mut BTreeMap<(String, String), (u64, i64)>,
    ) -> Result<(), ControlError> {
        let since = self.clock.now().plus_nanos(-30 * DAY_NS);
        let rows = sqlx::query(
            "SELECT actor, action, at FROM audit WHERE at > $1 AND actor LIKE 'person %' \
             AND action IN ('device_opened', 'inventory_opened', 'finding_opened', 'alert_opened', 'event_opened', 'searched') \
             AND (target = $2 OR detail LIKE $3) ORDER BY n LIMIT 10000",
        )
        .bind(since.nanos())
        .bind(format!("device {device}"))
        .bind(format!("%\"device\":\"{device}\"%"))
        .fetch_all(self.store.pool())
        .await?;
        let people =
            sqlx::query("SELECT id, roles FROM person").fetch_all(self.store.pool()).await?;
        let mut roles: BTreeMap<String, String> = BTreeMap::new();
        for row in &people {
            roles.insert(row.try_get(0)?, row.try_get(1)?);
        }
        for row in &rows {
            let actor: String = row.try_get(0)?;
            let person = actor.split(' ').nth(1).unwrap_or_default();
            let held = roles.get(person).cloned().unwrap_or_default();
            let (times, last) = looked.entry((row.try_get(1)?, held)).or_default();
            *times += 1;
            *last = (*last).max(row.try_get(2)?);
        }
        Ok(())
    }
}

fn pairs(texts: &[(&str, &str)]) -> Vec<(String, String)> {
    texts.iter().map(|(ja, en)| ((*ja).to_owned(), (*en).to_owned())).collect()
}

const ITEMS_MAX: usize = 500;
/// What the agent of this version records.
const RECORDED: [(&str, &str); 5] = [
    ("起動したプログラムと、その引数", "Programs that are started, with their arguments"),
    (
        "ファイルの作成・変更・名前の変更・削除（ファイル名）",
        "Files that are created, changed, renamed and deleted (their names)",
    ),
    ("ネットワーク接続の相手先", "Where network connections go"),
    (
        "インストールされたソフトウェアとブラウザー拡張機能",
        "Installed software and browser extensions",
    ),
    (
        "インストールせずに実行されたプログラムのハッシュ値と場所",
        "Hash and place of programs that are run without being installed",
    ),
];
/// What it has no means of recording.
const NEVER_RECORDED: [(&str, &str); 5] = [
    ("ファイルの中身", "What is in files"),
    ("キー入力", "Keystrokes"),
    ("画面", "The screen"),
    ("メールやチャットの本文", "The text of mail and chat"),
    ("カメラとマイク", "Camera and microphone"),
];
