//! `mimamori demo`: stories of attacks told into a data folder of their own, judged by the rules in force, so
//! that the console shows what an attack looks like from its first event to its last.

use crate::layout::Layout;
use crate::rule_files::RuleFiles;
use crate::server::{EventContext, Judge};
use crate::terminal::{flush, note, print_line};
use crate::{cli, database, server};
use anyhow::{Context, bail};
use control::{Control, Principal, RulesSummary};
use decode::{Story, StoryDevice};
use detect::Compiled;
use lake::{Access, Advance, Commit, Lake};
use model::{AgentId, Alert, Clock, DeviceId, EpochId, Event, Family, Timestamp};
use std::process::ExitCode;
use std::sync::Arc;

/// The stories that come along: `(demo/<name>.ndjson, text)`.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/stories.rs"));
}

/// The last event of a story is this long ago.
const ENDED_AGO_NS: i64 = 60_000_000_000;
/// How the name of a device of a story begins, so that nobody takes it for one of the company's.
const DEVICE_PREFIX: &str = "demo:";

pub(crate) async fn run(args: &cli::Demo, clock: Arc<dyn Clock>) -> anyhow::Result<ExitCode> {
    let stories = stories(&args.stories)?;
    if args.list {
        for (name, story) in &stories {
            print_line(&format!("{name}\n    {}\n    {}", story.title, story.title_ja))?;
        }
        flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let layout = Layout::create(&args.data.directory)?;
    let stage = Stage::open(&layout, clock).await?;
    for (name, story) in &stories {
        match stage.tell(name, story).await? {
            None => note(&format!("{name} was told here before")),
            Some(told) => show(story, &told)?,
        }
    }
    flush()?;
    let folder = args.data.directory.display();
    note(&format!("`mimamori serve --data {folder}` shows them in the console, under Devices"));
    Ok(ExitCode::SUCCESS)
}

/// The stories of these names, or all; each with its name.
fn stories(wanted: &[String]) -> anyhow::Result<Vec<(String, Story)>> {
    let mut all = Vec::new();
    for (path, text) in embedded::STORIES {
        let story = Story::parse(text).with_context(|| format!("could not read {path}"))?;
        let name = path.trim_start_matches("demo/").trim_end_matches(".ndjson");
        all.push((name.to_owned(), story));
    }
    let known: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(name)) {
        bail!("there is no story {unknown:?}; the stories are {}", known.join(", "));
    }
    all.retain(|(name, _)| wanted.is_empty() || wanted.contains(name));
    Ok(all)
}

/// Where stories are told: a data folder that no server uses.
struct Stage {
    lake: Arc<Lake>,
    control: Arc<Control>,
    compiled: Arc<Compiled>,
    clock: Arc<dyn Clock>,
    /// Held as long as stories are told.
    _lock: std::fs::File,
}

/// What was told: the events with the place of their stage, and the alerts.
struct Told {
    events: Vec<(Option<usize>, Event)>,
    alerts: Vec<Alert>,
}

impl Stage {
    async fn open(layout: &Layout, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let lock = server::lock(layout)?;
        let mut sources = RuleFiles::embedded();
        if layout.own_rules().is_dir() {
            sources = sources.and(RuleFiles::read(&[layout.own_rules()])?);
        }
        let compiled = Arc::new(sources.compile());
        let lake = Arc::new(Lake::open(&layout.lake(), Access::Write).await?);
        let rules = RulesSummary { loaded: compiled.rules.rules().len(), refused: Vec::new() };
        let store = database::address(layout, None)?;
        let (its_lake, its_clock) = (Arc::clone(&lake), Arc::clone(&clock));
        let control =
            Control::open_at(&layout.server(), &store, its_lake, rules, its_clock).await?;
        let devices = control.device_owners_here().await?;
        if let Some(real) = devices.iter().find(|device| !device.name.starts_with(DEVICE_PREFIX)) {
            bail!(
                "{} holds the real device {}; name a folder of its own for the stories with --data",
                layout.root().display(),
                real.name
            );
        }
        Ok(Self { lake, control: Arc::new(control), compiled, clock, _lock: lock })
    }

    /// Tells a story that ends a minute ago: enrols its devices, takes its events the way of the live ones (stamped
    /// with what the server knows, judged in their order, the inventory taken) and commits all of it at once. `None` when it was told here before.
    async fn tell(&self, name: &str, story: &Story) -> anyhow::Result<Option<Told>> {
        let device_name = |own: &str| format!("{DEVICE_PREFIX}{name}:{own}");
        let known = self.control.device_owners_here().await?;
        let first = story.devices.first().context("the story has no device")?;
        if known.iter().any(|device| device.name == device_name(&first.name)) {
            return Ok(None);
        }
        let uses = u32::try_from(story.devices.len()).context("the story has too many devices")?;
        let token = self.control.issue_enrolment_token(uses).await?;
        let mut identities = Vec::new();
        for device in &story.devices {
            let request = certificate_request()?;
            let (name, system) = (device_name(&device.name), device.product.as_str());
            let enrolled = self.control.enrol(&token, &request, &name, system).await?;
            self.assign(enrolled.device, device).await?;
            identities.push((enrolled.device, enrolled.agent, epoch()?));
        }
        let now = self.clock.now();
        let length_ns = story.length_ns().saturating_add(ENDED_AGO_NS);
        let begin = Timestamp::from_nanos(now.nanos().saturating_sub(length_ns));
        let told = self.judge(story.events(begin, |place| identities[place])).await?;
        let of_inventory = |event: &Event| event.kind.family() == Family::Inventory;
        let inventory: Vec<Event> = told
            .events
            .iter()
            .map(|(_, event)| event)
            .filter(|it| of_inventory(it))
            .cloned()
            .collect();
        if let Some(refused) = self.control.take_inventory(&inventory).await?.refused.first() {
            bail!("an inventory event of the story is refused: {}", refused.reason);
        }
        self.lake.commit(commit(&told, &identities, now)).await?;
        self.control.take_alerts(&told.alerts).await?;
        Ok(Some(told))
    }

    /// Says whose the device is.
    async fn assign(&self, id: DeviceId, device: &StoryDevice) -> anyhow::Result<()> {
        if let Some(department) = &device.department {
            self.control.add_department(Principal::Machine, department).await?;
            self.control.set_device_department(Principal::Machine, id, Some(department)).await?;
        }
        if !device.groups.is_empty() {
            self.control.set_device_groups(Principal::Machine, id, &device.groups).await?;
        }
        Ok(())
    }

    async fn judge(&self, mut events: Vec<(Option<usize>, Event)>) -> anyhow::Result<Told> {
        // Opened for each story: its devices are known now, and so is what the stories before it ran.
        let control = Arc::clone(&self.control);
        let (mut context, _) = EventContext::open(control, &self.lake, self.clock.as_ref()).await?;
        for (_, event) in &mut events {
            context.stamp(event);
        }
        // State of its own: that of the live stream, which lies in the lake, is not touched.
        let mut judge = Judge::new(Arc::clone(&self.compiled), Arc::clone(&self.clock));
        let mut alerts: Vec<Alert> =
            events.iter().flat_map(|(_, event)| judge.alerts(event)).collect();
        alerts.extend(judge.due());
        Ok(Told { events, alerts })
    }
}

fn commit(told: &Told, identities: &[(DeviceId, AgentId, EpochId)], now: Timestamp) -> Commit {
    let advance = |(_, agent, epoch): &(DeviceId, AgentId, EpochId)| {
        let own = told.events.iter().filter(|(_, event)| event.stream.agent == *agent);
        let last = own.map(|(_, event)| event.stream.seq).max()?;
        Some(Advance { agent: *agent, epoch: *epoch, first: 1, last, lost: Vec::new() })
    };
    Commit {
        events: told.events.iter().map(|(_, event)| event.clone()).collect(),
        alerts: told.alerts.clone(),
        advances: identities.iter().filter_map(advance).collect(),
        committed_at: now,
        checkpoint: None,
        tallies: Vec::new(),
    }
}

/// A request for a certificate whose key is forgotten: nobody will ever speak for a device of a story.
fn certificate_request() -> anyhow::Result<String> {
    let key = rcgen::KeyPair::generate()?;
    let parameters = rcgen::CertificateParams::new(Vec::new())?;
    Ok(parameters.serialize_request(&key)?.pem()?)
}

fn epoch() -> anyhow::Result<EpochId> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).context("the operating system gave no random bytes")?;
    Ok(EpochId::from_bits(u128::from_be_bytes(bits)))
}

/// Each stage, with when it began and the rules that noticed it.
fn show(story: &Story, told: &Told) -> anyhow::Result<()> {
    let (events, alerts) = (told.events.len(), told.alerts.len());
    print_line(&format!("{} ({events} events, {alerts} alerts)", story.title))?;
    for (place, stage) in story.stages.iter().enumerate() {
        let own: Vec<&Event> =
            told.events.iter().filter(|(of, _)| *of == Some(place)).map(|(_, it)| it).collect();
        let begun = own.first().map(|event| event.observed_at.to_string()).unwrap_or_default();
        print_line(&format!("  {begun}  {}", stage.title))?;
        let mut shown = Vec::new();
        for alert in &told.alerts {
            let named = (alert.level.name(), alert.rule_title.as_str());
            if own.iter().any(|event| event.stream == alert.stream) && !shown.contains(&named) {
                shown.push(named);
            }
        }
        for (level, title) in shown {
            print_line(&format!("      {level:13} {title}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use control::view::TimeRange;
    use model::Level;
    use std::collections::BTreeSet;

    #[tokio::test(flavor = "multi_thread")]
    async fn stories_are_in_the_lake_with_their_alerts_once_and_for_all() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let layout = Layout::create(folder.path()).expect("the layout can be made");
        let stage = Stage::open(&layout, Arc::new(SystemClock::new())).await.expect("opens");
        let stories = stories(&[]).expect("stories can be read");
        assert!(stories.len() >= 9);
        let (mut events, mut alerts) = (0, BTreeSet::new());
        for (name, story) in &stories {
            let told = stage.tell(name, story).await.expect("is told").expect("for the first time");
            assert_eq!(told.events.len(), story.happenings.len());
            events += told.events.len();
            for (place, stage) in story.stages.iter().enumerate() {
                let keys: BTreeSet<_> = told
                    .events
                    .iter()
                    .filter(|(of, _)| *of == Some(place))
                    .map(|(_, event)| event.stream)
                    .collect();
                let noticed = told.alerts.iter().any(|alert| keys.contains(&alert.stream));
                assert!(noticed, "{name}: {}", stage.title);
            }
            alerts.extend(told.alerts.iter().map(|alert| alert.id.to_string()));
            assert!(stage.tell(name, story).await.expect("is asked again").is_none());
        }
        let counts = stage.lake.count_stored().await.expect("counts");
        assert_eq!(counts.iter().map(|count| count.stored).sum::<u64>(), events as u64);
        let stored = stage.lake.query("SELECT id FROM alert", 100_000).await.expect("a table");
        let stored: BTreeSet<String> =
            stored.rows.iter().filter_map(|row| row[0].as_text().map(ToOwned::to_owned)).collect();
        assert_eq!(stored, alerts);
        let devices = stage.control.device_owners_here().await.expect("a list");
        let told: usize = stories.iter().map(|(_, story)| story.devices.len()).sum();
        assert_eq!(devices.len(), told);
    }

    /// Own rules over what only the server knows show in the stories, too.
    #[tokio::test(flavor = "multi_thread")]
    async fn events_of_stories_carry_the_context_of_the_server() {
        const OWN: &str = "title: Tool of a stranger in sales\nid: own-context\nlevel: high\nlogsource: {product: windows, category: process_creation}\ndetection: {s: {Department: 営業部, DeviceGroups: 本社, Prevalence30d: 1, FirstSeenDays: 0, Image|endswith: \\AnyDesk.exe, ParentChain|exists: true, SoftwareDecision: [unapproved, candidate]}, condition: s}\n";
        let folder = tempfile::tempdir().expect("a folder can be made");
        let layout = Layout::create(folder.path()).expect("the layout can be made");
        std::fs::create_dir_all(layout.own_rules()).expect("made");
        std::fs::write(layout.own_rules().join("own.yml"), OWN).expect("written");
        let stage = Stage::open(&layout, Arc::new(SystemClock::new())).await.expect("opens");
        let (name, story) = stories(&["support_scam".to_owned()]).expect("is there").remove(0);
        let told = stage.tell(&name, &story).await.expect("is told").expect("for the first time");
        let own = told.alerts.iter().find(|alert| alert.rule_id == "own-context");
        let fields = &own.expect("the own rule matches").fields;
        assert!(fields.text("SoftwareTitle").or(fields.text("SoftwareDecision")).is_some());
        // What is stored is what was judged: looking back finds the same.
        let sql = "SELECT count(*) FROM process WHERE department = '営業部' AND prevalence_30d = 1";
        let rows = stage.lake.query(sql, 10).await.expect("a table");
        assert!(rows.rows[0][0].as_int().is_some_and(|count| count > 3), "{:?}", rows.rows);
        // The program is in the inventory, where requests and findings see it.
        let sql = "SELECT count(*) FROM inventory WHERE software_source = 'executed'";
        let rows = stage.lake.query(sql, 10).await.expect("a table");
        assert_eq!(rows.rows[0][0].as_int(), Some(1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_story_shows_as_a_timeline_with_its_stages_in_order() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let layout = Layout::create(folder.path()).expect("the layout can be made");
        let stage = Stage::open(&layout, Arc::new(SystemClock::new())).await.expect("opens");
        let control = &stage.control;
        let token = control.issue_sign_in_token("administrator").await.expect("a token");
        let secret = control.sign_in(&token).await.expect("signs in").secret;
        let actor = control.actor(&secret).await.expect("is signed in");
        let mut longest = 0;
        for (name, story) in &stories(&[]).expect("stories can be read") {
            let told = stage.tell(name, story).await.expect("is told").expect("for the first time");
            let times = || told.events.iter().map(|(_, event)| event.observed_at);
            let (first, last) = (times().min().expect("one"), times().max().expect("one"));
            let range = TimeRange { from: first, to: last.plus_nanos(60_000_000_000) };
            let devices: BTreeSet<DeviceId> =
                told.events.iter().map(|(_, event)| event.device).collect();
            let devices: Vec<DeviceId> = devices.into_iter().collect();
            let timeline = control.timeline(&actor, &devices, range).await.expect("a timeline");
            assert!(!timeline.stages.is_empty(), "{name}");
            longest = longest.max(timeline.stages.len());
            assert!(timeline.stages.iter().all(|stage| stage.tactic.is_some()), "{name}");
            let entries: Vec<_> = timeline.stages.iter().flat_map(|stage| &stage.entries).collect();
            assert!(entries.is_sorted_by_key(|entry| entry.at), "{name}");
            let shown: Vec<String> = entries
                .iter()
                .flat_map(|entry| &entry.alerts)
                .map(|alert| alert.id.to_string())
                .collect();
            let mut once: Vec<&String> = shown.iter().collect();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), shown.len(), "{name}: an alert stands there twice");
            let in_range = |alert: &&Alert| {
                alert.level > Level::Informational
                    && (range.from..range.to).contains(&alert.observed_at)
            };
            // A story of hundreds of renamed files is cut, and says so.
            if timeline.truncated || timeline.earlier.is_some() {
                continue;
            }
            for alert in told.alerts.iter().filter(in_range) {
                let id = alert.id.to_string();
                assert!(shown.contains(&id), "{name}: {} is missing", alert.rule_title);
            }
            // Every stage that the author told is seen, in the author's order.
            let mut seen_from = 0;
            for (place, own) in story.stages.iter().enumerate() {
                let keys: BTreeSet<_> = told
                    .events
                    .iter()
                    .filter(|(of, _)| *of == Some(place))
                    .map(|(_, event)| event.stream)
                    .collect();
                let of_stage = |entry: &&control::view::detections::TimelineEntry| {
                    entry.alerts.iter().any(|alert| keys.contains(&alert.stream))
                };
                let at = entries.iter().position(of_stage);
                let at = at.unwrap_or_else(|| panic!("{name}: {} is not seen", own.title));
                assert!(at >= seen_from, "{name}: {} comes too early", own.title);
                seen_from = at;
            }
        }
        assert!(longest >= 3, "some attack has several stages: {longest}");
        let folded = control.catch_up_alerts().await.expect("nothing is left");
        assert_eq!(folded.alerts, 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_folder_with_real_devices_or_a_running_server_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let layout = Layout::create(folder.path()).expect("the layout can be made");
        let clock = Arc::new(SystemClock::new());
        let stage = Stage::open(&layout, clock.clone()).await.expect("opens");
        let refused = Stage::open(&layout, clock.clone()).await.map(|_| ());
        let refused = refused.expect_err("somebody uses it").to_string();
        assert!(refused.contains("another server uses"), "{refused}");
        let token = stage.control.issue_enrolment_token(1).await.expect("a token");
        let request = certificate_request().expect("a request");
        stage.control.enrol(&token, &request, "web-01", "Debian").await.expect("enrols");
        drop(stage);
        let refused = Stage::open(&layout, clock).await.map(|_| ());
        let refused = refused.expect_err("there is a real device").to_string();
        assert!(refused.contains("the real device web-01"), "{refused}");
    }
}
