//! What holds for every text, also hostile ones.

use proptest::prelude::*;
use software::cpe::{Relation, Wfn, relation};
use software::sheet::{guard, read_as, unguard, write};
use software::version::{Ranges, Scheme, compare};
use software::{Observed, Titles, clean, normalise, normalise_publisher, search_key, seed};
use std::cmp::Ordering;
use std::sync::LazyLock;

static SEED: LazyLock<Titles> = LazyLock::new(|| Titles::new(seed::titles().to_vec()));

/// Any text, and texts made of what names are made of.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "Zoom",
        "ズーム",
        "ｽﾞｰﾑ",
        " ",
        "-",
        "(",
        ")",
        "（",
        "x64",
        "64-bit",
        "日本語版",
        "ja",
        "-ja",
        "en-US",
        "Pro",
        "Edition",
        "for",
        "Windows",
        "版",
        "1.2",
        "2023",
        "Ver",
        "ver.",
        "株式会社",
        "㈱",
        "Inc.",
        "Co., Ltd.",
        ".exe",
        "Beta",
        "\u{200B}",
        "\u{202E}",
        "\u{301}",
        "™",
        "①",
        "ﷺ",
        "e",
        "ー",
        "'",
        "=",
        "\u{FFFD}",
        "\u{1F468}\u{200D}\u{1F469}",
        "각",
        "\u{1100}",
        "\u{1161}",
        "<",
        ">",
        ",",
        "/",
        "_",
    ]);
    prop_oneof![
        any::<String>(),
        prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
    ]
}

fn version_text() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "0", "1", "01", "9", "10", "20240115", "2024", ".", "-", "~", "^", "+", ":", "_", "a", "b",
        "z", "za", "p1", "rc1", "beta", "esr", "v", " ", "(5)", "é", "版",
    ]);
    prop_oneof![
        any::<String>(),
        prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
    ]
}

fn cpe_text() -> impl Strategy<Value = String> {
    let value = prop::sample::select(vec![
        "*", "-", "a", "zoom", "1.0", "1.*", "1.?", "*0", "b\\:c", "sp1",
    ]);
    (prop::sample::select(vec!["a", "o", "h", "*", "-"]), prop::collection::vec(value, 10))
        .prop_map(|(part, values)| format!("cpe:2.3:{part}:{}", values.join(":")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn normal_forms_are_fixed_points(raw in text()) {
        let once = clean(&raw);
        prop_assert_eq!(&clean(&once.text).text, &once.text);
        prop_assert!(!clean(&once.text).hidden);
        let name = normalise(&raw);
        let again = normalise(&name.base);
        prop_assert_eq!(&again.base, &name.base);
        prop_assert_eq!(&again.key, &name.key);
        prop_assert!(again.attributes.is_empty());
        prop_assert_eq!(search_key(&name.key), name.key);
        let publisher = normalise_publisher(&raw);
        prop_assert_eq!(normalise_publisher(&publisher.base).key, publisher.key);
    }

    #[test]
    fn versions_are_totally_ordered(a in version_text(), b in version_text(), c in version_text()) {
        for scheme in Scheme::ALL {
            prop_assert_eq!(compare(scheme, &a, &a), Ordering::Equal);
            prop_assert_eq!(compare(scheme, &a, &b), compare(scheme, &b, &a).reverse());
            if compare(scheme, &a, &b) != Ordering::Greater && compare(scheme, &b, &c) != Ordering::Greater {
                prop_assert_ne!(compare(scheme, &a, &c), Ordering::Greater, "{:?}: {:?} {:?} {:?}", scheme, a, b, c);
            }
            if compare(scheme, &a, &b) == Ordering::Equal {
                prop_assert_eq!(compare(scheme, &a, &c), compare(scheme, &b, &c));
            }
        }
    }

    #[test]
    fn ranges_keep_their_text(raw in version_text(), other in version_text()) {
        if let Ok(ranges) = Ranges::parse(&format!(">={raw}, <{other}")) {
            prop_assert_eq!(Ranges::parse(&ranges.to_string()), Ok(ranges));
        }
        if let Ok(ranges) = Ranges::parse(&raw) {
            prop_assert_eq!(Ranges::parse(&ranges.to_string()), Ok(ranges));
        }
    }

    #[test]
    fn cpe_relations_are_antisymmetric(a in cpe_text(), b in cpe_text()) {
        if let (Ok(a), Ok(b)) = (Wfn::parse(&a), Wfn::parse(&b)) {
            let (there, back) = (relation(&a, &b), relation(&b, &a));
            match there {
                Relation::Equal => prop_assert!(back == Relation::Equal && a == b),
                // A name with wildcards is no target: the way back is undefined then.
                Relation::Superset => prop_assert!(matches!(back, Relation::Subset | Relation::Undefined)),
                Relation::Subset => prop_assert!(matches!(back, Relation::Superset | Relation::Undefined)),
                Relation::Disjoint | Relation::Undefined => prop_assert!(back != Relation::Equal),
            }
        }
    }

    #[test]
    fn cpe_bindings_round_trip(text in cpe_text(), raw in text()) {
        if let Ok(name) = Wfn::parse(&text) {
            prop_assert_eq!(&Wfn::of_formatted(&name.formatted()).expect("its own"), &name);
            prop_assert_eq!(&Wfn::of_uri(&name.uri()).expect("its own"), &name, "{}", name.uri());
        }
        if let Ok(name) = Wfn::parse(&format!("cpe:2.3:a:{raw}:*:*:*:*:*:*:*:*:*")) {
            prop_assert_eq!(&Wfn::of_formatted(&name.formatted()).expect("its own"), &name);
            prop_assert_eq!(&Wfn::of_uri(&name.uri()).expect("its own"), &name, "{}", name.uri());
        }
    }

    #[test]
    fn sheets_round_trip(rows in prop::collection::vec(prop::collection::vec(text(), 2..4), 1..6)) {
        for cell in rows.iter().flatten() {
            let guarded = guard(cell);
            prop_assert_eq!(unguard(&guarded), cell);
        }
        // A header first, so that the separator is certain.
        let mut all = vec![vec!["ソフトウェア名".to_owned(), "判定".to_owned()]];
        all.extend(rows);
        for mark in [true, false] {
            let preview = read_as(&write(&all, mark), &[]).expect("its own writing");
            let cells: Vec<Vec<String>> = preview.rows.iter().map(|row| row.cells.clone()).collect();
            prop_assert_eq!(&cells, &all);
            let counts = preview.counts();
            prop_assert_eq!(counts.rows, counts.titles + counts.above + counts.headers + counts.blank + counts.repeats + counts.refused);
        }
    }

    #[test]
    fn nothing_panics_on_any_text(a in text(), b in text(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let observed = Observed { source: "chrome", name: &a, publisher: &b, identifier: &b, install_source: &a, origin_url: &b, sha256: &a, signer: &b };
        let found = SEED.identify(&observed);
        prop_assert!(!found.steps.is_empty());
        prop_assert!(SEED.search(&a, 10).len() <= 10);
        prop_assert!(SEED.similar(&b).len() <= software::limits::SIMILAR_MAX);
        let address = format!("https://{a}/{b}");
        let official = [b.clone(), "github.com/x".to_owned()];
        prop_assert!(!software::origin::judge(&a, &official).why.en.is_empty());
        prop_assert!(!software::origin::judge(&address, &official).why.en.is_empty());
        let raw = [b"Name,OK\n".as_slice(), &bytes].concat();
        if let Ok(preview) = software::sheet::read(&raw) {
            prop_assert_eq!(preview.plan(&SEED).len(), preview.rows.len());
        }
        drop(Wfn::parse(&a));
        if let Ok(name) = Wfn::parse(&format!("cpe:/{a}")) {
            prop_assert!(name.uri().starts_with("cpe:/"));
        }
    }
}
