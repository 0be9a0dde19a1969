//! Sign-in tokens and sessions.
//!
//! A token is issued on the server itself, works once and within minutes, and turns into a session. Both
//! are random secrets of 160 bits; the store keeps their SHA-256, so a stolen database signs nobody in.

use crate::actor::{Principal, Role};
use crate::audit::{Action, Cause, Entry};
use crate::limits::{
    INVITATION_LIFE_NS, MINUTE_NS, REFUSALS_PER_MINUTE_MAX, SECRET_BYTES_MAX, SESSION_IDLE_NS,
    SESSION_LIFE_NS, SESSION_TOUCH_NS, SIGN_IN_TOKEN_LIFE_NS,
};
use crate::people::{about_person, end_links, end_sessions, person_name};
use crate::people_rule::PeopleRule;
use crate::recipient::recipient_in;
use crate::scope::statement;
use crate::store::Writing;
use crate::view::people::Invitation;
use crate::{Actor, Control, ControlError, Permission, digest, random};
use model::Timestamp;
use serde_json::json;
use sqlx::Row;
use std::sync::Mutex;

/// A session that was just begun. Its secret is not stored and cannot be had again.
#[derive(Clone)]
pub struct NewSession {
    /// For the browser's cookie.
    pub secret: String,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Control {
    /// Issues a sign-in token for the person of a name, who becomes an administrator when there is no
    /// such person yet. Called on the machine itself: whoever can read the data folder may do this anyway.
    ///
    /// # Errors
    /// [`ControlError::BadArgument`] when the name is empty, too long or holds control characters,
    /// [`ControlError::People`] when the account is disabled.
    pub async fn issue_sign_in_token(&self, name: &str) -> Result<String, ControlError> {
        let name = person_name(name)?;
        let token = random::secret()?;
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        let person = person_of_name(&mut writing, name, now).await?;
        if recipient_in(&mut writing, &person).await?.disabled {
            return Err(PeopleRule::Disabled.into());
        }
        insert_link(&mut writing, &token, &person, now, SIGN_IN_TOKEN_LIFE_NS).await?;
        let entry = Entry {
            cause: Cause::Machine,
            action: Action::SignInTokenIssued,
            target: format!("person {person}"),
            detail: json!({ "name": name }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(token)
    }

    /// Invites a person: a link that signs in once within three days. A password that was set is forgotten, and
    /// earlier sessions and links end, so this is also how an account is given back to its person.
    ///
    /// # Errors
    /// [`ControlError::NotPermitted`], [`ControlError::NotFound`], [`ControlError::People`] when the account is
    /// disabled or one's own.
    pub async fn invite_person(
        &self,
        by: Principal<'_>,
        id: &str,
    ) -> Result<Invitation, ControlError> {
        self.require_of(by, Permission::ManagePeople, "invite_person").await?;
        if by.is(id) {
            return Err(PeopleRule::OwnAccount.into());
        }
        let token = random::secret()?;
        let now = self.clock.now();
        let mut writing = self.store.write().await?;
        if recipient_in(&mut writing, id).await?.disabled {
            return Err(PeopleRule::Disabled.into());
        }
        sqlx::query("UPDATE person SET password_hash = NULL WHERE id = $1")
            .bind(id)
            .execute(&mut *writing)
            .await?;
        end_sessions(&mut writing, id, None, now).await?;
        end_links(&mut writing, id, now).await?;
        insert_link(&mut writing, &token, id, now, INVITATION_LIFE_NS).await?;
        let expires_at = now.plus_nanos(INVITATION_LIFE_NS);
        let detail = json!({ "expires_at": expires_at.to_string() });
        let entry = about_person(by, Action::PersonInvited, id, detail);
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(Invitation { token, expires_at })
    }

    /// Turns a sign-in token into a session.
    ///
    /// # Errors
    /// [`ControlError::SignInRefused`] when the token is unknown, used or too old.
    pub async fn sign_in(&self, token: &str) -> Result<NewSession, ControlError> {
        match self.try_sign_in(token).await {
            Err(ControlError::SignInRefused { reason }) => {
                self.record_stranger(Action::SignInRefused, reason).await?;
                Err(ControlError::SignInRefused { reason })
            }
            other => other,
        }
    }

    /// Who a session belongs to.
    ///
    /// # Errors
    /// [`ControlError::SessionEnded`] when there is no such session, or it was ended, or it is eight
    /// hours old, or it was not used for thirty minutes.
    pub async fn actor(&self, session_secret: &str) -> Result<Actor, ControlError> {
        let ended = |reason| ControlError::SessionEnded { reason };
        if session_secret.len() > SECRET_BYTES_MAX {
            return Err(ended("is unknown"));
        }
        let now = self.clock.now();
        let secret_hash = hash(session_secret);
        let sql = format!(
            "SELECT {}, session.last_used_at, session.expires_at, session.ended_at, person.disabled_at \
             FROM session JOIN person ON person.id = session.person_id WHERE session.secret_hash = $1",
            Actor::COLUMNS
        );
        let row = statement(sql)
            .bind(secret_hash.clone())
            .fetch_optional(self.store.pool())
            .await?
            .ok_or_else(|| ended("is unknown"))?;
        let at = Actor::COLUMNS_LEN;
        let last_used_at = Timestamp::from_nanos(row.try_get(at)?);
        if row.try_get::<Option<i64>, _>(at + 2)?.is_some() {
            return Err(ended("was signed out"));
        }
        if row.try_get::<Option<i64>, _>(at + 3)?.is_some() {
            return Err(ended("is of a disabled account"));
        }
        if now.nanos() >= row.try_get::<i64, _>(at + 1)? {
            return Err(ended("reached its longest life"));
        }
        if now >= last_used_at.plus_nanos(SESSION_IDLE_NS) {
            return Err(ended("was not used for too long"));
        }
        if now >= last_used_at.plus_nanos(SESSION_TOUCH_NS) {
            sqlx::query("UPDATE session SET last_used_at = $1 WHERE secret_hash = $2")
                .bind(now.nanos())
                .bind(&secret_hash)
                .execute(self.store.pool())
                .await?;
        }
        Actor::of_row(&row)
    }

    /// Ends a session. Ending one that does not exist is no error.
    ///
    /// # Errors
    /// When the store cannot be written: the session then goes on, and the person must be told.
    pub async fn sign_out(&self, session_secret: &str) -> Result<(), ControlError> {
        if session_secret.len() > SECRET_BYTES_MAX {
            return Ok(());
        }
        let actor = match self.actor(session_secret).await {
            Ok(actor) => actor,
            Err(ControlError::SessionEnded { .. }) => return Ok(()),
            Err(err) => return Err(err),
        };
        let mut writing = self.store.write().await?;
        sqlx::query("UPDATE session SET ended_at = $1 WHERE secret_hash = $2")
            .bind(self.clock.now().nanos())
            .bind(hash(session_secret))
            .execute(&mut *writing)
            .await?;
        let entry = Entry {
            cause: Cause::Person(&actor),
            action: Action::SignedOut,
            target: String::new(),
            detail: json!({}),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(())
    }

    async fn try_sign_in(&self, token: &str) -> Result<NewSession, ControlError> {
        let refused = |reason| ControlError::SignInRefused { reason };
        if token.len() > SECRET_BYTES_MAX {
            return Err(refused("is unknown"));
        }
        let now = self.clock.now();
        let token_hash = hash(token);
        // Read before the write lock is taken: a stranger who guesses must not hold up everybody else.
        let sql = format!(
            "SELECT {}, sign_in_token.expires_at, sign_in_token.used_at, person.disabled_at \
             FROM sign_in_token JOIN person ON person.id = sign_in_token.person_id \
             WHERE sign_in_token.token_hash = $1",
            Actor::COLUMNS
        );
        let row = statement(sql)
            .bind(token_hash.clone())
            .fetch_optional(self.store.pool())
            .await?
            .ok_or_else(|| refused("is unknown"))?;
        let at = Actor::COLUMNS_LEN;
        if row.try_get::<Option<i64>, _>(at + 1)?.is_some() {
            return Err(refused("was used already"));
        }
        if now.nanos() >= row.try_get::<i64, _>(at)? {
            return Err(refused("is too old"));
        }
        if row.try_get::<Option<i64>, _>(at + 2)?.is_some() {
            return Err(refused("is of a disabled account"));
        }
        let actor = Actor::of_row(&row)?;

        let mut writing = self.store.write().await?;
        let used = sqlx::query(
            "UPDATE sign_in_token SET used_at = $1 WHERE token_hash = $2 AND used_at IS NULL",
        )
        .bind(now.nanos())
        .bind(&token_hash)
        .execute(&mut *writing)
        .await?;
        if used.rows_affected() != 1 {
            return Err(refused("was used already"));
        }
        let session = self.begin_session(&mut writing, &actor, Began::Link).await?;
        let entry = Entry {
            cause: Cause::Person(&actor),
            action: Action::SignedIn,
            target: String::new(),
            detail: json!({ "expires_at": session.expires_at.to_string() }),
        };
        self.append(&mut writing, &entry).await?;
        writing.commit().await?;
        Ok(session)
    }

    /// Begins a session within a transaction.
    pub(crate) async fn begin_session(
        &self,
        writing: &mut Writing,
        actor: &Actor,
        began: Began,
    ) -> Result<NewSession, ControlError> {
        let secret = random::secret()?;
        let now = self.clock.now();
        let expires_at = now.plus_nanos(SESSION_LIFE_NS);
        sqlx::query(
            "INSERT INTO session (secret_hash, person_id, created_at, last_used_at, expires_at, began_by) \
             VALUES ($1, $2, $3, $3, $4, $5)",
        )
        .bind(hash(&secret))
        .bind(actor.id().to_owned())
        .bind(now.nanos())
        .bind(expires_at.nanos())
        .bind(began.name())
        .execute(&mut **writing)
        .await?;
        Ok(NewSession { secret, expires_at })
    }

    /// Audits the refusal of somebody unknown. Above a rate, refusals are only counted and the count is
    /// written with the next entry, so that strangers cannot fill the disk.
    pub(crate) async fn record_stranger(
        &self,
        action: Action,
        reason: &'static str,
    ) -> Result<(), ControlError> {
        self.record_refusal(Cause::Stranger, action, reason).await
    }

    /// The same for a refusal whose cause may be known.
    pub(crate) async fn record_refusal(
        &self,
        cause: Cause<'_>,
        action: Action,
        reason: &'static str,
    ) -> Result<(), ControlError> {
        let Some(uncounted) = self.strangers.admit(self.clock.now()) else {
            return Ok(());
        };
        let detail = if uncounted == 0 {
            json!({ "reason": reason })
        } else {
            json!({ "reason": reason, "refused_before_and_only_counted": uncounted })
        };
        let entry = Entry { cause, action, target: String::new(), detail };
        self.record(entry).await
    }
}

/// How a session began; the names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Began {
    /// By a one-time link.
    Link,
    /// By name and password.
    Password,
}

impl Began {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Password => "password",
        }
    }
}

/// How many refusals of strangers were written in the present minute.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    minute: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    refused: u64,
    only_counted: u64,
}

impl Strangers {
    /// `Some(n)`: write this refusal; `n` earlier ones were only counted. `None`: only count it.
    fn admit(&self, now: Timestamp) -> Option<u64> {
        let mut minute = self.minute.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let number = now.nanos() / MINUTE_NS;
        if minute.number != number {
            minute.number = number;
            minute.refused = 0;
        }
        minute.refused += 1;
        if minute.refused > REFUSALS_PER_MINUTE_MAX {
            minute.only_counted += 1;
            return None;
        }
        Some(std::mem::take(&mut minute.only_counted))
    }
}

/// How a secret is kept.
pub(crate) fn hash(secret: &str) -> String {
    digest::sha256_hex(secret.as_bytes())
}

async fn insert_link(
    writing: &mut Writing,
    token: &str,
    person: &str,
    now: Timestamp,
    life_ns: i64,
) -> Result<(), ControlError> {
    sqlx::query(
        "INSERT INTO sign_in_token (token_hash, person_id, created_at, expires_at) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(hash(token))
    .bind(person.to_owned())
    .bind(now.nanos())
    .bind(now.plus_nanos(life_ns).nanos())
    .execute(&mut **writing)
    .await?;
    Ok(())
}

async fn person_of_name(
    writing: &mut Writing,
    name: &str,
    now: Timestamp,
) -> Result<String, ControlError> {
    let known = sqlx::query("SELECT id FROM person WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut **writing)
        .await?;
    if let Some(row) = known {
        return Ok(row.try_get(0)?);
    }
    let id = format!("{:032x}", random::id_bits()?);
    sqlx::query("INSERT INTO person (id, name, roles, created_at) VALUES ($1, $2, $3, $4)")
        .bind(&id)
        .bind(name)
        .bind(Role::Administrator.name())
        .bind(now.nanos())
        .execute(&mut **writing)
        .await?;
    Ok(id)
}
