//! Evidence of our own: where a download comes from, where our devices have seen the same software, what an extension
//! of theirs may do.

use crate::evidence::{as_is, both, host_access, own_check};
use crate::limits::SIGHTINGS_SHOWN;
use crate::view::requests::{CheckKind, Sighting, Verdict};
use crate::{Control, ControlError, random};
use case::check::Check;
use case::form::Form;
use case::request::Request;
use model::Timestamp;
use software::TitleId;
use sqlx::Row as _;

impl Control {
    /// Whether the download comes from the title's own places. The address is read as text and never fetched.
    pub(crate) async fn origin_check(
        &self,
        request: &Request,
        title: &str,
    ) -> Result<Check, ControlError> {
        use software::origin::Verdict as Origin;
        let titles = self.titles_snapshot().await?;
        let official = TitleId::parse(title)
            .ok()
            .and_then(|id| titles.get(&id).map(|title| title.official_hosts.clone()))
            .unwrap_or_default();
        let judged = software::origin::judge(&request.form.url, &official);
        let (verdict, name) = match judged.verdict {
            Origin::Official => (Verdict::Allow, "official"),
            Origin::Unofficial => (Verdict::Deny, "other"),
            Origin::LookAlike => (Verdict::Deny, "look_alike"),
            Origin::Unknown => (Verdict::Unknown, "unknown"),
        };
        let words = ("origin", request.form.url.as_str(), name);
        let now = self.clock.now();
        Ok(own_check(id()?, CheckKind::Origin, words, verdict, judged.why, now))
    }

    /// Where our devices have seen it. Being somewhere already proves nothing about being harmless, so the verdict is
    /// never worse or better than a statement.
    pub(crate) async fn sightings_check(
        &self,
        request: &Request,
        title: &str,
    ) -> Result<Check, ControlError> {
        let seen = self.sightings(request, title).await?;
        let devices = seen.iter().map(|one| one.devices).max().unwrap_or(0);
        let detail = match seen.first() {
            None => both("社内のどの端末にもありません", "not on any of our devices"),
            Some(first) => {
                let (name, version, more) = (&first.name, &first.version, seen.len() - 1);
                both(
                    &format!("{name} {version} ほか {more} 件。最大 {devices} 台の端末にあります"),
                    &format!("{name} {version} and {more} more; on up to {devices} devices"),
                )
            }
        };
        let words = ("inventory", request.form.name.as_str(), "");
        let now = self.clock.now();
        let mut check = own_check(id()?, CheckKind::Sightings, words, Verdict::Allow, detail, now);
        check.name = devices.to_string();
        Ok(check)
    }

    /// What the extension may do where our devices have it.
    pub(crate) async fn permissions_check(&self, request: &Request) -> Result<Check, ControlError> {
        let rows = sqlx::query(
            "SELECT permissions, version, install_source FROM software_item WHERE identifier = $1 \
             AND source IN ('chrome', 'chromium', 'edge', 'brave', 'vivaldi', 'opera', 'firefox') \
             ORDER BY first_seen_at DESC LIMIT 20",
        )
        .bind(request.form.extension_id.trim())
        .fetch_all(self.store.pool())
        .await?;
        let subject = request.form.extension_id.as_str();
        let now = self.clock.now();
        let Some(row) = rows.first() else {
            let words = ("inventory", subject, "");
            let detail = both(
                "社内のどの端末にもないため、権限は分かりません",
                "no device of ours has it, so its permissions are not known",
            );
            let kind = CheckKind::Permissions;
            return Ok(own_check(id()?, kind, words, Verdict::Unknown, detail, now));
        };
        let permissions = listed(&row.try_get::<String, _>(0)?);
        let access = host_access(permissions.iter().map(String::as_str));
        let words = ("inventory", subject, access);
        let detail = as_is(permissions.join(", "));
        Ok(own_check(id()?, CheckKind::Permissions, words, Verdict::Allow, detail, now))
    }

    /// Items of our devices that are the same by hash, by extension id or by title.
    pub(crate) async fn sightings(
        &self,
        request: &Request,
        title: &str,
    ) -> Result<Vec<Sighting>, ControlError> {
        let form: &Form = &request.form;
        let mut found: Vec<Sighting> = Vec::new();
        for hash in request.hashes() {
            found.extend(self.seen_by("i.sha256 = $1", hash, "hash").await?);
        }
        if !form.extension_id.trim().is_empty() {
            let wanted = form.extension_id.trim();
            found.extend(self.seen_by("i.identifier = $1", wanted, "extension").await?);
        }
        if !title.is_empty() {
            let by = "EXISTS (SELECT 1 FROM item_judgement AS j WHERE j.item_id = i.id \
                      AND j.title_id = $1 AND j.outcome = 'confirmed')";
            found.extend(self.seen_by(by, title, "title").await?);
        }
        let mut seen: Vec<Sighting> = Vec::new();
        for one in found {
            let same = |known: &Sighting| {
                (&known.name, &known.version, &known.source)
                    == (&one.name, &one.version, &one.source)
            };
            if !seen.iter().any(same) {
                seen.push(one);
            }
        }
        Ok(seen)
    }

    async fn seen_by(
        &self,
        condition: &'static str,
        value: &str,
        same_by: &'static str,
    ) -> Result<Vec<Sighting>, ControlError> {
        let sql = format!(
            "SELECT i.name, i.version, i.source, i.permissions, i.install_source, i.origin_url, \
             COUNT(DISTINCT n.device_id), MAX(n.seen_at) FROM software_item AS i \
             JOIN installed AS n ON n.item_id = i.id AND n.gone = 0 WHERE {condition} \
             GROUP BY i.id, i.name, i.version, i.source, i.permissions, i.install_source, i.origin_url \
             ORDER BY COUNT(DISTINCT n.device_id) DESC, i.name, i.version LIMIT {SIGHTINGS_SHOWN}"
        );
        let rows = crate::scope::statement(sql)
            .bind(value.to_owned())
            .fetch_all(self.store.pool())
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Sighting {
                    name: row.try_get(0)?,
                    version: row.try_get(1)?,
                    source: row.try_get(2)?,
                    permissions: listed(&row.try_get::<String, _>(3)?),
                    install_source: row.try_get(4)?,
                    origin_url: row.try_get(5)?,
                    devices: u64::try_from(row.try_get::<i64, _>(6)?).unwrap_or(0),
                    last_seen: Timestamp::from_nanos(row.try_get(7)?),
                    same_by,
                })
            })
            .collect()
    }
}

/// Permissions as the inventory stores them: a JSON list, or words.
fn listed(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| {
        text.split(['\n', ','])
            .map(str::trim)
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect()
    })
}

fn id() -> Result<String, ControlError> {
    Ok(format!("{:032x}", random::id_bits()?))
}
