//! Figures of findings and remedy, as series for plots.

use crate::limits::DAY_NS;
use crate::store::Row;
use crate::view::findings::{FindingMetrics, Point, RemedyRow};
use crate::{Actor, Control, ControlError, Permission};
use case::finding::{Closing, Kind};
use case::remedy::{Attempt, Channel, median, rates};
use model::Timestamp;
use sqlx::Row as _;

/// When a finding was open, from its history: it may have been more than once.
struct Span {
    from: i64,
    to: Option<i64>,
}

impl Control {
    /// Figures over a range of days.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::BadArgument`] for a range of no or too many days.
    pub async fn finding_metrics(
        &self,
        actor: &Actor,
        from: Timestamp,
        days: u32,
    ) -> Result<FindingMetrics, ControlError> {
        self.require(actor, &[Permission::ReadMetrics], "finding_metrics").await?;
        if !(1..=DAYS_MAX).contains(&days) {
            return Err(ControlError::BadArgument {
                what: "the range",
                reason: "it must have 1 to 731 days",
            });
        }
        let to = from.plus_nanos(i64::from(days) * DAY_NS);
        let spans = self.spans(to).await?;
        let day = |at: i64| (at - from.nanos()).div_euclid(DAY_NS);
        let series = |count: &dyn Fn(i64) -> usize| -> Vec<Point> {
            (0..days).map(|day| Point { day, value: as_value(count(i64::from(day))) }).collect()
        };
        let end_of = |day: i64| from.nanos() + (day + 1) * DAY_NS;
        let open_at = |at: i64| {
            spans.iter().filter(|span| span.from < at && span.to.is_none_or(|to| to >= at)).count()
        };
        let in_range = |at: i64| (from.nanos()..to.nanos()).contains(&at);
        let mut times: Vec<i64> = spans
            .iter()
            .filter_map(|span| span.to.filter(|to| in_range(*to)).map(|to| to - span.from))
            .collect();
        Ok(FindingMetrics {
            from,
            days,
            open: series(&|day| open_at(end_of(day))),
            opened: series(&|wanted| spans.iter().filter(|span| day(span.from) == wanted).count()),
            closed: series(&|wanted| {
                spans.iter().filter(|span| span.to.is_some_and(|to| day(to) == wanted)).count()
            }),
            open_by_kind: self.open_by_kind().await?,
            closed_by_cause: self.closed_by_cause(from, to).await?,
            median_seconds: median(&mut times).map(|ns| ns / 1_000_000_000),
            remedy: self.remedy(from, to, days).await?,
        })
    }

    async fn spans(&self, to: Timestamp) -> Result<Vec<Span>, ControlError> {
        let rows = sqlx::query(
            "SELECT finding_id, at, from_status, to_status FROM finding_event \
             WHERE at < $1 AND (from_status = '' OR from_status = 'resolved' OR to_status = 'resolved') \
             ORDER BY finding_id, n",
        )
        .bind(to.nanos())
        .fetch_all(self.store.pool())
        .await?;
        let mut spans: Vec<Span> = Vec::new();
        for row in &rows {
            let at: i64 = row.try_get(1)?;
            let closes = row.try_get::<String, _>(3)? == "resolved";
            match (closes, spans.last_mut().filter(|span| span.to.is_none())) {
                (true, Some(span)) => span.to = Some(at),
                (true, None) => {}
                (false, _) => spans.push(Span { from: at, to: None }),
            }
        }
        Ok(spans)
    }

    async fn open_by_kind(&self) -> Result<Vec<(Kind, u64)>, ControlError> {
        let rows = sqlx::query(
            "SELECT kind, COUNT(*) FROM finding WHERE status <> 'resolved' GROUP BY kind",
        )
        .fetch_all(self.store.pool())
        .await?;
        let mut counts = Vec::new();
        for row in &rows {
            if let Some(kind) = Kind::of_name(&row.try_get::<String, _>(0)?) {
                counts.push((kind, count_of(row)?));
            }
        }
        counts.sort();
        Ok(counts)
    }

    async fn closed_by_cause(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<(String, u64)>, ControlError> {
        let rows = sqlx::query(
            "SELECT closing, COUNT(*) FROM finding WHERE status = 'resolved' AND closed_at >= $1 AND closed_at < $2 \
             GROUP BY closing",
        )
        .bind(from.nanos())
        .bind(to.nanos())
        .fetch_all(self.store.pool())
        .await?;
        let mut counts = Vec::new();
        for row in &rows {
            counts.push((row.try_get(0)?, count_of(row)?));
        }
        counts.sort();
        Ok(counts)
    }

    async fn remedy(
        &self,
        from: Timestamp,
        to: Timestamp,
        days: u32,
    ) -> Result<Vec<RemedyRow>, ControlError> {
        let rows = sqlx::query(
            "SELECT m.finding_id, m.channel, m.sender, m.at, f.closing, f.closed_at FROM finding_message AS m \
             JOIN finding AS f ON f.id = m.finding_id WHERE m.at >= $1 AND m.at < $2",
        )
        .bind(from.nanos())
        .bind(to.nanos())
        .fetch_all(self.store.pool())
        .await?;
        let mut attempts = Vec::with_capacity(rows.len());
        for row in &rows {
            let channel: String = row.try_get(1)?;
            let closing = Closing::of_name(&row.try_get::<String, _>(4)?);
            let remedied = closing.is_some_and(Closing::is_remedy);
            let closed_at: Option<i64> = row.try_get(5)?;
            attempts.push(Attempt {
                finding: row.try_get(0)?,
                channel: Channel::of_name(&channel).unwrap_or(Channel::Bot),
                sender: row.try_get(2)?,
                at: Timestamp::from_nanos(row.try_get(3)?),
                remedied_at: closed_at.filter(|_| remedied).map(Timestamp::from_nanos),
            });
        }
        let points = |curve: Vec<f64>| {
            (0u32..).zip(curve).map(|(day, value)| Point { day, value }).collect()
        };
        let row = |rate: case::remedy::Rate| RemedyRow {
            channel: rate.channel,
            sender: rate.sender,
            sent: rate.sent,
            remedied: rate.remedied,
            median_seconds: rate.median_seconds,
            curve: points(rate.curve),
        };
        Ok(rates(&attempts, self.clock.now(), days.min(CURVE_DAYS_MAX))
            .into_iter()
            .map(row)
            .collect())
    }
}

fn count_of(row: &Row) -> Result<u64, ControlError> {
    Ok(u64::try_from(row.try_get::<i64, _>(1)?).unwrap_or(0))
}

fn as_value(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

const DAYS_MAX: u32 = 731;
const CURVE_DAYS_MAX: u32 = 30;
