//! Prints what the sensor sees, one observation a line, and gives each back to the kernel once printed:
//! `watch [PIN_DIRECTORY]`. Meant for looking at a machine, and for being killed by the tests.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use model::{Clock, Timestamp};
use sensor::{Options, Sensor};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the clock of the machine")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
    }
    fn monotonic_ns(&self) -> u64 {
        self.now().nanos().unsigned_abs()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options::new(Arc::new(SystemClock));
    options.pin_directory = std::env::args().nth(1).map(PathBuf::from);
    let mut sensor = Sensor::start(options)?;
    print!("{}", sensor.coverage());
    println!("ready\t{}", sensor.ring_id().unwrap_or(0));
    std::io::stdout().flush()?;
    let mut seen = Vec::new();
    loop {
        sensor.observe(Duration::from_secs(1), &mut seen)?;
        let last = seen.iter().rev().find_map(|sensed| sensed.position);
        for sensed in seen.drain(..) {
            let fields = &sensed.observation.fields;
            println!(
                "{}\t{}\t{}\t{}\t{}",
                sensed.position.unwrap_or(0),
                sensed.observation.kind.name(),
                fields.text("ProcessGuid").unwrap_or("-"),
                fields.text("Image").unwrap_or("-"),
                fields.text("CommandLine").or(fields.text("TargetFilename")).unwrap_or("-")
            );
        }
        std::io::stdout().flush()?;
        if let Some(position) = last {
            sensor.release(position);
        }
    }
}
