//! Sign-in tokens and sessions.

use crate::behind_the_door;
use control::fixture::ADMINISTRATOR;
use control::limits::{
    HOUR_NS, MINUTE_NS, REFUSALS_PER_MINUTE_MAX, SESSION_IDLE_NS, SESSION_LIFE_NS,
    SIGN_IN_TOKEN_LIFE_NS,
};
use control::{ControlError, Language, NewSession};

fn refusal(outcome: Result<NewSession, ControlError>) -> &'static str {
    match outcome {
        Err(ControlError::SignInRefused { reason }) => reason,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[tokio::test]
async fn a_token_works_once() {
    let (_folder, scene) = empty_scene!();
    let token = scene.control.issue_sign_in_token(ADMINISTRATOR).await.expect("a token");
    let session = scene.control.sign_in(&token).await.expect("signed in");
    let actor = scene.control.actor(&session.secret).await.expect("an actor");
    assert_eq!(actor.name(), ADMINISTRATOR);
    assert_eq!(refusal(scene.control.sign_in(&token).await), "was used already");
}

#[tokio::test]
async fn two_at_once_with_one_token_give_one_session() {
    let (_folder, scene) = empty_scene!();
    let token = scene.control.issue_sign_in_token(ADMINISTRATOR).await.expect("a token");
    let (one, two) = tokio::join!(scene.control.sign_in(&token), scene.control.sign_in(&token));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
}

#[tokio::test]
async fn forged_and_old_tokens_are_refused_with_the_same_words() {
    let (_folder, scene) = empty_scene!();
    let token = scene.control.issue_sign_in_token(ADMINISTRATOR).await.expect("a token");
    let mut messages = Vec::new();
    let long = "a".repeat(1_000_000);
    for forged in ["", "' OR 1=1 --", &token.to_uppercase(), &format!("{token} "), &long] {
        let outcome = scene.control.sign_in(forged).await;
        messages.push(outcome.as_ref().expect_err("refused").user_message(Language::Ja));
        assert_eq!(refusal(outcome), "is unknown");
    }
    scene.clock.advance_ns(SIGN_IN_TOKEN_LIFE_NS);
    let outcome = scene.control.sign_in(&token).await;
    messages.push(outcome.as_ref().expect_err("refused").user_message(Language::Ja));
    assert_eq!(refusal(outcome), "is too old");
    messages.dedup();
    assert_eq!(messages.len(), 1, "a stranger learns nothing from the refusal");
}

#[tokio::test]
async fn the_store_holds_no_secret() {
    let (folder, scene) = empty_scene!();
    let token = scene.control.issue_sign_in_token(ADMINISTRATOR).await.expect("a token");
    let enrolment = scene.control.issue_enrolment_token(1).await.expect("a token");
    let session = scene.control.sign_in(&token).await.expect("signed in");
    for name in folder.store_files() {
        let bytes = std::fs::read(folder.path().join(name)).expect("the store");
        for secret in [&token, &enrolment, &session.secret] {
            assert!(secret.len() * 5 >= 128, "at least 128 bits");
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{name} holds a secret");
        }
    }
}

#[tokio::test]
async fn an_idle_session_ends_and_a_used_one_goes_on() {
    let (_folder, scene) = empty_scene!();
    let idle = scene.session_secret().await.expect("signed in");
    let used = scene.session_secret().await.expect("signed in");
    scene.clock.advance_ns(SESSION_IDLE_NS - MINUTE_NS);
    scene.control.actor(&used).await.expect("not yet idle");
    scene.clock.advance_ns(MINUTE_NS);
    let err = scene.control.actor(&idle).await.expect_err("idle");
    assert!(matches!(err, ControlError::SessionEnded { reason: "was not used for too long" }));
    scene.control.actor(&used).await.expect("was used a minute ago");
}

#[tokio::test]
async fn a_session_ends_after_its_longest_life_however_much_it_is_used() {
    let (_folder, scene) = empty_scene!();
    let secret = scene.session_secret().await.expect("signed in");
    let step = 20 * MINUTE_NS;
    for _ in 0..(SESSION_LIFE_NS / step - 1) {
        scene.clock.advance_ns(step);
        scene.control.actor(&secret).await.expect("in use");
    }
    scene.clock.advance_ns(step);
    let err = scene.control.actor(&secret).await.expect_err("too long");
    assert!(matches!(err, ControlError::SessionEnded { reason: "reached its longest life" }));
}

#[tokio::test]
async fn signing_out_ends_the_session_and_no_other() {
    let (_folder, scene) = empty_scene!();
    let one = scene.session_secret().await.expect("signed in");
    let two = scene.session_secret().await.expect("signed in");
    scene.control.sign_out(&one).await.expect("signed out");
    scene.control.sign_out(&one).await.expect("again is no error");
    assert!(scene.control.actor(&one).await.is_err());
    assert!(scene.control.actor(&two).await.is_ok());
    assert!(scene.control.actor("forged").await.is_err());
}

#[tokio::test]
async fn hostile_names_are_refused() {
    let (_folder, scene) = empty_scene!();
    for name in ["", "  ", "a\nb", "\u{1b}[31m", &"x".repeat(101)] {
        let outcome = scene.control.issue_sign_in_token(name).await;
        assert!(matches!(outcome, Err(ControlError::BadArgument { .. })), "{name:?}");
    }
}

#[tokio::test]
async fn a_flood_of_refusals_is_counted_and_does_not_fill_the_disk() {
    let (folder, scene) = empty_scene!();
    let tries = REFUSALS_PER_MINUTE_MAX + 40;
    for _ in 0..tries {
        refusal(scene.control.sign_in("forged").await);
    }
    scene.clock.advance_ns(HOUR_NS);
    refusal(scene.control.sign_in("forged").await);
    let pool = behind_the_door(&folder).await;
    let rows: Vec<String> =
        sqlx::query_scalar("SELECT detail FROM audit WHERE action = 'sign_in_refused' ORDER BY n")
            .fetch_all(&pool)
            .await
            .expect("entries");
    assert_eq!(rows.len() as u64, REFUSALS_PER_MINUTE_MAX + 1);
    assert!(rows.last().expect("one").contains("\"refused_before_and_only_counted\":40"));
}
