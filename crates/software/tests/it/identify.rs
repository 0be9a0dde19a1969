use model::Timestamp;
use software::{
    Alias, EvidenceKind, Identifier, NORMALISER_VERSION, Observed, Outcome, Title, TitleId, Titles,
    seed,
};
use std::sync::LazyLock;

static SEED: LazyLock<Titles> = LazyLock::new(|| Titles::new(seed::titles().to_vec()));

fn item<'a>(
    source: &'a str,
    name: &'a str,
    publisher: &'a str,
    identifier: &'a str,
    install_source: &'a str,
) -> Observed<'a> {
    Observed { source, name, publisher, identifier, install_source, ..Observed::default() }
}

#[track_caller]
fn confirmed(observed: Observed<'_>, title: &str) {
    let found = SEED.identify(&observed);
    assert_eq!(
        found.outcome.confirmed().map(TitleId::as_str),
        Some(title),
        "{observed:?}: {:#?}",
        found.steps
    );
}

#[track_caller]
fn candidate(observed: Observed<'_>, title: &str) {
    let found = SEED.identify(&observed);
    match &found.outcome {
        Outcome::Candidates(list) => assert_eq!(
            list.first().map(|one| one.title.as_str()),
            Some(title),
            "{:#?}",
            found.steps
        ),
        other => panic!("{observed:?} is {other:?}: {:#?}", found.steps),
    }
}

#[track_caller]
fn none(observed: Observed<'_>) {
    let found = SEED.identify(&observed);
    assert_eq!(found.outcome, Outcome::None, "{observed:?}: {:#?}", found.steps);
}

#[test]
fn two_independent_evidences_one_of_them_the_vendors_confirm() {
    confirmed(
        item("dpkg", "zoom", "Zoom Communications, Inc. <linux-dev@zoom.us>", "deb:zoom", ""),
        "zoom",
    );
    confirmed(
        item(
            "dpkg",
            "firefox-esr",
            "Maintainers of Mozilla-related packages <x@example.org>",
            "deb:firefox-esr",
            "Debian",
        ),
        "firefox-esr",
    );
    confirmed(item("dpkg", "curl", "Somebody", "deb:curl", "Debian"), "curl");
    confirmed(
        item("chrome", "uBlock Origin", "", "cjpalhdlnbpafiamejdnhcphjbkeiagm", "webstore"),
        "ublock-origin",
    );
    confirmed(
        item("chrome", "another name now", "", "cjpalhdlnbpafiamejdnhcphjbkeiagm", "webstore"),
        "ublock-origin",
    );
    confirmed(
        item("edge", "uBlock Origin", "", "odfafepnkmbhccpbejgmiehpchacaeak", ""),
        "ublock-origin",
    );
    confirmed(item("firefox", "uBlock Origin", "", "uBlock0@raymondhill.net", ""), "ublock-origin");
    confirmed(item("flatpak", "Slack", "", "flatpak:com.slack.Slack", "flathub"), "slack");
    confirmed(
        item("", "Zoom Workplace (64-bit)", "Zoom Video Communications, Inc.", "", ""),
        "zoom",
    );
    confirmed(item("", "一太郎2023", "株式会社ジャストシステム", "", ""), "ichitaro");
    confirmed(item("", "Mozilla Firefox ESR (x64 ja)", "Mozilla", "", ""), "firefox-esr");
    confirmed(item("", "Mozilla Firefox (x64 ja)", "Mozilla", "", ""), "firefox");
    let downloaded = Observed {
        origin_url: "https://zoom.us/client/latest/zoom.bin",
        ..Observed::named("zoom")
    };
    confirmed(downloaded, "zoom");
    let signed = Observed { signer: "AnyDesk Software GmbH", ..Observed::named("AnyDesk.exe") };
    confirmed(signed, "anydesk");
}

#[test]
fn one_word_alone_never_confirms() {
    candidate(Observed::named("Zoom"), "zoom");
    candidate(Observed::named("ズーム"), "zoom");
    candidate(item("executed", "anydesk", "", "", ""), "anydesk");
    candidate(item("", "Zoom", "Somebody Else Ltd", "", ""), "zoom");
    candidate(item("", "サクラエディッタ", "", "", ""), "sakura-editor");
    // The package's name is its id: written twice it is one evidence.
    candidate(item("dpkg", "anydesk", "", "deb:anydesk", ""), "anydesk");
    // Whoever loads an unpacked folder writes its id himself.
    candidate(
        item("chrome", "uBlock Origin", "", "cjpalhdlnbpafiamejdnhcphjbkeiagm", "unpacked"),
        "ublock-origin",
    );
    let elsewhere =
        Observed { origin_url: "https://zoom.us.evil.example/zoom", ..Observed::named("zoom") };
    candidate(elsewhere, "zoom");
}

#[test]
fn identity_keys_come_before_names() {
    // An extension that calls itself Zoom and claims its publisher, under the id of another title.
    let found = SEED.identify(&item(
        "chrome",
        "Zoom Workplace",
        "Zoom Communications, Inc.",
        "gighmmpiobklfepjocnamgkkbiglidom",
        "webstore",
    ));
    assert_eq!(
        found.outcome.confirmed().map(TitleId::as_str),
        Some("adblock"),
        "{:#?}",
        found.steps
    );
}

#[test]
fn traps_of_other_matchers_are_none() {
    // Names that others took for vendors they share one word with.
    for name in [
        "Logi Bolt",
        "Mist",
        "WallpaperAgent.app",
        "Fleet Desktop",
        "libzoom-dev",
        "Umbrella menu helper",
    ] {
        none(item("", name, "", "", ""));
    }
    none(item("dpkg", "libc6", "GNU Libc Maintainers <x@example.org>", "deb:libc6", "Debian"));
    none(item(
        "dpkg",
        "vim-common",
        "Debian Vim Maintainers <x@example.org>",
        "deb:vim-common",
        "Debian",
    ));
    none(item("chrome", "", "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "webstore"));
    // Packages that differ from a title's by a letter are neighbours in the archive, no slips.
    none(item("dpkg", "nanom", "", "deb:nanom", ""));
    none(item("dpkg", "zoomx", "", "deb:zoomx", ""));
    none(Observed::default());
}

fn rule(title: Option<&str>) -> Alias {
    Alias {
        identifier: None,
        name: "社内ビューア".to_owned(),
        publisher: String::new(),
        title: title.map(|id| TitleId::parse(id).expect("an id")),
        by: "hanako".to_owned(),
        at: Timestamp::from_nanos(1),
        reason: String::new(),
        expires_at: Some(Timestamp::from_nanos(100)),
        normaliser_version: NORMALISER_VERSION,
    }
}

#[test]
fn an_analysts_rule_decides_until_it_expires() {
    let titles =
        |rules, now| Titles::with_rules(seed::titles().to_vec(), rules, Timestamp::from_nanos(now));
    let observed = Observed::named("社内ビューア Ver.2.1 (64-bit)");
    let found = titles(vec![rule(Some("zoom"))], 50).identify(&observed);
    assert_eq!(found.outcome.confirmed().map(TitleId::as_str), Some("zoom"));
    assert_eq!(found.evidence.first().map(|one| one.kind), Some(EvidenceKind::Rule));
    assert!(
        found.steps.iter().any(|step| step.en.contains("hanako") && step.ja.contains("hanako"))
    );
    assert_eq!(
        titles(vec![rule(Some("zoom"))], 100).identify(&observed).outcome,
        Outcome::None,
        "expired"
    );
    assert_eq!(
        titles(vec![rule(Some("no-such-title"))], 50).identify(&observed).outcome,
        Outcome::None
    );
    // "None of ours" stops a proposal; the rule with more conditions wins.
    let not_ours = Alias { name: "Zoom".to_owned(), ..rule(None) };
    let by_publisher =
        Alias { name: "Zoom".to_owned(), publisher: "Acme GmbH".to_owned(), ..rule(Some("zoom")) };
    let both = titles(vec![by_publisher, not_ours], 50);
    assert_eq!(both.identify(&Observed::named("Zoom")).outcome, Outcome::None);
    let acme = Observed { publisher: "ACME", ..Observed::named("Zoom") };
    assert_eq!(both.identify(&acme).outcome.confirmed().map(TitleId::as_str), Some("zoom"));
    let empty = Alias { name: String::new(), ..rule(Some("zoom")) };
    assert_eq!(
        titles(vec![empty], 50).identify(&Observed::named("anything")).outcome,
        Outcome::None,
        "no condition, no effect"
    );
}

#[test]
fn explanations_speak_both_languages() {
    let found = SEED.identify(&item("dpkg", "zoom", "Zoom Communications, Inc.", "deb:zoom", ""));
    assert!(found.steps.len() >= 4);
    for step in &found.steps {
        assert!(!step.en.is_empty() && step.en.is_ascii(), "{}", step.en);
        assert!(
            step.ja.chars().any(|letter| ('\u{3040}'..='\u{9FFF}').contains(&letter)),
            "{}",
            step.ja
        );
    }
    assert_eq!(found.normaliser_version, NORMALISER_VERSION);
}

#[test]
fn what_is_remembered_is_what_was_found() {
    let mut memo = software::Memo::new();
    for observed in [
        item("dpkg", "zoom", "", "deb:zoom", ""),
        item("dpkg", "zoom", "", "", ""),
        Observed::named("ab"),
        item("a", "b", "", "", ""),
    ] {
        assert_eq!(*memo.identify(&SEED, &observed), SEED.identify(&observed));
        assert_eq!(*memo.identify(&SEED, &observed), SEED.identify(&observed));
    }
    assert_eq!(memo.len(), 4);
}

#[test]
fn the_seed_is_large_and_every_title_finds_itself() {
    let titles = seed::titles();
    assert!(titles.len() >= 150, "{}", titles.len());
    for title in titles {
        assert!(!title.categories.is_empty(), "{}", title.id);
        for identifier in &title.identifiers {
            let sharing = SEED.by_identifier(identifier);
            let signer = matches!(
                identifier.kind,
                software::IdentifierKind::Team | software::IdentifierKind::Signer
            );
            assert!(signer || sharing.len() == 1, "{identifier} belongs to {}", sharing.len());
            if matches!(
                identifier.kind,
                software::IdentifierKind::ChromeExtension | software::IdentifierKind::EdgeExtension
            ) {
                assert!(
                    identifier.value.len() == 32
                        && identifier.value.bytes().all(|byte| (b'a'..=b'p').contains(&byte)),
                    "{identifier}"
                );
            }
        }
        for name in title.names() {
            let hits = SEED.search(name, 20);
            assert!(
                hits.iter().any(|hit| hit.title == title.id),
                "{} is not found by {name:?}",
                title.id
            );
        }
    }
}

#[test]
fn titles_and_identifiers_keep_their_text_form() {
    for text in [
        "deb:zoom",
        "firefox-addon:{446900e4-71c2-419f-a6a7-df9c091e268b}",
        "cpe:cpe:2.3:a:zoom:zoom:*:*:*:*:*:*:*:*",
    ] {
        assert_eq!(Identifier::parse(text).expect(text).to_string(), text);
    }
    assert_eq!(Identifier::parse("deb:zoom:amd64").expect("with architecture").value, "zoom");
    for wrong in ["zoom", "nokind:zoom", "deb:", "deb: "] {
        assert!(Identifier::parse(wrong).is_err(), "{wrong}");
    }
    for wrong in ["", "Zoom", "a b", "../x", "ズーム"] {
        assert!(TitleId::parse(wrong).is_err(), "{wrong}");
    }
    assert!(
        seed::parse("[[title]]\nid='a'\nname='A'\n[[title]]\nid='a'\nname='B'").is_err(),
        "an id twice"
    );
    let replaced = Titles::new(vec![
        Title::new(TitleId::parse("a").expect("id"), "Old"),
        Title::new(TitleId::parse("a").expect("id"), "New"),
    ]);
    assert_eq!(
        (replaced.len(), replaced.search("old", 5).len(), replaced.search("new", 5).len()),
        (1, 0, 1)
    );
}
