-- A detection: the alerts of one rule folded into one finding. alerts, devices, first_at and last_at count what
-- detection_alert holds; first_at and last_at are by the devices' clocks. state: where it stands, as JSON; status,
-- assignee_id and verdict repeat its parts for lists. title_ja is empty when the rule has none. tactics: names of
-- ATT&CK separated by blanks. before_id: the earlier detection of the rule, or empty. revision counts the changes
-- that people made, so that nobody acts on what somebody else changed meanwhile.
CREATE TABLE detection (
    id TEXT PRIMARY KEY,
    rule_id TEXT NOT NULL,
    title TEXT NOT NULL,
    title_ja TEXT NOT NULL,
    rule_revision TEXT NOT NULL,
    level TEXT NOT NULL,
    level_rank BIGINT NOT NULL,
    tactics TEXT NOT NULL,
    state TEXT NOT NULL,
    status TEXT NOT NULL,
    assignee_id TEXT NOT NULL,
    verdict TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    alerts BIGINT NOT NULL,
    devices BIGINT NOT NULL,
    sample_alert TEXT NOT NULL,
    before_id TEXT NOT NULL,
    revision BIGINT NOT NULL
);

-- One open detection of a rule.
CREATE UNIQUE INDEX detection_open ON detection (rule_id) WHERE status <> 'closed';
CREATE INDEX detection_of_rule ON detection (rule_id, opened_at);
CREATE INDEX detection_listed ON detection (status, level_rank, last_at);

-- Its devices, also those that were never enrolled (imports). sample_alert: the newest.
CREATE TABLE detection_device (
    detection_id TEXT NOT NULL REFERENCES detection (id),
    device_id TEXT NOT NULL,
    alerts BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    sample_alert TEXT NOT NULL,
    PRIMARY KEY (detection_id, device_id)
);
CREATE INDEX detection_of_device ON detection_device (device_id, last_at);

-- Every alert that was taken: one that comes twice changes nothing.
CREATE TABLE detection_alert (
    alert_id TEXT PRIMARY KEY,
    detection_id TEXT NOT NULL REFERENCES detection (id),
    device_id TEXT NOT NULL,
    observed_at BIGINT NOT NULL,
    detected_at BIGINT NOT NULL
);
CREATE INDEX detection_alert_of ON detection_alert (detection_id, observed_at);

-- What people did, in order. state: where it stood afterwards, as JSON.
CREATE TABLE detection_event (
    detection_id TEXT NOT NULL REFERENCES detection (id),
    n BIGINT NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    cause TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (detection_id, n)
);

-- How far alerts were taken. coming_from: the lake is about to hold alerts that were judged from then on, and they
-- are not taken yet; null when nothing is open. taken_to: the newest time of judgement that was taken.
CREATE TABLE detection_mark (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    coming_from BIGINT,
    taken_to BIGINT
);

-- Risk of a device or a user. score: points at the instant `at`. rank orders scores whenever it is asked.
CREATE TABLE risk (
    kind TEXT NOT NULL,
    entity TEXT NOT NULL,
    score DOUBLE PRECISION NOT NULL,
    at BIGINT NOT NULL,
    rank DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (kind, entity)
);
CREATE INDEX risk_ranked ON risk (kind, rank);

-- What each detection adds to it. repeats: how many of its alerts make the next one count less. counts: 0 when the
-- detection was closed as harmless.
CREATE TABLE risk_part (
    kind TEXT NOT NULL,
    entity TEXT NOT NULL,
    detection_id TEXT NOT NULL REFERENCES detection (id),
    score DOUBLE PRECISION NOT NULL,
    at BIGINT NOT NULL,
    alerts BIGINT NOT NULL,
    repeats BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    counts BIGINT NOT NULL,
    PRIMARY KEY (kind, entity, detection_id)
);
CREATE INDEX risk_part_of ON risk_part (detection_id);
