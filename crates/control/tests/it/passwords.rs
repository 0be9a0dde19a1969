//! Passwords of local accounts.

use crate::{number, tamper};
use control::fixture::{ADMINISTRATOR, Scene};
use control::limits::{LINK_TRUST_NS, PASSWORD_TRIES_OF_ACCOUNT_MAX, PASSWORD_TRIES_SPAN_NS};
use control::{ControlError, Language, PeopleRule, Principal};
use std::net::{IpAddr, Ipv4Addr};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const GOOD: &str = "correct horse battery";

async fn with_password(scene: &Scene) -> String {
    let secret = scene.session_secret().await.expect("signed in");
    let actor = scene.control.actor(&secret).await.expect("an actor");
    scene.control.set_password(&actor, &secret, None, GOOD, PEER).await.expect("set");
    secret
}

#[tokio::test]
async fn a_password_signs_in_and_ends_other_sessions_when_it_is_set() {
    let (folder, scene) = empty_scene!();
    let control = &scene.control;
    let other = scene.session_secret().await.expect("signed in");
    let secret = with_password(&scene).await;
    assert!(control.actor(&other).await.is_err());
    assert!(control.actor(&secret).await.expect("goes on").has_password());
    let session =
        control.sign_in_with_password(ADMINISTRATOR, GOOD, PEER).await.expect("signed in");
    let actor = control.actor(&session.secret).await.expect("an actor");
    // A session that began by a password needs the present one for another.
    let new = "a quite different one";
    let outcome = control.set_password(&actor, &session.secret, Some("wrong"), new, PEER).await;
    assert!(matches!(outcome, Err(ControlError::People(PeopleRule::PasswordWrong))));
    control.set_password(&actor, &session.secret, Some(GOOD), new, PEER).await.expect("set");
    assert!(control.sign_in_with_password(ADMINISTRATOR, GOOD, PEER).await.is_err());
    control.sign_in_with_password(ADMINISTRATOR, new, PEER).await.expect("signed in");
    assert_eq!(
        number(&folder, "SELECT count(*) FROM audit WHERE action = 'password_set'").await,
        2
    );
    let plain = "SELECT count(*) FROM person WHERE password_hash LIKE '$argon2id$%'";
    assert_eq!(number(&folder, plain).await, 1);
}

#[tokio::test]
async fn a_link_is_trusted_for_a_new_password_for_some_minutes_only() {
    let (_folder, scene) = empty_scene!();
    let secret = with_password(&scene).await;
    let actor = scene.control.actor(&secret).await.expect("an actor");
    scene.clock.advance_ns(LINK_TRUST_NS);
    let outcome =
        scene.control.set_password(&actor, &secret, None, "a quite different one", PEER).await;
    assert!(matches!(outcome, Err(ControlError::People(PeopleRule::PasswordWrong))));
}

#[tokio::test]
async fn refusals_say_nothing_and_are_limited() {
    let (_folder, scene) = empty_scene!();
    let control = &scene.control;
    with_password(&scene).await;
    let mut words = Vec::new();
    for (name, password) in
        [("nobody", GOOD), (ADMINISTRATOR, "wrong"), ("' OR 1=1 --", GOOD), ("a\0", GOOD)]
    {
        let err = control.sign_in_with_password(name, password, PEER).await.expect_err("refused");
        words.push(err.user_message(Language::Ja));
    }
    words.dedup();
    assert_eq!(words.len(), 1, "{words:?}");
    for _ in 1..PASSWORD_TRIES_OF_ACCOUNT_MAX {
        control.sign_in_with_password(ADMINISTRATOR, "wrong", PEER).await.expect_err("refused");
    }
    let err = control.sign_in_with_password(ADMINISTRATOR, GOOD, PEER).await.expect_err("too many");
    assert!(matches!(err, ControlError::TooManyTries), "{err:?}");
    scene.clock.advance_ns(PASSWORD_TRIES_SPAN_NS);
    control.sign_in_with_password(ADMINISTRATOR, GOOD, PEER).await.expect("again");
}

#[tokio::test]
async fn a_disabled_account_and_one_given_back_take_no_password() {
    let (folder, scene) = empty_scene!();
    let control = &scene.control;
    with_password(&scene).await;
    assert_eq!(tamper(&folder, "UPDATE person SET disabled_at = 1").await, 1);
    let err = control.sign_in_with_password(ADMINISTRATOR, GOOD, PEER).await.expect_err("disabled");
    assert!(matches!(err, ControlError::PasswordRefused { .. }));
    assert_eq!(tamper(&folder, "UPDATE person SET disabled_at = NULL").await, 1);
    let id = control.person_of_name(ADMINISTRATOR).await.expect("known");
    control.invite_person(Principal::Machine, &id).await.expect("invited");
    assert!(control.sign_in_with_password(ADMINISTRATOR, GOOD, PEER).await.is_err(), "forgotten");
}
