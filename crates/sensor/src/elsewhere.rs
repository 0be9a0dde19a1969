//! Systems without a sensor of their own yet: it starts, records nothing, and says so.

use crate::{Coverage, Options, Said, Sensed, SensorError};
use model::{Class, Counters, Lost};
use std::path::Path;
use std::time::Duration;

/// Records nothing on this system.
#[derive(Debug)]
pub struct Sensor {
    coverage: Coverage,
}

impl Sensor {
    /// Starts, and records nothing.
    ///
    /// # Errors
    /// None on this system.
    pub fn start(_options: Options) -> Result<Self, SensorError> {
        Ok(Self { coverage: doctor() })
    }

    /// That nothing is recorded.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// There is no ring on this system.
    #[must_use]
    pub fn ring_id(&self) -> Option<u64> {
        None
    }

    /// Waits, and appends nothing.
    ///
    /// # Errors
    /// None on this system.
    pub fn observe(&mut self, wait: Duration, _out: &mut Vec<Sensed>) -> Result<(), SensorError> {
        std::thread::sleep(wait);
        Ok(())
    }

    /// Nothing to release.
    pub fn release(&mut self, _position: u64) {}

    /// Nothing was seen.
    #[must_use]
    pub fn counters(&self) -> Vec<(Class, Counters)> {
        Class::ALL.into_iter().map(|class| (class, Counters::default())).collect()
    }

    /// Nothing was lost, because nothing is recorded.
    pub fn losses(&mut self) -> Vec<Lost> {
        Vec::new()
    }

    /// Nothing is attached.
    pub fn detach(&mut self) {}

    /// Nothing to stop.
    pub fn stop(self) {}
}

/// What this system can record: nothing yet.
#[must_use]
pub fn doctor() -> Coverage {
    let mut coverage = Coverage::empty();
    for class in Class::ALL {
        coverage.lacks(
            class,
            Said::new(
                "this operating system is not supported yet",
                "このオペレーティングシステムにはまだ対応していません",
            ),
        );
    }
    coverage
}

/// Nothing is left behind on this system.
///
/// # Errors
/// None on this system.
pub fn unload(_pin_directory: &Path) -> Result<(), SensorError> {
    Ok(())
}
