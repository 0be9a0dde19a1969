-- How far each agent's stream was taken into the inventory: a batch that comes twice changes nothing.
CREATE TABLE inventory_stream (
    agent_id TEXT NOT NULL REFERENCES agent (id),
    epoch TEXT NOT NULL,
    last_seq BIGINT NOT NULL,
    PRIMARY KEY (agent_id, epoch)
);

-- clock: counts what the device reported; earlier and later on a device is said by it, not by times.
-- stale: judgements of its items changed and its findings were not looked at since.
CREATE TABLE inventory_device (
    device_id TEXT PRIMARY KEY REFERENCES device (id),
    clock BIGINT NOT NULL,
    looked_at BIGINT NOT NULL,
    silent BIGINT NOT NULL,
    stale BIGINT NOT NULL
);

-- items_digest: over the rows of `installed` that are not gone. accepted_items: how many there were at the last
-- look that was confirmed. held_*: a snapshot that shrank too much. staging_*: a full snapshot that is coming in.
CREATE TABLE inventory_source (
    device_id TEXT NOT NULL REFERENCES device (id),
    source TEXT NOT NULL,
    looked_at BIGINT,
    look_order BIGINT NOT NULL,
    full_at BIGINT,
    confirmed BIGINT NOT NULL,
    reason TEXT NOT NULL,
    items BIGINT NOT NULL,
    items_digest TEXT NOT NULL,
    accepted_items BIGINT NOT NULL,
    held_snapshot TEXT NOT NULL,
    held_hash TEXT NOT NULL,
    held_items BIGINT NOT NULL,
    held_at BIGINT,
    staging_snapshot TEXT NOT NULL,
    staging_digest TEXT NOT NULL,
    staging_items BIGINT NOT NULL,
    PRIMARY KEY (device_id, source)
);

-- Distinct items: everything that a device says of an item but its key and the time of its installation.
-- The id is a digest of that.
CREATE TABLE software_item (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    publisher TEXT NOT NULL,
    identifier TEXT NOT NULL,
    architecture TEXT NOT NULL,
    path TEXT NOT NULL,
    user_name TEXT NOT NULL,
    profile TEXT NOT NULL,
    permissions TEXT NOT NULL,
    install_source TEXT NOT NULL,
    origin_url TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    signer TEXT NOT NULL,
    size_bytes BIGINT,
    enabled BIGINT,
    search_key TEXT NOT NULL,
    first_seen_at BIGINT NOT NULL
);

-- What an item was identified as and how it is judged, by the revision of titles, rules, decisions and exclusions.
-- evidence: the steps of the identification in words, as JSON; empty when nothing was found.
-- subject: 'title:<id>' or 'item:…'. kind: of the finding that it asks for, or empty. per_device: the judgement
-- depends on the device's owner or its other software and is made again there.
CREATE TABLE item_judgement (
    item_id TEXT PRIMARY KEY REFERENCES software_item (id),
    outcome TEXT NOT NULL,
    evidence TEXT NOT NULL,
    title_id TEXT NOT NULL,
    subject TEXT NOT NULL,
    subject_name TEXT NOT NULL,
    verdict TEXT NOT NULL,
    kind TEXT NOT NULL,
    exclusion_id TEXT NOT NULL,
    per_device BIGINT NOT NULL,
    normaliser_version BIGINT NOT NULL,
    revision BIGINT NOT NULL
);
CREATE INDEX item_judgement_subject ON item_judgement (subject);
CREATE INDEX item_judgement_title ON item_judgement (title_id);
CREATE INDEX item_judgement_revision ON item_judgement (revision);
CREATE INDEX item_judgement_outcome ON item_judgement (outcome);
CREATE INDEX item_judgement_exclusion ON item_judgement (exclusion_id);

-- gone: the device said that it is removed, and no confirmed look says so yet.
CREATE TABLE installed (
    device_id TEXT NOT NULL REFERENCES device (id),
    source TEXT NOT NULL,
    item_key TEXT NOT NULL,
    item_id TEXT NOT NULL REFERENCES software_item (id),
    installed_at BIGINT,
    first_seen_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    seen_order BIGINT NOT NULL,
    gone BIGINT NOT NULL,
    baseline BIGINT NOT NULL,
    PRIMARY KEY (device_id, source, item_key)
);
CREATE INDEX installed_item ON installed (item_id);

-- Items of full snapshots whose summary has not come yet, or that are held back.
CREATE TABLE staged_item (
    device_id TEXT NOT NULL REFERENCES device (id),
    source TEXT NOT NULL,
    item_key TEXT NOT NULL,
    item_id TEXT NOT NULL REFERENCES software_item (id),
    installed_at BIGINT,
    PRIMARY KEY (device_id, source, item_key)
);

-- Inventory events that were not taken.
CREATE TABLE inventory_refusal (
    device_id TEXT NOT NULL REFERENCES device (id),
    reason TEXT NOT NULL,
    times BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (device_id, reason)
);

-- The revision that every judgement must have, and until when ends (of exclusions, of titles) were looked at.
CREATE TABLE judging (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    revision BIGINT NOT NULL,
    rules BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
INSERT INTO judging (only_row, revision, rules, ends_at) VALUES (1, 1, 1, 0);

-- A reviewer's click: a rule for identification, and a row of test data with its provenance.
CREATE TABLE identity_rule (
    id TEXT PRIMARY KEY,
    item TEXT NOT NULL,
    alias TEXT NOT NULL,
    title_id TEXT NOT NULL,
    is_title BIGINT NOT NULL,
    person_id TEXT NOT NULL REFERENCES person (id),
    at BIGINT NOT NULL,
    normaliser_version BIGINT NOT NULL
);

CREATE TABLE exclusion (
    id TEXT PRIMARY KEY,
    class TEXT NOT NULL,
    predicate TEXT NOT NULL,
    parent TEXT NOT NULL,
    reason TEXT NOT NULL,
    owner_id TEXT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    withdrawn_at BIGINT,
    hits BIGINT NOT NULL
);

-- state: the machine's JSON (case::finding::Finding); the columns beside it are what lists and timers need.
-- items: source and key of what it is about, as JSON.
CREATE TABLE finding (
    id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL REFERENCES device (id),
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    search_key TEXT NOT NULL,
    items TEXT NOT NULL,
    state TEXT NOT NULL,
    status TEXT NOT NULL,
    rung TEXT NOT NULL,
    closing TEXT NOT NULL,
    request_id TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    closed_at BIGINT,
    due_at BIGINT,
    last_seen_at BIGINT NOT NULL,
    stale BIGINT NOT NULL,
    reopened BIGINT NOT NULL
);
CREATE UNIQUE INDEX finding_of_device ON finding (device_id, subject, kind);
CREATE INDEX finding_due ON finding (due_at);
CREATE INDEX finding_status ON finding (status, opened_at);
CREATE INDEX finding_request ON finding (request_id);

CREATE TABLE finding_event (
    finding_id TEXT NOT NULL REFERENCES finding (id),
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT NOT NULL,
    from_status TEXT NOT NULL,
    to_status TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (finding_id, n)
);
CREATE INDEX finding_event_at ON finding_event (at);

CREATE TABLE finding_message (
    id TEXT PRIMARY KEY,
    finding_id TEXT NOT NULL REFERENCES finding (id),
    at BIGINT NOT NULL,
    channel TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX finding_message_of ON finding_message (finding_id, at);
