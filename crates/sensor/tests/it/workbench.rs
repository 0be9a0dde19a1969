//! What the tests share: a sensor with pins of its own, and ways to make things happen.

use model::{Class, Clock, EventKind, Timestamp};
use sensor::{Options, Sensed, Sensor};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the tests run against the real clock")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        Timestamp::from_nanos(i64::try_from(since.as_nanos()).expect("before 2262"))
    }
    fn monotonic_ns(&self) -> u64 {
        self.now().nanos().unsigned_abs()
    }
}

/// A program that the tests start.
#[expect(clippy::disallowed_methods, reason = "the sensor is tested with real programs")]
pub(crate) fn program(path: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(path);
    command.stdin(Stdio::null());
    command
}

/// A copy of a program that can be started at once. Another process makes it: a file that this one holds open for
/// writing may still be held by a child that another test forks meanwhile, and starting it is then refused as busy.
pub(crate) fn copy_program(from: impl AsRef<Path>, to: &Path) {
    assert!(program("/bin/cp").arg(from.as_ref()).arg(to).status().expect("runs").success());
}

#[expect(clippy::disallowed_methods, reason = "the tests wait for the real kernel")]
pub(crate) fn instant() -> Instant {
    Instant::now()
}

/// Whether the tests can run; prints why not.
pub(crate) fn is_root() -> bool {
    let root = std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt;
        own.uid() == 0
    });
    if !root {
        println!("skipped: recording needs root");
    }
    root
}

/// A pin directory that is removed in the end, whatever happens.
pub(crate) struct Pins(pub(crate) PathBuf);

impl Pins {
    pub(crate) fn new(name: &str) -> Self {
        Self(PathBuf::from(format!("/sys/fs/bpf/mimamori_test_{name}_{}", std::process::id())))
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        if let Err(err) = sensor::unload(&self.0) {
            println!("could not remove {}: {err}", self.0.display());
        }
    }
}

/// The options of a test: own pins, a ring that is large enough.
pub(crate) fn options(pins: &Pins, ignore: &[&Path]) -> Options {
    let mut options = Options::new(Arc::new(SystemClock));
    options.pin_directory = Some(pins.0.clone());
    options.ring_bytes = 16 << 20;
    options.ignore_paths = ignore.iter().map(|path| path.to_path_buf()).collect();
    options
}

/// Starts a sensor that records the ring's classes.
pub(crate) fn start(options: Options) -> Sensor {
    let sensor = Sensor::start(options).expect("starts");
    for class in [Class::Process, Class::Network] {
        assert!(sensor.coverage().of(class).recorded, "{}", sensor.coverage());
    }
    sensor
}

/// Observes until `done` says so, or fails after half a minute. Everything is released at once.
pub(crate) fn observe_until(
    sensor: &mut Sensor,
    seen: &mut Vec<Sensed>,
    mut done: impl FnMut(&[Sensed]) -> bool,
) {
    let begin = instant();
    while !done(seen) {
        assert!(begin.elapsed() < Duration::from_secs(60), "not seen in time; {} seen", seen.len());
        let from = seen.len();
        sensor.observe(Duration::from_millis(100), seen).expect("observes");
        if let Some(position) = seen[from..].iter().rev().find_map(|sensed| sensed.position) {
            sensor.release(position);
        }
    }
}

/// The observations of a kind whose field has exactly this text.
pub(crate) fn of<'a>(
    seen: &'a [Sensed],
    kind: EventKind,
    field: &'a str,
    text: &'a str,
) -> impl Iterator<Item = &'a Sensed> {
    seen.iter().filter(move |sensed| {
        sensed.observation.kind == kind && sensed.observation.fields.text(field) == Some(text)
    })
}

/// That every sum agrees and nothing was lost.
pub(crate) fn assert_sums(sensor: &mut Sensor) {
    for (class, counters) in sensor.counters() {
        assert_eq!(counters.disagreements(), Vec::new(), "{class:?} {counters:?}");
        if class != Class::File {
            assert_eq!(counters.lost(), 0, "{class:?} {counters:?}");
        }
    }
    let lost: Vec<_> =
        sensor.losses().into_iter().filter(|lost| lost.class != Some(Class::File)).collect();
    assert_eq!(lost, []);
}
