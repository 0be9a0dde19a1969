-- Rules that were written in the console. head: the number of the newest revision, which is the one in force.
CREATE TABLE own_rule (
    id TEXT PRIMARY KEY,
    head BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Every text that such a rule ever had; nothing is overwritten. tests: cases in the format of rule tests, or empty.
-- cases: how many there are; must_match: how many of them are matches.
CREATE TABLE own_rule_revision (
    rule_id TEXT NOT NULL REFERENCES own_rule (id),
    number BIGINT NOT NULL,
    text TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    tests TEXT NOT NULL,
    title TEXT NOT NULL,
    level TEXT NOT NULL,
    cases BIGINT NOT NULL,
    must_match BIGINT NOT NULL,
    comment TEXT NOT NULL,
    author_id TEXT NOT NULL REFERENCES person (id),
    saved_at BIGINT NOT NULL,
    PRIMARY KEY (rule_id, number)
);

-- Where a rule stands, also one of a file; a rule of a file without a row raises alerts on all devices.
-- stage: draft, canary, all, stopped. resumes_as: the stage before it was stopped. cause: person, flood, cost or
-- empty. elsewhere: matches of this canary on devices outside of the ring.
CREATE TABLE rule_life (
    rule_id TEXT PRIMARY KEY,
    stage TEXT NOT NULL,
    resumes_as TEXT NOT NULL,
    cause TEXT NOT NULL,
    reason_ja TEXT NOT NULL,
    reason_en TEXT NOT NULL,
    since BIGINT NOT NULL,
    elsewhere BIGINT NOT NULL
);

-- Every step that a rule took. by_id: the person; NULL: the server itself.
CREATE TABLE rule_step (
    rule_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    from_stage TEXT NOT NULL,
    to_stage TEXT NOT NULL,
    cause TEXT NOT NULL,
    reason_ja TEXT NOT NULL,
    reason_en TEXT NOT NULL,
    by_id TEXT REFERENCES person (id),
    at BIGINT NOT NULL,
    PRIMARY KEY (rule_id, number)
);

-- The canary ring: devices, and departments and groups with all of their devices. kind: device, department, group;
-- the id of a group is its name.
CREATE TABLE canary_member (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (kind, id)
);
