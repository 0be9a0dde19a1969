//! Risk of a device or a user: points of alerts that add up and fade.
//!
//! ```text
//! score(t)  = score(t0) · 2^(−(t − t0) / 7 days) + points of the alert · 2^(−repeats)
//! points    = critical 100, high 40, medium 10, low 2, informational 0
//! repeats   = earlier alerts of the same detection (one rule) on the same device or user, since the last pause of a
//!             half-life; at most 20
//! ```
//!
//! A rule that goes on matching therefore adds at most twice its points: what makes a device risky is that many
//! *different* things are seen on it. An alert that arrives late counts as old as it is, a month at most. An alert of a
//! device whose clock runs ahead counts as of the time at which it was judged.
//!
//! All scores fade at the same rate, so their order does not change with time: [`Score::rank`] can be stored and
//! sorted by.
//!
//! Invariant: a score follows from its alerts alone, whatever was asked between them.

use model::{Level, Timestamp};

/// After this time half of a score is left, in nanoseconds.
pub const HALF_LIFE_NS: i64 = 7 * 86_400 * 1_000_000_000;

/// Repeats beyond this one add what this one adds: nothing that anybody would see.
pub const REPEATS_MAX: u32 = 20;

/// The points of an alert of a level. Stored scores are made of them: a change changes what is added from then on.
#[must_use]
pub const fn points(level: Level) -> f64 {
    match level {
        Level::Informational => 0.0,
        Level::Low => 2.0,
        Level::Medium => 10.0,
        Level::High => 40.0,
        Level::Critical => 100.0,
    }
}

/// A score as it was at an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Points.
    pub value: f64,
    /// When it had this value.
    pub at: Timestamp,
}

impl Score {
    /// Nothing yet.
    #[must_use]
    pub const fn zero(at: Timestamp) -> Self {
        Self { value: 0.0, at }
    }

    /// What is left of it, or what it would have been before.
    #[must_use]
    pub fn at(self, at: Timestamp) -> f64 {
        self.value * 2f64.powf(-half_lives(self.at, at))
    }

    /// With points of an instant, which may be earlier than the score's own.
    #[must_use]
    pub fn plus(self, points: f64, at: Timestamp) -> Self {
        let newer = self.at.max(at);
        let added = Self { value: points, at }.at(newer);
        Self { value: self.at(newer) + added, at: newer }
    }

    /// A number that orders scores as they are ordered at any instant; the lowest for nothing.
    #[must_use]
    pub fn rank(self) -> f64 {
        if self.value <= 0.0 {
            return f64::MIN;
        }
        self.value.log2() + half_lives(Timestamp::from_nanos(0), self.at)
    }
}

/// The alerts of one detection on one device or user.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// What they add to the score.
    pub score: Score,
    /// How many there are.
    pub alerts: u64,
    /// How many of them make the next one count less.
    pub repeats: u32,
    /// When the newest happened.
    pub last_at: Timestamp,
}

impl Part {
    /// None yet.
    #[must_use]
    pub const fn none(at: Timestamp) -> Self {
        Self { score: Score::zero(at), alerts: 0, repeats: 0, last_at: at }
    }

    /// What one more alert adds.
    #[must_use]
    pub fn next_points(&self, level: Level, at: Timestamp) -> f64 {
        points(level) * 0.5f64.powi(i32::try_from(self.repeats_at(at)).unwrap_or(i32::MAX))
    }

    /// With one more alert.
    #[must_use]
    pub fn plus(mut self, level: Level, at: Timestamp) -> Self {
        self.score = self.score.plus(self.next_points(level, at), at);
        self.repeats = (self.repeats_at(at) + 1).min(REPEATS_MAX);
        self.last_at = if self.alerts == 0 { at } else { self.last_at.max(at) };
        self.alerts = self.alerts.saturating_add(1);
        self
    }

    fn repeats_at(&self, at: Timestamp) -> u32 {
        let quiet = at.nanos().saturating_sub(self.last_at.nanos()) >= HALF_LIFE_NS;
        if self.alerts == 0 || quiet { 0 } else { self.repeats }
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a microsecond more or less does not show in a score"
)]
fn half_lives(from: Timestamp, to: Timestamp) -> f64 {
    to.nanos().saturating_sub(from.nanos()) as f64 / HALF_LIFE_NS as f64
}

/// Whether an account is a service of the operating system and no person: its alerts are those of the device alone,
/// because accounts of these names are on every device and would add up to a number that says nothing.
#[must_use]
pub fn is_service_account(user: &str) -> bool {
    const SERVICES: [&str; 14] = [
        "root",
        "system",
        "daemon",
        "nobody",
        "www-data",
        "local service",
        "network service",
        "local system",
        "dbus",
        "messagebus",
        "systemd-network",
        "systemd-resolve",
        "sshd",
        "anonymous logon",
    ];
    let folded = user.trim().to_lowercase();
    let (domain, name) = folded.rsplit_once('\\').unwrap_or(("", folded.as_str()));
    SERVICES.contains(&name)
        || name.is_empty()
        // The account of a computer; a service of macOS.
        || name.ends_with('$')
        || name.starts_with('_')
        || ["nt authority", "nt service", "font driver host", "window manager", "nt virtual machine"].contains(&domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_NS: i64 = 86_400 * 1_000_000_000;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_nanos(number * DAY_NS)
    }

    fn near(left: f64, right: f64) -> bool {
        (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1.0)
    }

    #[test]
    fn half_is_left_after_seven_days_and_repeats_count_less() {
        let one = Part::none(day(0)).plus(Level::High, day(0));
        assert!(near(one.score.at(day(0)), 40.0) && near(one.score.at(day(7)), 20.0));
        let two = one.plus(Level::High, day(0));
        assert!(near(two.score.at(day(0)), 60.0));
        // After a pause of a half-life it counts in full again.
        let later = one.plus(Level::High, day(7));
        assert!(near(later.score.at(day(7)), 60.0));
        let many = (0..1_000).fold(Part::none(day(0)), |part, _| part.plus(Level::Medium, day(0)));
        assert!(many.score.value < 20.01 && many.alerts == 1_000, "{many:?}");
    }

    #[test]
    fn services_of_the_system_are_no_people() {
        for user in
            ["root", "NT AUTHORITY\\SYSTEM", "CORP\\PC-0231$", "_spotlight", "", "NT SERVICE\\x"]
        {
            assert!(is_service_account(user), "{user}");
        }
        for user in ["CORP\\tanaka", "joe", "系統", "rooted"] {
            assert!(!is_service_account(user), "{user}");
        }
    }

    fn alerts() -> impl Strategy<Value = Vec<(usize, i64)>> {
        prop::collection::vec((0usize..5, 0i64..60 * DAY_NS), 0..60)
    }

    proptest! {
        /// The score against the sum over every alert, each on its own.
        #[test]
        fn a_score_is_the_sum_of_its_alerts(alerts in alerts(), asked in 60i64..90) {
            const LEVELS: [Level; 5] =
                [Level::Informational, Level::Low, Level::Medium, Level::High, Level::Critical];
            let (mut part, mut naive) = (Part::none(day(0)), 0.0);
            for (place, (level, at)) in alerts.iter().enumerate() {
                part = part.plus(LEVELS[*level], Timestamp::from_nanos(*at));
                // How many came before it since the last pause, counted afresh.
                let mut repeats = 0;
                for before in (0..=place).rev() {
                    let newest = alerts[..before].iter().map(|(_, at)| *at).max();
                    if newest.is_none_or(|newest| alerts[before].1 - newest >= HALF_LIFE_NS) {
                        break;
                    }
                    repeats += 1;
                }
                let age = (day(asked).nanos() - at) as f64 / HALF_LIFE_NS as f64;
                naive += points(LEVELS[*level]) * 0.5f64.powi(repeats.min(20)) * 0.5f64.powf(age);
            }
            prop_assert!(near(part.score.at(day(asked)), naive), "{part:?} {naive}");
        }

        #[test]
        fn ranks_order_as_scores_do_at_any_time(
            left in 0.1f64..1e4, right in 0.1f64..1e4, first in 0i64..100, second in 0i64..100,
        ) {
            let (one, two) = (Score { value: left, at: day(first) }, Score { value: right, at: day(second) });
            for asked in [day(100), day(500)] {
                if !near(one.at(asked), two.at(asked)) {
                    prop_assert_eq!(one.rank() < two.rank(), one.at(asked) < two.at(asked));
                }
            }
        }
    }
}
