//! What the inventory of a company costs in the store: 5,800 devices with 200 items each taken for the first time, the
//! same snapshot again, a look that found nothing new, one changed device, and everything judged again.
//! `cargo xtask bench inventory`; docs/benchmarks.md has the results.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use control::StoreAddress;
use control::fixture::Scene;
use model::inventory::{
    InventoryItem, InventoryMessage, SnapshotSummary, SoftwareSource, items_hash,
};
use model::{AgentId, Clock, DeviceId, EpochId, Event, Observation, StreamKey};
use sqlx::AnyPool;
use std::time::Instant;

/// Set MIMAMORI_BENCH_DEVICES for a quick look, MIMAMORI_TEST_POSTGRES to the address of a PostgreSQL server.
const DEVICES: usize = 5_800;
const ITEMS_EACH: usize = 200;
const DISTINCT: usize = 15_000;
const DEVICES_OF_BATCH: usize = 50;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let devices: usize = std::env::var("MIMAMORI_BENCH_DEVICES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(DEVICES);
    let folder = tempfile::TempDir::new().expect("a scratch folder");
    let (store, pool) = place(folder.path()).await;
    let scene = Scene::empty_at(folder.path(), &store).await.expect("a scene");
    enrol(&pool, devices, &scene).await;
    let mut streams: Vec<Device> = (0..devices).map(Device::new).collect();
    println!("{devices} devices x {ITEMS_EACH} items, {DEVICES_OF_BATCH} devices in a batch");
    phase(&scene, &mut streams, "first full snapshot", Device::full).await;
    phase(&scene, &mut streams, "the same snapshot again", Device::full).await;
    phase(&scene, &mut streams, "a look that found nothing new", |device, scene| {
        let summary = device.summary();
        vec![device.event(scene, &summary)]
    })
    .await;

    let mut slowest_ms = 0.0f64;
    let count = 20.min(streams.len());
    let began_all = Instant::now();
    for device in streams.iter_mut().take(count) {
        let began = Instant::now();
        let events = device.change(&scene);
        let intake = scene.control.take_inventory(&events).await.expect("taken");
        assert_eq!(intake.opened, 1);
        slowest_ms = slowest_ms.max(began.elapsed().as_secs_f64() * 1e3);
    }
    let mean_ms = began_all.elapsed().as_secs_f64() * 1e3 / count as f64;
    println!("one changed device: mean {mean_ms:6.1} ms, slowest {slowest_ms:6.1} ms");

    sqlx::query("UPDATE judging SET revision = revision + 1")
        .execute(&pool)
        .await
        .expect("a revision");
    let began = Instant::now();
    let ticked = scene.control.tick_findings().await.expect("a tick");
    let took = began.elapsed().as_secs_f64();
    println!("full match in the store, {} distinct items {took:8.1} s", ticked.judged);
    println!("peak memory {:8.0} MiB", peak_mib());
}

/// Every device once; reading and making the events is not counted.
async fn phase(
    scene: &Scene,
    devices: &mut [Device],
    name: &str,
    events: impl Fn(&mut Device, &Scene) -> Vec<Event>,
) {
    let (mut took, mut slowest, mut cpu) = (0.0, 0.0f64, 0.0);
    for batch in devices.chunks_mut(DEVICES_OF_BATCH) {
        let events: Vec<Event> =
            batch.iter_mut().flat_map(|device| events(device, scene)).collect();
        let (began, cpu_before) = (Instant::now(), cpu_seconds());
        let intake = scene.control.take_inventory(&events).await.expect("taken");
        let seconds = began.elapsed().as_secs_f64();
        cpu += cpu_seconds() - cpu_before;
        assert_eq!((intake.refused, intake.taken), (Vec::new(), events.len() as u64));
        took += seconds;
        slowest = slowest.max(seconds * 1e3 / batch.len() as f64);
    }
    let each = 1e3 / devices.len() as f64;
    let (each_ms, cpu_ms) = (took * each, cpu * each);
    println!(
        "{name:32} {took:8.1} s, {each_ms:6.2} ms per device ({cpu_ms:.2} of our CPU), slowest batch {slowest:6.2}"
    );
}

struct Device {
    number: usize,
    seq: u64,
    items: Vec<InventoryItem>,
}

impl Device {
    fn new(number: usize) -> Self {
        // Every device has the first hundred; the rest is spread over the distinct items.
        let item = |place: usize| {
            if place < 100 { place } else { 100 + (number * 131 + place * 97) % (DISTINCT - 100) }
        };
        let mut places: Vec<usize> = (0..ITEMS_EACH).map(item).collect();
        places.sort_unstable();
        places.dedup();
        Self { number, seq: 0, items: places.into_iter().map(package).collect() }
    }

    fn event(&mut self, scene: &Scene, message: &InventoryMessage) -> Event {
        let (kind, fields) = message.kind_and_fields();
        let now = scene.clock.now();
        self.seq += 1;
        let bits = self.number as u128 + 1_000;
        let key = StreamKey {
            agent: AgentId::from_bits(bits),
            epoch: EpochId::from_bits(1),
            seq: self.seq,
        };
        let seen = Observation { kind, observed_at: now, fields };
        Event::of_linux_agent(seen, DeviceId::from_bits(bits), key, now)
    }

    fn summary(&self) -> InventoryMessage {
        InventoryMessage::Snapshot(SnapshotSummary {
            source: SoftwareSource::Dpkg,
            id: format!("look-{}", self.seq),
            items: self.items.len() as u64,
            items_hash: items_hash(self.items.iter()),
            complete: true,
            reason: String::new(),
        })
    }

    fn full(&mut self, scene: &Scene) -> Vec<Event> {
        let InventoryMessage::Snapshot(summary) = self.summary() else { return Vec::new() };
        let snapshot = summary.id.clone();
        let mut events = Vec::with_capacity(self.items.len() + 1);
        for item in self.items.clone() {
            let message = InventoryMessage::Present { snapshot: snapshot.clone(), item };
            events.push(self.event(scene, &message));
        }
        events.push(self.event(scene, &InventoryMessage::Snapshot(summary)));
        events
    }

    fn change(&mut self, scene: &Scene) -> Vec<Event> {
        let new = package(1_000_000 + self.number);
        self.items.push(new.clone());
        let added = self.event(scene, &InventoryMessage::Added { item: new });
        let summary = self.summary();
        vec![added, self.event(scene, &summary)]
    }
}

fn package(number: usize) -> InventoryItem {
    let name = format!("package-{number}");
    InventoryItem {
        version: format!("{}.{}.{}-1", number % 20, number % 7, number % 11),
        publisher: format!("Maintainer {} <m{}@example.org>", number % 300, number % 300),
        identifier: format!("deb:{name}"),
        architecture: "amd64".into(),
        install_source: "Debian:bookworm".into(),
        size_bytes: Some(number as u64 * 1_000),
        ..InventoryItem::new(SoftwareSource::Dpkg, format!("{name}:amd64"), name)
    }
}

/// The store: a file in the folder, or a schema of its own on the server that MIMAMORI_TEST_POSTGRES names.
async fn place(folder: &std::path::Path) -> (StoreAddress, AnyPool) {
    sqlx::any::install_default_drivers();
    let Ok(server) = std::env::var("MIMAMORI_TEST_POSTGRES") else {
        println!("SQLite");
        let store = StoreAddress::in_folder(folder);
        let url = format!("sqlite://{}?mode=rwc", folder.join("control.sqlite").display());
        return (store, AnyPool::connect(&url).await.expect("the store"));
    };
    println!("PostgreSQL");
    let schema = format!("bench_{}", std::process::id());
    let pool = AnyPool::connect(&server).await.expect("the server");
    let sql = format!("CREATE SCHEMA {schema}");
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&pool).await.expect("a schema");
    pool.close().await;
    let separator = if server.contains('?') { '&' } else { '?' };
    let url = format!("{server}{separator}options=-c%20search_path%3D{schema}");
    let store = StoreAddress::parse(&url).expect("an address");
    (store, AnyPool::connect(&url).await.expect("the store"))
}

/// Devices and agents as enrolment leaves them; 5,800 key pairs are not what is measured.
async fn enrol(pool: &AnyPool, devices: usize, scene: &Scene) {
    let now = scene.clock.now().nanos();
    let mut writing = pool.begin().await.expect("a transaction");
    for number in 0..devices {
        let bits = number as u128 + 1_000;
        sqlx::query(
            "INSERT INTO device (id, name, os_name, enrolled_at) VALUES ($1, $2, 'Linux', $3)",
        )
        .bind(DeviceId::from_bits(bits).to_string())
        .bind(format!("pc-{number:05}"))
        .bind(now)
        .execute(&mut *writing)
        .await
        .expect("a device");
        sqlx::query(
            "INSERT INTO agent (id, device_id, token_hash, public_key_hash, enrolled_at) \
             SELECT $1, $2, token_hash, $3, $4 FROM enrolment_token LIMIT 1",
        )
        .bind(AgentId::from_bits(bits).to_string())
        .bind(DeviceId::from_bits(bits).to_string())
        .bind(format!("key {number}"))
        .bind(now)
        .execute(&mut *writing)
        .await
        .expect("an agent");
    }
    writing.commit().await.expect("committed");
}

/// CPU time of this process, in which SQLite works and PostgreSQL does not; resolution 10 ms.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |place: usize| -> f64 {
        stat.split_whitespace().nth(place).and_then(|text| text.parse().ok()).unwrap_or(0.0)
    };
    // User and system time; the program's name has no space.
    (ticks(13) + ticks(14)) / 100.0
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}
