-- People who may sign in. Roles: names separated by commas (see actor.rs).
CREATE TABLE person (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    roles TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Times are nanoseconds since 1970 in UTC; secrets are kept as SHA-256 only.
CREATE TABLE sign_in_token (
    token_hash TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE session (
    secret_hash TEXT PRIMARY KEY,
    person_id TEXT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT
);

CREATE TABLE device (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    os_name TEXT NOT NULL,
    enrolled_at BIGINT NOT NULL
);

-- device_id: the one device that the token may put a new agent on; NULL: every use makes a new device.
CREATE TABLE enrolment_token (
    token_hash TEXT PRIMARY KEY,
    device_id TEXT REFERENCES device (id),
    uses BIGINT NOT NULL,
    uses_max BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE agent (
    id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES device (id),
    token_hash TEXT NOT NULL REFERENCES enrolment_token (token_hash),
    public_key_hash TEXT NOT NULL,
    enrolled_at BIGINT NOT NULL,
    retired_at BIGINT
);
CREATE INDEX agent_of_device ON agent (device_id, enrolled_at);
CREATE UNIQUE INDEX agent_of_enrolment ON agent (token_hash, public_key_hash);

CREATE TABLE certificate (
    fingerprint TEXT PRIMARY KEY,
    agent_id TEXT NOT NULL REFERENCES agent (id),
    pem TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX certificate_of_agent ON certificate (agent_id);

-- Append-only: each entry carries the hash of the one before it (see audit.rs).
CREATE TABLE audit (
    n BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    detail TEXT NOT NULL,
    prev TEXT NOT NULL,
    hash TEXT NOT NULL
);

-- The last entry, sealed with a key that is not in this database.
CREATE TABLE audit_head (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    n BIGINT NOT NULL,
    hash TEXT NOT NULL,
    seal TEXT NOT NULL
);
