//! The pages of the software check: both languages, who may open what, hostile texts, and what the forms do.

use crate::office::{Office, form, package, program};
use crate::pages::{doubled_ids, missing};
use crate::support::{Answer, Console, HOST, cookie};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use control::Language;
use control::Role;
use control::view::requests::{CatalogueFilter, Kind};
use model::Clock as _;
use model::inventory::{InventoryMessage, SoftwareSource};

fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    answer.header(header::LOCATION)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test]
async fn every_page_of_the_software_check_speaks_both_languages_and_lacks_no_text() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    for (person, path) in office.pages(&console) {
        let mut bodies = Vec::new();
        for language in ["ja", "en"] {
            let answer = console.get_as(&person.secret, &path, language).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
            assert!(!answer.body.contains('⟦'), "{path}: {}", missing(&answer.body));
            assert!(answer.body.len() <= 100 * 1024, "{path}: {} bytes", answer.body.len());
            assert_eq!(doubled_ids(&answer.body), Vec::<String>::new(), "{path}");
            if path != "/waiting" {
                assert!(answer.body.contains(&format!("<html lang=\"{language}\"")), "{path}");
                assert_eq!(nested_form(&answer.body), None, "{path}");
            }
            bodies.push(answer.body);
        }
        assert_ne!(bodies[0], bodies[1], "{path}");
    }
}

/// A form within a form: browsers drop the inner one, and its button does something else.
fn nested_form(page: &str) -> Option<&str> {
    let mut rest = page;
    while let Some((_, after)) = rest.split_once("<form") {
        let (inner, outer) = after.split_once("</form>")?;
        if inner.contains("<form") {
            return Some(inner);
        }
        rest = outer;
    }
    None
}

#[tokio::test]
async fn an_empty_installation_has_words_for_every_list() {
    let console = Console::empty().await;
    for path in [
        "/catalogue",
        "/requests",
        "/pc",
        "/recommended",
        "/desk",
        "/desk/rechecks",
        "/desk/catalogue?q=qqqq",
        "/desk/recommended",
        "/software",
        "/findings",
        "/exclusions",
        "/outbox",
        "/metrics",
        "/software/candidates",
    ] {
        let page = console.get(path, "en").await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        let says = page.body.contains("class=\"empty\"") || page.body.contains("class=\"faint\"");
        assert!(says, "{path} has nothing to say");
    }
}

#[tokio::test]
async fn nobody_opens_pages_of_another_role() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let all = office.pages(&console);
    let common = |path: &str| {
        ["/catalogue", "/recommended", "/requests", "/pc", "/account"]
            .iter()
            .any(|begin| path.starts_with(begin))
    };
    for (_, path) in &all {
        if common(path) || path == "/" || path == "/waiting" {
            continue;
        }
        let answer = console.get_as(&office.employee.secret, path, "en").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {}", answer.body);
        assert!(answer.body.contains("You do not have permission"), "{path}");
        assert!(!answer.body.contains("portable-notes"), "{path}");
    }
    // Somebody else's request is not even there.
    let path = format!("/requests/{}", office.request);
    let answer = console.get_as(&office.employee.secret, &path, "en").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    // The counts of the first page hold nothing for somebody who may see none of them.
    let waiting = console.get_as(&office.employee.secret, "/waiting", "en").await;
    assert_eq!((waiting.status, waiting.body.trim()), (StatusCode::OK, ""));
    // And the first page leads everybody to the place of his work.
    for (person, expected) in [(&office.employee, "/catalogue"), (&office.reviewer, "/desk")] {
        assert_eq!(location(&console.get_as(&person.secret, "/", "en").await), expected);
    }
}

#[tokio::test]
async fn changes_need_the_permission_and_leave_nothing_behind() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let request = &office.request;
    let finding = &office.finding;
    let device = console.scene.web.enrolled.device;
    let before = console.scene.control.catalogue(None, &CatalogueFilter::default()).await.unwrap();
    for (path, form) in [
        (format!("/desk/requests/{request}/decide"), "outcome=approve&reason=please"),
        (format!("/desk/requests/{request}/take"), ""),
        (format!("/desk/requests/{request}/rule"), "rule=remote-desktop&answer=no"),
        (
            "/desk/policies".to_owned(),
            "id=x&title_ja=a&title_en=a&question_ja=a&question_en=a&ask=yes&verdict=deny&priority=1",
        ),
        ("/desk/policies/rules/remote-desktop/delete".to_owned(), ""),
        ("/desk/catalogue".to_owned(), "id=mine&name=Mine"),
        ("/desk/catalogue/titles/zoom/retire".to_owned(), "reason=because"),
        ("/desk/recommended".to_owned(), "heading_en=Mine"),
        (format!("/findings/{finding}/accept-risk"), "until=2026-09-30&reason=because"),
        (format!("/findings/{finding}/send"), "subject=a&body=b"),
        (
            "/exclusions".to_owned(),
            "class=in_house&field0=name&op0=contains&values0=a&reason=because&until=2026-12-31",
        ),
        ("/software/baseline".to_owned(), "subject=title%3Azoom"),
        (format!("/devices/{device}/software/held"), "source=dpkg&reason=because"),
        ("/people".to_owned(), "name=mallory&role=administrator&language=en&zone=UTC"),
        (format!("/people/{}/roles", office.employee.actor.id()), "role=administrator"),
        (format!("/people/devices/{device}"), "owner="),
    ] {
        for person in [&office.employee, &office.auditor] {
            let answer = console.post_as(&person.secret, &path, form).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}: {}", answer.body);
        }
    }
    let after = console.scene.control.catalogue(None, &CatalogueFilter::default()).await.unwrap();
    assert_eq!(before, after);
    let page =
        console.get_as(&office.colleague.secret, &format!("/requests/{request}"), "en").await;
    assert!(page.body.contains("In review"), "{}", page.body);
}

#[tokio::test]
async fn forms_of_another_site_are_refused() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    for (person, path, form) in [
        (&office.employee, "/requests".to_owned(), "kind=installer"),
        (
            &office.reviewer,
            format!("/desk/requests/{}/decide", office.request),
            "outcome=deny&reason=x",
        ),
        (&office.employee, format!("/pc/findings/{}", office.finding), "answer=removed"),
        (&office.reviewer, "/desk/catalogue/import".to_owned(), ""),
        (&office.analyst, "/exclusions".to_owned(), ""),
    ] {
        for foreign in [
            vec![("sec-fetch-site", "cross-site")],
            vec![("origin", "https://evil.example")],
            vec![],
        ] {
            let mut request = Request::post(&path)
                .header(header::HOST, HOST)
                .header(header::COOKIE, cookie(&person.secret, "en"))
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
            for (name, value) in &foreign {
                request = request.header(*name, *value);
            }
            let answer = console.answer(request.body(Body::from(form)).unwrap()).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path} {foreign:?}");
        }
    }
    assert_eq!(console.scene.control.my_requests(&office.employee.actor).await.unwrap().drafts, []);
}

#[tokio::test]
async fn an_error_page_keeps_the_navigation_of_who_is_signed_in() {
    let console = Console::empty().await;
    let page = console.get("/nowhere", "en").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("href=\"/requests\""), "{}", page.body);
    let stranger = console.send(Request::get("/nowhere")).await;
    assert!(!stranger.body.contains("href=\"/requests\""));
    // A page of another site learns nothing of a session.
    let request = Request::post("/theme")
        .header(header::COOKIE, console.cookie("en"))
        .header("sec-fetch-site", "cross-site");
    assert!(!console.send(request).await.body.contains("href=\"/requests\""));
}

#[tokio::test]
async fn pages_speak_the_persons_language_until_the_browser_chose() {
    let console = Console::empty().await;
    let scene = &console.scene;
    let en = scene.person("Ben", Role::Employee, Language::En).await.unwrap();
    let only = |secret: &str| format!("mimamori_session={secret}");
    let request = Request::get("/pc").header(header::COOKIE, only(&en.secret));
    assert!(console.send(request).await.body.contains("<html lang=\"en\""));
    let page = console.get_as(&en.secret, "/pc", "ja").await;
    assert!(page.body.contains("<html lang=\"ja\""));
}

const ATTACK: &str =
    "<script>alert(1)</script>\"><img src=x onerror=alert(2)>\u{202e}gpj.exe\u{200b}";
const ALIVE: [&str; 4] = ["<script>alert", "<img src=x", "\u{202e}", "\u{200b}"];

#[tokio::test]
async fn hostile_names_are_shown_and_harmless_on_every_page_of_the_software_check() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let mut item = program(&format!("/home/x/{ATTACK}"), ATTACK);
    item.name = format!("{ATTACK}\u{1b}[31m");
    item.publisher = ATTACK.into();
    item.version = ATTACK.into();
    item.origin_url = format!("javascript:alert(1)//{ATTACK}");
    item.permissions = vec![ATTACK.into()];
    let now = console.scene.clock.now();
    let added = console.scene.web.inventory(now, &InventoryMessage::Added { item });
    let intake = console.scene.control.take_inventory(&[added]).await.unwrap();
    assert_eq!(intake.opened, 1, "{intake:?}");
    let mut asked = form(ATTACK);
    asked.publisher = ATTACK.into();
    asked.purpose = format!("line\n{ATTACK}");
    asked.url = format!("https://tool.example/{ATTACK}");
    let control = &console.scene.control;
    let actor = &office.employee.actor;
    let draft = control.begin_request(actor, Kind::Installer, &asked).await.unwrap();
    control.submit_request(actor, &draft).await.unwrap();
    control.gather_evidence().await.unwrap();
    control.tick().await.unwrap();

    let device = console.scene.web.enrolled.device;
    let mut paths: Vec<(&str, String)> =
        office.pages(&console).into_iter().map(|(who, path)| (&*who.secret, path)).collect();
    let listed = control
        .findings(&office.analyst.actor, &control::view::findings::FindingFilter::default())
        .await
        .unwrap();
    let hostile = listed.rows.iter().find(|row| row.name.contains("script")).unwrap();
    let shown = [
        (&*office.analyst.secret, format!("/findings/{}", hostile.id)),
        (&*office.analyst.secret, "/findings".to_owned()),
        (&*office.analyst.secret, "/software".to_owned()),
        (&*office.analyst.secret, format!("/devices/{device}/software")),
        (&*office.employee.secret, "/pc".to_owned()),
        (&*office.employee.secret, "/requests".to_owned()),
        (&*office.employee.secret, format!("/requests/{draft}")),
        (&*office.reviewer.secret, format!("/desk/requests/{draft}")),
        (&*office.reviewer.secret, "/desk".to_owned()),
    ];
    for (secret, path) in &shown {
        let page = console.get_as(secret, path, "en").await.body;
        assert!(page.contains("⟪U+202E⟫gpj.exe⟪U+200B⟫"), "{path} does not show the text:\n{page}");
        assert!(!page.contains("href=\"javascript"), "{path}");
    }
    paths.extend(shown);
    for (secret, path) in &paths {
        let page = console.get_as(secret, path, "ja").await.body;
        for alive in ALIVE {
            assert!(!page.contains(alive), "{path} has {alive:?}");
        }
    }
}

#[tokio::test]
async fn hostile_words_in_addresses_and_forms_come_back_harmless() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let words = encoded(ATTACK);
    let reviewer = &*office.reviewer.secret;
    let analyst = &*office.analyst.secret;
    for (secret, path) in [
        (&*office.employee.secret, format!("/catalogue?q={words}")),
        (&*office.employee.secret, format!("/requests?said={words}")),
        (reviewer, format!("/desk?q={words}&view={words}&after={words}")),
        (reviewer, format!("/desk/catalogue?q={words}&category={words}")),
        (reviewer, format!("/desk/catalogue/titles/{words}")),
        (reviewer, format!("/desk/policies/rules/{words}")),
        (analyst, format!("/software?q={words}&verdict={words}&after={words}")),
        (analyst, format!("/software/of?subject={words}")),
        (analyst, format!("/software/explain?name={words}")),
        (analyst, format!("/findings?q={words}&device={words}&subject={words}&after={words}")),
        (analyst, format!("/findings/{words}")),
    ] {
        let answer = console.get_as(secret, &path, "en").await;
        assert!(!answer.status.is_server_error(), "{path}: {}", answer.status);
        // Quotes and brackets in an attribute's value are escaped; invisible characters in what was typed
        // into a field are the person's own.
        for alive in &ALIVE[..2] {
            assert!(!answer.body.contains(alive), "{path} has {alive:?}");
        }
    }
    for (secret, path, form) in [
        (
            reviewer,
            "/desk/policies/try",
            format!("id={words}&when={words}&title_ja={words}&verdict=deny&priority=1"),
        ),
        (reviewer, "/desk/catalogue", format!("id={words}&name={words}&identifiers={words}")),
        (reviewer, "/desk/recommended", format!("heading_en={words}&url={words}&title={words}")),
        (
            analyst,
            "/exclusions/preview",
            format!("class=in_house&predicate={words}&reason={words}&until=2026-12-31"),
        ),
    ] {
        let answer = console.post_as(secret, path, &form).await;
        assert!(!answer.status.is_server_error(), "{path}: {} {}", answer.status, answer.body);
        assert!(
            answer.body.contains("role=\"alert\""),
            "{path} says what is wrong: {}",
            answer.body
        );
        for alive in &ALIVE[..2] {
            assert!(!answer.body.contains(alive), "{path} has {alive:?}");
        }
    }
}

#[tokio::test]
async fn a_field_of_a_megabyte_is_refused_with_the_reason() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let large = "a".repeat(1 << 20);
    for (person, path) in [
        (&office.employee, "/requests".to_owned()),
        (&office.reviewer, format!("/desk/requests/{}/decide", office.request)),
        (&office.reviewer, "/desk/catalogue".to_owned()),
        (&office.analyst, "/exclusions/preview".to_owned()),
    ] {
        let answer = console.post_as(&person.secret, &path, &format!("name={large}")).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        assert!(answer.body.contains("<h1>"), "{path}");
    }
    // Below the limit of a body, the form says which field is too long, and nothing is handed in.
    let (control, actor) = (&console.scene.control, &office.employee.actor);
    let draft = control.begin_request(actor, Kind::Installer, &form("x")).await.unwrap();
    let long = format!("name={}&url=https%3A%2F%2Ftool.example&purpose=x", "n".repeat(60_000));
    let answer =
        console.post_as(&office.employee.secret, &format!("/requests/{draft}/submit"), &long).await;
    assert!(answer.status.is_success() || answer.status.is_client_error(), "{}", answer.status);
    assert!(!answer.status.is_redirection(), "{}", answer.header(header::LOCATION));
    assert!(answer.body.contains("too long"), "{}", answer.body);
    assert_eq!(control.my_requests(actor).await.unwrap().own, []);
}

#[tokio::test]
async fn a_spreadsheet_is_shown_row_by_row_then_taken_over_and_its_formulas_stay_text() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let mut sheet = String::from("ソフトウェア名,発行元,判定,条件,社内メモ\r\n");
    sheet.push_str("ズーム,Zoom,条件付き可,録画しない,a\r\n");
    sheet.push_str("\"=HYPERLINK(\"\"http://evil.example\"\",\"\"x\"\")\",+Evil,可,,b\r\n");
    sheet.push_str(",なし,可,,c\r\n");
    for number in 0..497 {
        sheet.push_str(&format!("社内ツール{number},情報システム部,可,,\r\n"));
    }
    let secret = &*office.reviewer.secret;
    let answer =
        console.upload_as(secret, "/desk/catalogue/import", "sheet", sheet.as_bytes()).await;
    let path = location(&answer).to_owned();
    let page = console.get_as(secret, &path, "ja").await.body;
    // Every row is accounted for: the filters' numbers add up to the sheet's.
    let numbers: Vec<u64> = page
        .split("class=\"choice\"")
        .skip(1)
        .map(|rest| rest.split("<b class=\"num\">").nth(1).unwrap().split('<').next().unwrap())
        .map(|number| number.replace(',', "").parse().unwrap())
        .collect();
    // The headings are no row of the table, and are shown apart.
    assert_eq!(numbers[0], 500, "{numbers:?}");
    assert_eq!(numbers[1..5].iter().sum::<u64>(), 500, "{numbers:?}");
    assert_eq!(numbers[6], 1, "{numbers:?}");
    assert!(page.contains("=HYPERLINK(&#34;http://evil.example&#34;"), "shown as text");
    assert!(page.contains("社内メモ") && page.contains("読み取りません"));
    assert!(page.len() <= 100 * 1024, "{} bytes", page.len());
    let skipped = console.get_as(secret, &format!("{path}?part=skipped"), "ja").await.body;
    assert!(skipped.contains("なし"));
    let known = console.get_as(secret, &format!("{path}?part=known"), "ja").await.body;
    assert!(known.contains("/catalogue/titles/zoom"), "ズーム is Zoom: {known}");

    let done = console.post_as(secret, &format!("{path}/commit"), "").await;
    assert!(location(&done).starts_with(&path));
    let page = console.get_as(secret, "/catalogue?q=Zoom+Workplace", "ja").await.body;
    assert!(page.contains("条件付きで使えます") && page.contains("録画しない"), "{page}");
    // A second time is refused in words; a spreadsheet program that opens the export runs nothing.
    let again = console.post_as(secret, &format!("{path}/commit"), "").await;
    assert!(again.body.contains("role=\"alert\""), "{}", again.body);
    let export =
        console.get_as(&office.employee.secret, "/catalogue/export?format=csv", "ja").await;
    assert!(export.body.contains("HYPERLINK"));
    for line in export.body.lines() {
        for cell in line.split(',') {
            let first = cell.trim_start_matches('"').chars().next();
            assert!(!matches!(first, Some('=' | '+' | '@' | '-')), "{line}");
        }
    }
    let json = console.get_as(&office.employee.secret, "/catalogue/export?format=json", "ja").await;
    assert!(json.header(header::CONTENT_DISPOSITION).contains("catalogue.json"));
    // What is no sheet is refused with the reason.
    for bytes in [&b"\x50\x4b\x03\x04\x00\x00"[..], b"", b"nothing,known\r\n1,2\r\n"] {
        let answer = console.upload_as(secret, "/desk/catalogue/import", "sheet", bytes).await;
        assert!(answer.body.contains("role=\"alert\""), "{bytes:?}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_rule_is_tried_then_saved_then_deleted() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let secret = &*office.reviewer.secret;
    let when = r#"{"is":{"field":"name","op":"contains","values":["Measure"]}}"#;
    let fields = format!(
        "id=no-measuring&title_ja=%E6%B8%AC%E5%AE%9A&title_en=Measuring&question_ja=%E6%B8%AC%E3%82%8A%E3%81%BE%E3%81%99%E3%81%8B\
         &question_en=Does+it+measure&when={}&verdict=deny&priority=5&enabled=yes&kind=installer&until=2027-03-31",
        encoded(when)
    );
    let tried = console.post_as(secret, "/desk/policies/try", &fields).await;
    assert_eq!(tried.status, StatusCode::OK);
    assert!(
        tried.body.contains("id=\"dry-run\"") && tried.body.contains("Drawing Measure"),
        "{}",
        tried.body
    );
    let list = console.get_as(secret, "/desk/policies", "en").await.body;
    assert!(!list.contains("no-measuring"), "a dry run saves nothing");
    let wrong = fields.replace(&encoded("contains"), &encoded("resembles"));
    let wrong = console.post_as(secret, "/desk/policies", &wrong).await;
    assert!(wrong.body.contains("role=\"alert\""), "{}", wrong.body);
    assert_eq!(
        location(&console.post_as(secret, "/desk/policies", &fields).await),
        "/desk/policies?said=said-saved"
    );
    let page = console.get_as(secret, "/desk/policies/rules/no-measuring", "en").await.body;
    assert!(page.contains("value=\"2027-03-31\"") && page.contains("Does it measure"));
    // Somebody else was faster: the old revision is refused, in words.
    let stale = format!("{fields}&revision=7");
    assert!(
        console.post_as(secret, "/desk/policies", &stale).await.body.contains("role=\"alert\"")
    );
    let gone = console.post_as(secret, "/desk/policies/rules/no-measuring/delete", "").await;
    assert_eq!(location(&gone), "/desk/policies?said=said-deleted");
    let gone = console.get_as(secret, "/desk/policies/rules/no-measuring", "en").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_title_is_written_edited_found_and_retired() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let secret = &*office.reviewer.secret;
    let fields = "id=tana-checker&name=Tana+Checker&name_ja=%E6%A3%9A%E5%8D%B8&publisher=Tana+Works&aliases=tanacheck%0D%0ATC\
        &category=utility&category=office&identifiers=deb%3Atana-checker&version_scheme=semver\
        &official_hosts=tana.example&end_of_life=2026-12-31";
    let saved = console.post_as(secret, "/desk/catalogue", fields).await;
    assert_eq!(location(&saved), "/desk/catalogue/titles/tana-checker?said=said-saved");
    let page = console.get_as(secret, "/desk/catalogue/titles/tana-checker", "en").await.body;
    for held in [
        "tanacheck\nTC",
        "deb:tana-checker",
        "value=\"2026-12-31\"",
        "value=\"semver\" selected",
        "value=\"office\" checked",
    ] {
        assert!(page.contains(held), "{held} is missing: {page}");
    }
    let twice = console.post_as(secret, "/desk/catalogue", fields).await;
    assert!(twice.body.contains("role=\"alert\""), "a new title does not write over another");
    let revision =
        page.split("name=\"revision\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let edited = fields.replace("Tana+Works", "Tana+Works+KK") + "&revision=" + revision;
    assert_eq!(
        console.post_as(secret, "/desk/catalogue", &edited).await.status,
        StatusCode::SEE_OTHER
    );
    let stale = console.post_as(secret, "/desk/catalogue", &edited).await;
    assert!(stale.body.contains("role=\"alert\""), "{}", stale.body);
    let found = console.get_as(secret, "/desk/catalogue?q=%E3%81%9F%E3%81%AA%E5%8D%B8", "ja").await;
    assert_eq!(found.status, StatusCode::OK);
    let found = console.get_as(secret, "/desk/catalogue?q=tanacheck", "ja").await.body;
    assert!(found.contains("棚卸") && found.contains("Tana Works KK"), "{found}");
    let other = console
        .post_as(
            secret,
            "/desk/catalogue/titles/tana-checker/alternatives",
            "alternatives=whiteboard-none",
        )
        .await;
    assert!(other.status.is_client_error(), "a title that does not exist: {}", other.status);
    let retired = console
        .post_as(secret, "/desk/catalogue/titles/tana-checker/retire", "reason=the+vendor+is+gone")
        .await;
    assert_eq!(location(&retired), "/desk/catalogue/titles/tana-checker?said=said-retired");
    let answer =
        console.get_as(&office.employee.secret, "/catalogue?q=Tana+Checker", "en").await.body;
    assert!(answer.contains("end of life"), "{answer}");
}

#[tokio::test]
async fn cards_are_written_put_in_order_and_taken_away() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let secret = &*office.reviewer.secret;
    for name in ["Second", "Third"] {
        let form = format!("heading_en={name}&heading_ja={name}&text_en=words&title=");
        let saved = console.post_as(secret, "/desk/recommended", &form).await;
        assert_eq!(location(&saved), "/desk/recommended?said=said-saved");
    }
    let ids = async || {
        let page = console.get_as(secret, "/desk/recommended", "en").await.body;
        let ids =
            page.split("id=\"card-").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    let before = ids().await;
    assert_eq!(before.len(), 3);
    location(&console.post_as(secret, &format!("/desk/recommended/{}/up", before[2]), "").await);
    let after = ids().await;
    assert_eq!(after, [before[0].clone(), before[2].clone(), before[1].clone()]);
    location(&console.post_as(secret, &format!("/desk/recommended/{}/down", before[0]), "").await);
    assert_eq!(ids().await[1], before[0]);
    let edited = format!("id={}&heading_en=Renamed&heading_ja=Renamed", before[0]);
    location(&console.post_as(secret, "/desk/recommended", &edited).await);
    assert_eq!(ids().await[1], before[0], "an edited card keeps its place");
    let seen = console.get_as(&office.employee.secret, "/recommended", "en").await.body;
    let at = |word: &str| seen.find(word).unwrap();
    assert!(at("Third") < at("Renamed") && at("Renamed") < at("Second"), "{seen}");
    location(
        &console.post_as(secret, &format!("/desk/recommended/{}/delete", before[0]), "").await,
    );
    assert_eq!(ids().await.len(), 2);
    let wrong =
        console.post_as(secret, "/desk/recommended", "heading_en=x&url=javascript%3Aalert").await;
    assert!(
        wrong.body.contains("role=\"alert\"") && wrong.body.contains("javascript:alert"),
        "kept as typed"
    );
}

#[tokio::test]
async fn the_first_page_counts_what_waits_for_a_person() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let number = |page: &str, name: &str| -> u64 {
        let rest = page.split(&format!("id=\"waiting-{name}\"")).nth(1).expect(name);
        rest.split("<b class=\"num\">").nth(1).unwrap().split('<').next().unwrap().parse().unwrap()
    };
    let page = console.get_as(&office.analyst.secret, "/", "ja").await.body;
    assert_eq!((number(&page, "requests"), number(&page, "findings")), (1, 2), "{page}");
    // A snapshot that shrank, and an answer that nobody settled.
    let few = [package("bash", "1:5.2.15-2+b7")];
    console.scene.web_reports(SoftwareSource::Dpkg, &few).await.unwrap();
    let answered = console
        .post_as(
            &office.employee.secret,
            &format!("/pc/findings/{}", office.finding),
            "answer=not_mine&note=",
        )
        .await;
    assert_eq!(location(&answered), "/pc?said=said-disputed");
    let part = console.get_as(&office.analyst.secret, "/waiting", "ja").await.body;
    assert_eq!((number(&part, "held"), number(&part, "disputed")), (1, 1), "{part}");
    assert!(!part.contains("<html"));
}
