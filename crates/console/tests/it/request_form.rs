//! Forms that are refused lose nothing: the request form and its file, an answer, the page of people.

use crate::office::Office;
use crate::support::{Answer, Console, HOST, cookie};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use control::Role;
use control::fixture::SignedIn;

const PURPOSE: &str = "Checks the dimensions of drawings";

/// A draft of somebody's, as the button of the catalogue begins it.
async fn draft(console: &Console, person: &SignedIn) -> String {
    let begun = console.post_as(&person.secret, "/requests", "kind=installer&name=Sketch").await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    begun.header(header::LOCATION).to_owned()
}

/// The form with a file, as a browser sends it by the button beside the file.
async fn with_file(console: &Console, person: &SignedIn, path: &str, url: &str) -> Answer {
    let field = |name: &str, text: &str| {
        format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
    };
    let mut body = String::new();
    for (name, text) in
        [("kind", "installer"), ("name", "Sketch"), ("url", url), ("purpose", PURPOSE)]
    {
        body.push_str(&field(name, text));
    }
    body.push_str(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"setup.exe\"\r\n\
         Content-Type: application/octet-stream\r\n\r\nMZ\r\n--edge--\r\n",
    );
    let request = Request::post(path)
        .header(header::HOST, HOST)
        .header("sec-fetch-site", "same-origin")
        .header(header::COOKIE, cookie(&person.secret, "en"))
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=edge");
    console.answer(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_form_that_is_refused_comes_back_as_it_was_typed() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let (person, language) = (&office.employee, "en");
    let path = draft(&console, person).await;
    let form =
        format!("kind=installer&name=Sketch&url=ftp%3A%2F%2Fsketch.example&purpose={PURPOSE}");
    for action in ["submit", "draft"] {
        let answer = console.post_as(&person.secret, &format!("{path}/{action}"), &form).await;
        assert_eq!(answer.status, StatusCode::OK, "{action}: {}", answer.body);
        assert!(answer.body.contains("role=\"alert\""), "{action}: {}", answer.body);
        for typed in [PURPOSE, "ftp://sketch.example"] {
            assert!(answer.body.contains(typed), "{action} lost {typed}: {}", answer.body);
        }
    }
    // While it is typed, the line above the form says that it is not kept, and why.
    let request = Request::post(format!("{path}/draft"))
        .header(header::HOST, HOST)
        .header("sec-fetch-site", "same-origin")
        .header("hx-request", "true")
        .header(header::COOKIE, cookie(&person.secret, language))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let part = console.answer(request.body(Body::from(form)).unwrap()).await;
    assert_eq!(part.status, StatusCode::OK);
    assert!(part.body.contains("Not kept yet"), "{}", part.body);
}

#[tokio::test]
async fn a_file_comes_with_the_rest_of_its_form() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let path = draft(&console, &office.employee).await;
    let files = format!("{path}/files");
    let sent = with_file(&console, &office.employee, &files, "https://sketch.example/").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    let page = console.get_as(&office.employee.secret, &path, "en").await.body;
    for kept in ["setup.exe", PURPOSE, "https://sketch.example/"] {
        assert!(page.contains(kept), "{kept} is lost: {page}");
    }
    // What is wrong with the form is said above it, with everything as it was typed.
    let refused = with_file(&console, &office.employee, &files, "ftp://sketch.example/").await;
    assert_eq!(refused.status, StatusCode::OK, "{}", refused.body);
    assert!(refused.body.contains("ftp://sketch.example/"), "{}", refused.body);
}

#[tokio::test]
async fn a_file_that_was_chosen_and_not_added_is_not_forgotten_in_silence() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let path = draft(&console, &office.employee).await;
    let form = format!(
        "kind=installer&name=Sketch&url=https%3A%2F%2Fsketch.example&purpose={PURPOSE}&file=setup.exe"
    );
    let answer = console.post_as(&office.employee.secret, &format!("{path}/submit"), &form).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert!(answer.body.contains("was not added yet"), "{}", answer.body);
    let form = form.replace("setup.exe", "");
    let answer = console.post_as(&office.employee.secret, &format!("{path}/submit"), &form).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

#[tokio::test]
async fn a_question_that_is_refused_keeps_its_words() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let path = format!("/desk/requests/{}", office.request);
    let secret = &office.reviewer.secret;
    let denied =
        console.post_as(secret, &format!("{path}/decide"), "outcome=deny&reason=not+needed").await;
    assert_eq!(denied.status, StatusCode::SEE_OTHER, "{}", denied.body);
    // It was decided meanwhile: nobody can be asked any more.
    let asked = console.post_as(secret, &format!("{path}/ask"), "text=Which+browser").await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.body);
    assert!(asked.body.contains("role=\"alert\""), "{}", asked.body);
    assert!(asked.body.contains(">Which browser</textarea>"), "{}", asked.body);
}

#[tokio::test]
async fn the_checklist_offers_answers_only_where_one_is_waited_for() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let path = format!("/desk/requests/{}", office.request);
    let view = console.scene.control.review(&office.reviewer.actor, &office.request).await.unwrap();
    assert!(view.unanswered.len() < view.checklist.len(), "the machine answers some itself");
    let page = console.get_as(&office.reviewer.secret, &path, "en").await.body;
    assert_eq!(page.matches("name=\"rule\"").count(), view.unanswered.len());
}

#[tokio::test]
async fn people_are_added_and_own_devices_by_name_and_nothing_typed_is_lost() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let scene = &mut console.scene;
    let boss = scene.person("管理 者", Role::Administrator, control::Language::En).await.unwrap();
    let device = console.scene.web.enrolled.device;
    let page = console.get_as(&boss.secret, "/people", "en").await.body;
    // The field holds the owner in force: pressing the button changes nothing.
    assert!(page.contains("name=\"owner\" value=\"田中 花子\""), "{page}");
    let own = format!("/people/devices/{device}");
    let unknown = console.post_as(&boss.secret, &own, "owner=Nobody+Known").await;
    assert!(unknown.body.contains("nobody called"), "{}", unknown.body);
    let answer = console.post_as(&boss.secret, &own, "owner=Ben+Okafor").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    let mine = console.scene.control.my_pc(&office.colleague.actor).await.unwrap();
    assert_eq!(mine.devices.len(), 1);
    // A search narrows both lists.
    let page = console.get_as(&boss.secret, "/people?q=Okafor", "en").await.body;
    assert!(page.contains(">Ben Okafor<") && !page.contains(">Audra Lindqvist<"), "{page}");
    // Refused: the name is taken, or the manager is nobody; the form keeps the rest.
    for form in [
        "name=Ben+Okafor&role=analyst&language=en&zone=Asia%2FTokyo",
        "name=Somebody+New&manager=Nobody+Known&role=analyst&language=en&zone=Asia%2FTokyo",
    ] {
        let answer = console.post_as(&boss.secret, "/people", form).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert!(answer.body.contains("role=\"alert\""), "{}", answer.body);
        assert!(answer.body.contains("value=\"analyst\" checked"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_message_is_drafted_on_request_and_sent_in_the_analysts_name() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let path = format!("/findings/{}", office.finding);
    let secret = &office.analyst.secret;
    let drafted = console.post_as(secret, &format!("{path}/draft"), "").await;
    assert_eq!(drafted.status, StatusCode::OK, "{}", drafted.body);
    assert!(drafted.body.contains("id=\"subject\""), "the draft is shown: {}", drafted.body);
    // An empty text is refused, and the subject stays.
    let send = format!("{path}/send");
    let refused = console.post_as(secret, &send, "subject=Drawings+tool&body=").await;
    assert_eq!(refused.status, StatusCode::OK, "{}", refused.body);
    assert!(refused.body.contains("value=\"Drawings tool\""), "{}", refused.body);
    let sent = console.post_as(secret, &send, "subject=Drawings+tool&body=Please+answer").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
}

#[tokio::test]
async fn what_is_wrong_with_a_condition_or_a_sheet_is_said_in_the_readers_language() {
    let mut console = Console::open().await;
    let office = Office::open(&mut console).await;
    let form = "class=in_house&predicate=%7B%22is%22%3A%7B%22field%22%3A%22no-such%22%2C%22op%22%3A%22equals%22%2C%22values%22%3A%5B%22a%22%5D%7D%7D&reason=because&until=2027-01-31";
    let sheet = "--edge\r\nContent-Disposition: form-data; name=\"sheet\"; filename=\"a.csv\"\r\n\r\nnothing,known\r\n1,2\r\n--edge--\r\n";
    for (person, path, kind, body, ja) in [
        (
            &office.analyst,
            "/exclusions/preview",
            "application/x-www-form-urlencoded",
            form,
            "という項目はありません",
        ),
        (
            &office.reviewer,
            "/desk/catalogue/import",
            "multipart/form-data; boundary=edge",
            sheet,
            "表を読み取れません",
        ),
    ] {
        let request = Request::post(path)
            .header(header::HOST, HOST)
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, cookie(&person.secret, "ja"))
            .header(header::CONTENT_TYPE, kind);
        let answer = console.answer(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert!(answer.body.contains(ja), "{path}: {}", answer.body);
    }
}
