CREATE TABLE department (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

-- limited_to: ids of departments separated by commas; empty: the roles reach everybody.
-- password_hash: a PHC string of argon2id; NULL: signs in by a link only.
ALTER TABLE person ADD COLUMN language TEXT NOT NULL DEFAULT 'ja';
ALTER TABLE person ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'Asia/Tokyo';
ALTER TABLE person ADD COLUMN department_id TEXT REFERENCES department (id);
ALTER TABLE person ADD COLUMN manager_id TEXT REFERENCES person (id);
ALTER TABLE person ADD COLUMN limited_to TEXT NOT NULL DEFAULT '';
ALTER TABLE person ADD COLUMN password_hash TEXT;
ALTER TABLE person ADD COLUMN disabled_at BIGINT;

ALTER TABLE session ADD COLUMN began_by TEXT NOT NULL DEFAULT 'link';
CREATE INDEX session_of_person ON session (person_id);
CREATE INDEX sign_in_token_of_person ON sign_in_token (person_id);

-- department_id: NULL: that of the owner.
ALTER TABLE device ADD COLUMN owner_id TEXT REFERENCES person (id);
ALTER TABLE device ADD COLUMN department_id TEXT REFERENCES department (id);
CREATE INDEX device_of_owner ON device (owner_id);
CREATE INDEX device_of_department ON device (department_id);

-- The outbox (see outbox.rs). once: a second message with the same text here is not written.
CREATE TABLE message (
    id TEXT PRIMARY KEY,
    once TEXT NOT NULL UNIQUE,
    person_id TEXT NOT NULL REFERENCES person (id),
    sender_id TEXT REFERENCES person (id),
    kind TEXT NOT NULL,
    about TEXT NOT NULL,
    language TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    buttons TEXT NOT NULL,
    channel TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    answer TEXT,
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    delivered_at BIGINT,
    answered_at BIGINT
);
CREATE INDEX message_due ON message (state, due_at);
CREATE INDEX message_of_person ON message (person_id, created_at);
CREATE INDEX message_about ON message (about);
