use software::{How, Title, TitleId, Titles, seed};
use std::sync::LazyLock;

static SEED: LazyLock<Titles> = LazyLock::new(|| Titles::new(seed::titles().to_vec()));

fn best(query: &str) -> String {
    SEED.search(query, 5).first().map_or("nothing".to_owned(), |hit| hit.title.to_string())
}

#[test]
fn zoom_is_one_title_however_it_is_written() {
    for name in [
        "ズーム",
        "Zoom Workplace",
        "ＺＯＯＭ",
        "ｽﾞｰﾑ",
        "zoom",
        "ずーむ",
        "Zoom 5.17.5 (64-bit)",
        "ZOOM Workplace 日本語版",
    ] {
        let hits = SEED.similar(name);
        assert_eq!(
            hits.first().map(|hit| (hit.title.as_str(), hit.how)),
            Some(("zoom", How::Exact)),
            "{name}: {hits:?}"
        );
    }
}

#[test]
fn a_search_finds_prefixes_words_parts_and_slips() {
    for (query, title) in [
        ("ズー", "zoom"),
        ("chorme", "google-chrome"),
        ("google chrome", "google-chrome"),
        ("クローム", "google-chrome"),
        ("firefx", "firefox"),
        ("いちたろう", "ichitaro"),
        ("一太", "ichitaro"),
        ("ひでまる", "hidemaru"),
        ("サクラエデイタ", "sakura-editor"),
        ("さくらえでぃた", "sakura-editor"),
        ("7zip", "7-zip"),
        ("セブンジップ", "7-zip"),
        ("dropbx", "dropbox"),
        ("teamveiwer", "teamviewer"),
        ("ublock", "ublock-origin"),
        ("エバーノート", "evernote"),
        ("notepad", "notepad-plus-plus"),
        ("chatgpt", "chatgpt"),
        ("reader acrobat", "acrobat-reader"),
        ("ウイルスバスタ", "virus-buster"),
        ("キャノン", "canon-printer"),
    ] {
        assert_eq!(best(query), title, "{query}: {:?}", SEED.search(query, 5));
    }
    assert!(SEED.search("", 5).is_empty());
    assert!(SEED.search("!!! ---", 5).is_empty());
    assert!(SEED.search("qqqqqqqqqq", 5).is_empty());
    assert!(SEED.search("e", 3).len() <= 3);
}

#[test]
fn each_title_comes_once_and_the_best_first() {
    let hits = SEED.search("microsoft", 200);
    let mut ids: Vec<&TitleId> = hits.iter().map(|hit| &hit.title).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), hits.len());
    assert!(hits.is_sorted_by_key(|hit| std::cmp::Reverse(hit.score)));
}

#[test]
fn unlike_names_warn_of_nothing() {
    for name in ["社内勤怠システム", "Blorptastic", "X"] {
        assert!(
            SEED.similar(name).iter().all(|hit| hit.how != How::Exact),
            "{name}: {:?}",
            SEED.similar(name)
        );
    }
    assert!(SEED.similar("Blorptastic").is_empty());
}

#[test]
fn skype_and_skype_for_business_are_two_titles() {
    let exact = |name: &str| SEED.similar(name).first().map(|hit| hit.title.to_string());
    assert_eq!(exact("Skype").as_deref(), Some("skype"));
    assert_eq!(exact("Skype for Business 2016").as_deref(), Some("skype-for-business"));
}

#[test]
fn long_and_hostile_queries_are_bounded() {
    let titles = Titles::new(
        (0..500)
            .map(|n| Title::new(TitleId::parse(&format!("t{n}")).expect("id"), "a".repeat(5_000)))
            .collect(),
    );
    assert!(titles.search(&"a".repeat(1 << 20), usize::MAX).len() <= software::limits::HITS_MAX);
    assert!(titles.similar(&"\u{202E}a".repeat(1 << 18)).len() <= software::limits::SIMILAR_MAX);
}
