//! Passwords of local accounts: argon2id, computed off the async threads and few at a time.

use crate::actor::Principal;
use crate::audit::{Action, Cause, Entry};
use crate::limits::{
    LINK_TRUST_NS, PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN, PASSWORDS_AT_ONCE_MAX, SECRET_BYTES_MAX,
};
use crate::people::{about_person, end_links, end_sessions};
use crate::people_rule::PeopleRule;
use crate::scope::statement;
use crate::signin::{Began, hash};
use crate::tries::Guesser;
use crate::{Actor, Control, ControlError, NewSession, random};
use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use model::Timestamp;
use serde_json::json;
use sqlx::Row as _;
use std::net::IpAddr;
use tokio::sync::Semaphore;

impl Control {
    /// Signs a person in by name and password. `peer` is the address that the connection came from.
    ///
    /// # Errors
    /// [`ControlError::PasswordRefused`] in the same words and after the same time whatever is wrong,
    /// [`ControlError::TooManyTries`].
    pub async fn sign_in_with_password(
        &self,
        name: &str,
        password: &str,
        peer: IpAddr,
    ) -> Result<NewSession, ControlError> {
        let outcome = self.try_password(name.trim(), password, peer).await;
        match &outcome {
            Err(ControlError::PasswordRefused { reason }) => {
                self.record_stranger(Action::SignInRefused, reason).await?;
            }
            Err(ControlError::TooManyTries) => {
                self.record_stranger(Action::SignInRefused, "too many wrong passwords").await?;
            }
            _ => {}
        }
        outcome
    }

    /// Sets the actor's password. The present one is needed unless there is none, or the session began by a
    /// link within the last 15 minutes. The person's other sessions end.
    ///
    /// # Errors
    /// [`ControlError::People`] for the rule that it breaks, [`ControlError::TooManyTries`].
    pub async fn set_password(
        &self,
        actor: &Actor,
        session_secret: &str,
        current: Option<&str>,
        new: &str,
        peer: IpAddr,
    ) -> Result<(), ControlError> {
        fit_for_use(new, actor.name())?;
        let now = self.clock.now();
        if session_secret.len() > SECRET_BYTES_MAX {
            return Err(ControlError::SessionEnded { reason: "is unknown" });
        }
        let session = hash(session_secret);
        let row = sqlx::query(
            "SELECT person.password_hash, session.began_by, session.created_at FROM session \
             JOIN person ON person.id = session.person_id \
             WHERE session.secret_hash = $1 AND session.person_id = $2 AND session.ended_at IS NULL",
        )
        .bind(&session)
        .bind(actor.id().to_owned())
        .fetch_optional(self.store.pool())
        .await?
        .ok_or(ControlError::SessionEnded { reason: "is unknown" })?;
        let by_link = row.try_get::<String, _>(1)? == Began::Link.name();
        let begun_at = Timestamp::from_nanos(row.try_get(2)?);
        let trusted = by_link && now < begun_at.plus_nanos(LINK_TRUST_NS);
        if let (Some(stored), false) = (row.try_get::<Option<String>, _>(0)?, trusted) {
            let guesser = Guesser::new(actor.name(), peer);
            self.tries.begin(&guesser, now)?;
            if !self.passwords.verify(current.unwrap_or_default(), &stored).await? {
                return Err(PeopleRule::PasswordWrong.into());
            }
            self.tries.right(&guesser);
        }
        let fresh = self.passwords.hash(new).await?;
        let mut writing = self.store.write().await?;
        sqlx::query("UPDATE person SET password_hash = $1 WHERE id = $2")
            .bind(fresh)
            .bind(actor.id().to_owned())
            .execute(&mut *writing)
            .await?;
        end_sessions(&mut writing, actor.id(), Some(&session), now).await?;
        end_links(&mut writing, actor.id(), now).await?;
        let by = Principal::Person(actor);
        let entry = about_person(by, Action::PasswordSet, actor.id(), json!({}));
        self.append(&mut writing, &entry).await?;
        writing.commit().await
    }

    async fn try_password(
        &self,
        name: &str,
        password: &str,
        peer: IpAddr,
    ) -> Result<NewSession, ControlError> {
        let refused = |reason| ControlError::PasswordRefused { reason };
        let guesser = Guesser::new(name, peer);
        self.tries.begin(&guesser, self.clock.now())?;
        if password.len() > PASSWORD_BYTES_MAX || name.contains('\0') {
            return Err(refused("it is too long, or the name is malformed"));
        }
        let sql = format!(
            "SELECT {}, person.password_hash, person.disabled_at FROM person WHERE person.name = $1",
            Actor::COLUMNS
        );
        let row = statement(sql).bind(name.to_owned()).fetch_optional(self.store.pool()).await?;
        let stored = match &row {
            Some(row) => row.try_get::<Option<String>, _>(Actor::COLUMNS_LEN)?,
            None => None,
        };
        // The same work for a name that is not known: the time of the answer says nothing.
        let right = match &stored {
            Some(stored) => self.passwords.verify(password, stored).await?,
            None => {
                self.passwords.hash(password).await?;
                false
            }
        };
        let (Some(row), true) = (row, right) else {
            return Err(refused("the name or the password is wrong"));
        };
        if row.try_get::<Option<i64>, _>(Actor::COLUMNS_LEN + 1)?.is_some() {
            return Err(refused("the account is disabled"));
        }
        self.tries.right(&guesser);
        let actor = Actor::of_row(&row)?;
        let mut writing = self.store.write().await?;
        // Once more, now that nobody else writes: the account may just have been disabled or reset.
        let same = sqlx::query(
            "SELECT id FROM person WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL",
        )
        .bind(actor.id().to_owned())
        .bind(stored)
        .fetch_optional(&mut *writing)
        .await?;
        if same.is_none() {
            return Err(refused("the account was changed meanwhile"));
        }
        let session = self.begin_session(&mut writing, &actor, Began::Password).await?;
        let entry = Entry {
            cause: Cause::Person(&actor),
            action: Action::SignedIn,
            target: String::new(),
            detail: json!({ "by": "password", "expires_at": session.expires_at.to_string() }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(session)
    }
}

/// Computes password hashes, a few at a time.
#[derive(Debug)]
pub(crate) struct Passwords {
    places: Semaphore,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { places: Semaphore::new(PASSWORDS_AT_ONCE_MAX) }
    }
}

impl Passwords {
    /// The PHC string of a password with a new salt.
    async fn hash(&self, password: &str) -> Result<String, ControlError> {
        let salt = random::id_bits()?.to_be_bytes();
        let password = password.to_owned();
        self.compute(move || {
            let salt = SaltString::encode_b64(&salt).map_err(|err| err.to_string())?;
            let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|err| err.to_string())
        })
        .await
    }

    async fn verify(&self, password: &str, stored: &str) -> Result<bool, ControlError> {
        let (password, stored) = (password.to_owned(), stored.to_owned());
        self.compute(move || {
            let stored = PasswordHash::new(&stored).map_err(|err| err.to_string())?;
            match Argon2::default().verify_password(password.as_bytes(), &stored) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(err) => Err(err.to_string()),
            }
        })
        .await
    }

    async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, ControlError> {
        let damaged = |reason: String| ControlError::Corrupt {
            what: "password hash",
            id: "of a person".to_owned(),
            reason,
        };
        let place = self.places.acquire().await.map_err(|err| damaged(err.to_string()))?;
        let outcome = tokio::task::spawn_blocking(work).await;
        drop(place);
        outcome.map_err(|err| damaged(err.to_string()))?.map_err(damaged)
    }
}

fn fit_for_use(password: &str, name: &str) -> Result<(), ControlError> {
    if password.chars().count() < PASSWORD_CHARS_MIN {
        return Err(PeopleRule::PasswordTooShort.into());
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(PeopleRule::PasswordTooLong.into());
    }
    let plain = password.to_lowercase();
    let first = plain.chars().next();
    if plain.contains(&name.to_lowercase()) || plain.chars().all(|char| Some(char) == first) {
        return Err(PeopleRule::PasswordTooPlain.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_passwords_are_refused() {
        let cases = [
            ("short", PeopleRule::PasswordTooShort),
            ("パスワード", PeopleRule::PasswordTooShort),
            ("aaaaaaaaaaaaaaaa", PeopleRule::PasswordTooPlain),
            ("AoiTanaka-2026", PeopleRule::PasswordTooPlain),
        ];
        for (password, rule) in cases {
            let outcome = fit_for_use(password, "aoitanaka");
            assert!(
                matches!(outcome, Err(ControlError::People(found)) if found == rule),
                "{password}"
            );
        }
        assert!(fit_for_use(&"長".repeat(86), "aoi").is_err());
        assert!(fit_for_use("correct horse battery", "aoi").is_ok());
    }

    #[tokio::test]
    async fn a_password_is_verified_by_its_hash() {
        let passwords = Passwords::default();
        let one = passwords.hash("correct horse battery").await.expect("a hash");
        let two = passwords.hash("correct horse battery").await.expect("a hash");
        assert!(one.starts_with("$argon2id$"), "{one}");
        assert_ne!(one, two, "each has its own salt");
        assert!(passwords.verify("correct horse battery", &one).await.expect("verified"));
        assert!(!passwords.verify("correct horse batterz", &one).await.expect("verified"));
        assert!(passwords.verify("x", "damaged").await.is_err());
    }
}
