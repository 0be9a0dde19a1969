//! What the software check costs: a company of 5,800 devices with 200 items each matched with its catalogue, one
//! changed device, and the search while typing. `cargo xtask bench`; docs/benchmarks.md has the results.
#![expect(clippy::print_stdout, reason = "a benchmark prints its result")]
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use model::inventory::{InventoryItem, SoftwareSource};
use software::version::Ranges;
use software::{Identifier, IdentifierKind, Memo, Observed, Outcome, Title, TitleId, Titles, seed};
use std::collections::HashMap;
use std::time::{Duration, Instant};

const DEVICES: usize = 5_800;
const ITEMS_EACH: usize = 200;
/// Different items in the whole company: packages repeat from device to device, executed files and extensions less.
const DISTINCT: usize = 15_000;
const TITLES: usize = 10_000;

fn main() {
    let catalogue = catalogue();
    let began = Instant::now();
    let titles = Titles::new(catalogue);
    println!("index of {} titles            {:8.1} ms", titles.len(), ms(began.elapsed()));
    let verdicts: HashMap<TitleId, Ranges> = titles
        .iter()
        .step_by(2)
        .map(|title| (title.id.clone(), Ranges::parse(">=1.0, <90").expect("a range")))
        .collect();
    let pool = pool();
    company(&titles, &verdicts, &pool);
    every_item_new(&titles, &verdicts, &pool);
    one_device(&titles, &verdicts, &pool);
    searches(&titles);
    println!("peak memory                      {:8.0} MiB", peak_mib());
}

/// Devices one after the other, as they come from the store; an item that was seen before is remembered.
fn company(titles: &Titles, verdicts: &HashMap<TitleId, Ranges>, pool: &[InventoryItem]) {
    let mut draw = Draw(7);
    let mut memo = Memo::new();
    let (mut confirmed, mut approved, mut candidates) = (0, 0, 0);
    let began = Instant::now();
    for _ in 0..DEVICES {
        let items: Vec<InventoryItem> =
            (0..ITEMS_EACH).map(|_| pool[draw.skewed(pool.len())].clone()).collect();
        for item in &items {
            let found = memo.identify(titles, &Observed::from(item));
            match &found.outcome {
                Outcome::Confirmed(title) => {
                    confirmed += 1;
                    approved += usize::from(allows(titles, verdicts, title, item));
                }
                Outcome::Candidates(_) => candidates += 1,
                Outcome::None => {}
            }
        }
    }
    println!(
        "{DEVICES} devices x {ITEMS_EACH} items        {:8.1} ms; {} different items, {confirmed} confirmed ({approved} approved), {candidates} to be asked",
        ms(began.elapsed()),
        memo.len()
    );
}

/// The cost when nothing repeats.
fn every_item_new(titles: &Titles, verdicts: &HashMap<TitleId, Ranges>, pool: &[InventoryItem]) {
    let began = Instant::now();
    let approved = pool.iter().filter(|item| judged(titles, verdicts, item)).count();
    let took = began.elapsed();
    let each_us = took.as_secs_f64() * 1e6 / pool.len() as f64;
    println!(
        "one item never seen before       {each_us:8.2} µs; as many as above, all different: {:.1} s ({approved} approved)",
        each_us * (DEVICES * ITEMS_EACH) as f64 / 1e6
    );
}

fn one_device(titles: &Titles, verdicts: &HashMap<TitleId, Ranges>, pool: &[InventoryItem]) {
    let mut draw = Draw(11);
    let mut slowest = Duration::ZERO;
    for _ in 0..50 {
        let items: Vec<&InventoryItem> =
            (0..ITEMS_EACH).map(|_| &pool[draw.skewed(pool.len())]).collect();
        let began = Instant::now();
        let approved = items.iter().filter(|item| judged(titles, verdicts, item)).count();
        slowest = slowest.max(began.elapsed());
        assert!(approved <= ITEMS_EACH);
    }
    println!("one changed device, nothing remembered, slowest of 50 {:.2} ms", ms(slowest));
}

fn searches(titles: &Titles) {
    let queries = [
        "z",
        "zo",
        "zoom",
        "ズーム",
        "ｚｏｏｍ",
        "ずーむ",
        "chorme",
        "google",
        "サクラエディタ",
        "秀丸",
        "一太郎",
        "remote",
        "リモート",
        "micro",
        "adobe acrobat reader",
        "tool 12",
        "tool",
        "クラウド",
        "ツール 3",
        "dropbx",
        "no such thing at all",
    ];
    let mut times: Vec<(Duration, &str)> = Vec::new();
    for query in queries {
        for typed in
            (1..=query.chars().count()).map(|end| query.chars().take(end).collect::<String>())
        {
            let began = Instant::now();
            let hits = titles.search(&typed, 20).len() + titles.similar(&typed).len();
            times.push((began.elapsed(), query));
            assert!(hits <= 40);
        }
    }
    times.sort();
    let (slowest, query) = times.last().expect("there are queries");
    let median = times[times.len() / 2].0;
    println!(
        "search and duplicate warning, {} keystrokes: median {:.2} ms, slowest {:.2} ms ({query})",
        times.len(),
        ms(median),
        ms(*slowest)
    );
}

fn judged(titles: &Titles, verdicts: &HashMap<TitleId, Ranges>, item: &InventoryItem) -> bool {
    match titles.identify(&Observed::from(item)).outcome {
        Outcome::Confirmed(title) => allows(titles, verdicts, &title, item),
        _ => false,
    }
}

fn allows(
    titles: &Titles,
    verdicts: &HashMap<TitleId, Ranges>,
    title: &TitleId,
    item: &InventoryItem,
) -> bool {
    let scheme = titles.get(title).map(|title| title.version_scheme).unwrap_or_default();
    verdicts.get(title).is_some_and(|ranges| ranges.contains(scheme, &item.version))
}

/// The curated titles, and made ones until there are 10,000: names of two or three words, a third with a Japanese one.
fn catalogue() -> Vec<Title> {
    let mut titles = seed::titles().to_vec();
    for number in titles.len()..TITLES {
        let id = TitleId::parse(&format!("made-{number}")).expect("an id");
        let mut title = Title::new(id, made_name(number));
        if number % 3 == 0 {
            title.name_ja = format!("{} {}", JAPANESE[number % JAPANESE.len()], number / 3);
        }
        title.publisher = format!("{} Software, Inc.", WORDS[number % WORDS.len()]);
        title.aliases =
            vec![format!("{} {}", WORDS[number / 7 % WORDS.len()], number), format!("mt{number}")];
        title.identifiers = vec![Identifier::new(IdentifierKind::Deb, &format!("made-{number}"))];
        title.official_hosts = vec![format!("made{number}.example.com")];
        titles.push(title);
    }
    titles
}

fn made_name(number: usize) -> String {
    let word = |step: usize| WORDS[number / step % WORDS.len()];
    format!("{} {} {}", word(1), word(WORDS.len()), number)
}

/// A third known packages, the rest libraries and tools that no catalogue knows, as on real machines.
fn pool() -> Vec<InventoryItem> {
    let known = seed::titles();
    (0..DISTINCT)
        .map(|number| {
            let version = format!("{}.{}.{}", number % 97, number % 13, number % 7);
            let (name, publisher, identifier, source) = if number % 3 == 0 {
                let title = &known[number % known.len()];
                (
                    format!("{} {version} (64-bit)", title.name),
                    title.publisher.clone(),
                    String::new(),
                    SoftwareSource::Executed,
                )
            } else if number % 3 == 1 {
                let id = format!("made-{}", number % TITLES);
                (made_name(number), String::new(), format!("deb:{id}"), SoftwareSource::Dpkg)
            } else {
                let name =
                    format!("lib{}{}-dev", WORDS[number % WORDS.len()].to_lowercase(), number);
                (
                    name.clone(),
                    "Debian Developers <devel@lists.debian.org>".to_owned(),
                    format!("deb:{name}"),
                    SoftwareSource::Dpkg,
                )
            };
            InventoryItem {
                source,
                key: format!("{identifier}{number}"),
                name,
                version,
                publisher,
                identifier,
                architecture: "amd64".to_owned(),
                path: format!("/usr/lib/{number}"),
                user: String::new(),
                profile: String::new(),
                permissions: Vec::new(),
                install_source: if number % 3 == 0 { String::new() } else { "Debian".to_owned() },
                origin_url: String::new(),
                sha256: String::new(),
                signer: String::new(),
                size_bytes: Some(1),
                enabled: None,
                installed_at: None,
            }
        })
        .collect()
}

/// A small generator of numbers, so that every run draws the same.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    /// Small numbers far more often than large ones: everybody has the same packages.
    fn skewed(&mut self, below: usize) -> usize {
        let unit = self.next() as f64 / (1_u64 << 31) as f64;
        ((unit * unit * unit) * below as f64) as usize % below
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0)
        / 1024.0
}

const WORDS: &[&str] = &[
    "Cloud", "Desk", "Remote", "Note", "Meeting", "Viewer", "Office", "Editor", "Backup", "Print",
    "Scan", "Mail", "Chat", "Drive", "Paint", "Player", "Tool", "Smart", "Micro", "Data", "Form",
    "Link", "Secure", "Speed", "Work", "Team", "Cast", "Zip", "Photo", "Audio",
];
const JAPANESE: &[&str] = &[
    "クラウド管理",
    "デスクトップ共有",
    "会議ツール",
    "帳票エディタ",
    "印刷ユーティリティ",
    "勤怠管理",
    "見積作成",
    "ファイル転送",
    "名刺管理",
    "経費精算",
    "在庫管理",
    "動画プレーヤー",
];
