-- Titles of the catalogue. document: JSON of software::Title. origin: seed, import, request, person.
-- alternatives: JSON list of titles to use instead.
CREATE TABLE title (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    origin TEXT NOT NULL,
    alternatives TEXT NOT NULL,
    revision BIGINT NOT NULL,
    retired_at BIGINT,
    retired_reason TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Counters by which every process knows that its copy of the catalogue is old.
-- policies_seeded: the rules shipped were written once; what was deleted since stays deleted.
CREATE TABLE catalogue_state (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    titles_revision BIGINT NOT NULL,
    decisions_revision BIGINT NOT NULL,
    policies_seeded BIGINT NOT NULL
);
INSERT INTO catalogue_state (only_row, titles_revision, decisions_revision, policies_seeded) VALUES (1, 1, 1, 0);

-- document: JSON of case::request::Request; the other columns are copies of parts of it, to find it by.
CREATE TABLE request (
    id TEXT PRIMARY KEY,
    requester_id TEXT NOT NULL REFERENCES person (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    name TEXT NOT NULL,
    search_key TEXT NOT NULL,
    title_id TEXT NOT NULL,
    assignee_id TEXT REFERENCES person (id),
    worst TEXT NOT NULL,
    pending BIGINT NOT NULL,
    followers BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    submitted_at BIGINT,
    decided_at BIGINT,
    state_since BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX request_of_person ON request (requester_id, created_at);
CREATE INDEX request_of_state ON request (state, state_since);
CREATE INDEX request_of_title ON request (title_id);

CREATE TABLE request_follower (
    request_id TEXT NOT NULL REFERENCES request (id),
    person_id TEXT NOT NULL REFERENCES person (id),
    PRIMARY KEY (request_id, person_id)
);
CREATE INDEX request_follower_person ON request_follower (person_id);

-- What happened to a request or a decision. person_id: NULL: the machine.
CREATE TABLE case_history (
    about TEXT NOT NULL,
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    person_id TEXT REFERENCES person (id),
    what TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (about, n)
);

-- Files of requests; their bytes lie in the folder `attachments` by hash.
CREATE TABLE attachment (
    request_id TEXT NOT NULL REFERENCES request (id),
    sha256 TEXT NOT NULL,
    person_id TEXT NOT NULL REFERENCES person (id),
    size_bytes BIGINT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (request_id, sha256)
);
CREATE INDEX attachment_hash ON attachment (sha256);
CREATE INDEX attachment_person ON attachment (person_id);

-- document: JSON of case::decision::Decision.
CREATE TABLE decision (
    id TEXT PRIMARY KEY,
    title_id TEXT NOT NULL REFERENCES title (id),
    request_id TEXT REFERENCES request (id),
    life TEXT NOT NULL,
    due_at BIGINT,
    revision BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX decision_of_title ON decision (title_id);
CREATE INDEX decision_of_life ON decision (life);
CREATE INDEX decision_due ON decision (due_at);

-- Sources of evidence that wait to be asked. about: `request <id>` or `decision <id>`.
-- taken_until: somebody asks them now; after this time somebody else may.
CREATE TABLE evidence_wanted (
    about TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    since BIGINT NOT NULL,
    taken_until BIGINT NOT NULL,
    PRIMARY KEY (about, kind, subject)
);

-- document: JSON of case::policy::PolicyRule. changed_by: NULL: as shipped.
CREATE TABLE policy_rule (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    priority BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    changed_by TEXT REFERENCES person (id),
    changed_at BIGINT NOT NULL
);

-- Cards of the recommended tools.
CREATE TABLE recommended_card (
    id TEXT PRIMARY KEY,
    document TEXT NOT NULL,
    place BIGINT NOT NULL,
    changed_by TEXT NOT NULL REFERENCES person (id),
    changed_at BIGINT NOT NULL
);

-- Previews of sheets. titles_revision, decisions_revision: of the catalogue that was compared with.
CREATE TABLE sheet_import (
    id TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL,
    document TEXT NOT NULL,
    titles_revision BIGINT NOT NULL,
    decisions_revision BIGINT NOT NULL,
    person_id TEXT REFERENCES person (id),
    created_at BIGINT NOT NULL,
    committed_at BIGINT
);
