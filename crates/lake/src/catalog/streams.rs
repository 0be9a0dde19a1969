//! How far each stream is committed: the compare-and-swap that makes delivery exactly once.

use super::Catalog;
use crate::layout::catalog_time;
use crate::{Advance, LakeError, StreamPosition};
use model::{AgentId, EpochId, Timestamp};
use sqlx::SqliteConnection;

/// The name of the one checkpoint that there is.
const CHECKPOINT: &str = "writer";

impl Catalog {
    /// Every stream, in the order of agent and epoch.
    pub(crate) async fn positions(&self) -> Result<Vec<StreamPosition>, LakeError> {
        let rows: Vec<(String, String, i64, i64, i64, i64)> = sqlx::query_as(
            "SELECT agent, epoch, first_seq, last_seq, stored, lost FROM mimamori_ingest_stream \
             ORDER BY agent, epoch",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(|err| self.failed(err))?;
        rows.into_iter()
            .map(|(agent, epoch, first, last, stored, lost)| {
                Ok(StreamPosition {
                    agent: AgentId::parse(&agent).map_err(|err| self.damaged(err.to_string()))?,
                    epoch: EpochId::parse(&epoch).map_err(|err| self.damaged(err.to_string()))?,
                    first_seq: self.count(first)?,
                    last_seq: self.count(last)?,
                    stored: self.count(stored)?,
                    lost: self.count(lost)?,
                })
            })
            .collect()
    }

    /// The state that was committed last, if any was.
    pub(crate) async fn checkpoint(&self) -> Result<Option<Vec<u8>>, LakeError> {
        sqlx::query_scalar("SELECT state FROM mimamori_checkpoint WHERE name = $1")
            .bind(CHECKPOINT)
            .fetch_optional(&self.pool)
            .await
            .map_err(|err| self.failed(err))
    }

    /// Keeps state, inside the transaction that moves the streams on.
    pub(super) async fn keep_checkpoint(
        &self,
        on: &mut SqliteConnection,
        state: &[u8],
        at: Timestamp,
    ) -> Result<(), LakeError> {
        let statement = "INSERT INTO mimamori_checkpoint(name, state, committed_at) VALUES ($1, $2, $3) \
                         ON CONFLICT (name) DO UPDATE SET state = $2, committed_at = $3";
        let done = sqlx::query(statement)
            .bind(CHECKPOINT)
            .bind(state)
            .bind(catalog_time(at))
            .execute(on)
            .await;
        done.map(drop).map_err(|err| self.failed(err))
    }

    pub(super) fn count(&self, number: i64) -> Result<u64, LakeError> {
        u64::try_from(number).map_err(|_| self.damaged(format!("a count of {number}")))
    }

    /// Refuses what does not continue the stored positions, before any file is written for it.
    pub(crate) async fn check_advances(&self, advances: &[Advance]) -> Result<(), LakeError> {
        let mut connection = self.pool.acquire().await.map_err(|err| self.failed(err))?;
        let mut ahead: Vec<(AgentId, EpochId, u64)> = Vec::new();
        for advance in advances {
            let within = ahead
                .iter_mut()
                .find(|(agent, epoch, _)| *agent == advance.agent && *epoch == advance.epoch);
            if let Some((_, _, last)) = within {
                continues(advance, Some(*last))?;
                *last = advance.last;
                continue;
            }
            let stored = self.last_seq(&mut connection, advance).await?;
            continues(advance, stored)?;
            ahead.push((advance.agent, advance.epoch, advance.last));
        }
        Ok(())
    }

    async fn last_seq(
        &self,
        on: &mut SqliteConnection,
        advance: &Advance,
    ) -> Result<Option<u64>, LakeError> {
        let stored: Option<i64> = sqlx::query_scalar(
            "SELECT last_seq FROM mimamori_ingest_stream WHERE agent = $1 AND epoch = $2",
        )
        .bind(advance.agent.to_string())
        .bind(advance.epoch.to_string())
        .fetch_optional(on)
        .await
        .map_err(|err| self.failed(err))?;
        stored.map(|seq| self.count(seq)).transpose()
    }

    /// Moves one stream on, inside the transaction that makes its rows visible.
    pub(super) async fn advance(
        &self,
        on: &mut SqliteConnection,
        advance: &Advance,
        at: Timestamp,
    ) -> Result<(), LakeError> {
        let stored = self.last_seq(on, advance).await?;
        continues(advance, stored)?;
        let lost: u64 = advance.lost.iter().map(|(first, last, _)| last - first + 1).sum();
        let rows = advance.last - advance.first + 1 - lost;
        let statement = match stored {
            None => {
                "INSERT INTO mimamori_ingest_stream(agent, epoch, first_seq, last_seq, stored, lost, committed_at) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7)"
            }
            Some(_) => {
                "UPDATE mimamori_ingest_stream SET last_seq = $4, stored = stored + $5, \
                 lost = lost + $6, committed_at = $7 \
                 WHERE agent = $1 AND epoch = $2 AND last_seq = $3 - 1"
            }
        };
        let done = sqlx::query(statement)
            .bind(advance.agent.to_string())
            .bind(advance.epoch.to_string())
            .bind(signed(advance.first)?)
            .bind(signed(advance.last)?)
            .bind(signed(rows)?)
            .bind(signed(lost)?)
            .bind(catalog_time(at))
            .execute(&mut *on)
            .await
            .map_err(|err| self.failed(err))?;
        if done.rows_affected() != 1 {
            return Err(self.damaged(format!("stream {} moved by itself", advance.agent)));
        }
        for (first, last, reason) in &advance.lost {
            sqlx::query("INSERT INTO mimamori_ingest_gap VALUES ($1, $2, $3, $4, $5, $6)")
                .bind(advance.agent.to_string())
                .bind(advance.epoch.to_string())
                .bind(signed(*first)?)
                .bind(signed(*last)?)
                .bind(reason.name())
                .bind(catalog_time(at))
                .execute(&mut *on)
                .await
                .map_err(|err| self.failed(err))?;
        }
        Ok(())
    }
}

fn signed(number: u64) -> Result<i64, LakeError> {
    i64::try_from(number).map_err(|_| LakeError::Malformed {
        reason: format!("sequence number {number} is too large"),
    })
}

/// Whether an advance begins exactly after the stored position; a stream may begin anywhere.
fn continues(advance: &Advance, stored: Option<u64>) -> Result<(), LakeError> {
    let Some(last) = stored else { return Ok(()) };
    let (agent, epoch, first) = (advance.agent, advance.epoch, advance.first);
    if first <= last {
        return Err(LakeError::AlreadyCommitted { agent, epoch, first, through: last });
    }
    if first != last + 1 {
        return Err(LakeError::Hole { agent, epoch, first, expected: last + 1 });
    }
    Ok(())
}
