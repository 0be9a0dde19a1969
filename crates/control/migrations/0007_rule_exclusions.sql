-- Exclusions of rules: Sigma filters with an owner, a reason and an end.
-- filter_id: the id in the document, by which the engine tells filters apart. form: what the document was made
-- of, as JSON; empty when it was written by hand. rules: ids and names that it names, as a JSON list; empty
-- list: any. state: active, expired, ended. version: counts changes.
CREATE TABLE rule_exclusion (
    id TEXT PRIMARY KEY,
    filter_id TEXT NOT NULL,
    title TEXT NOT NULL,
    document TEXT NOT NULL,
    form TEXT NOT NULL,
    rules TEXT NOT NULL,
    reason TEXT NOT NULL,
    owner_id TEXT NOT NULL REFERENCES person (id),
    created_by TEXT NOT NULL REFERENCES person (id),
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    state TEXT NOT NULL,
    ended_at BIGINT,
    end_reason TEXT NOT NULL,
    version BIGINT NOT NULL
);
CREATE INDEX rule_exclusion_state ON rule_exclusion (state, expires_at);

-- Matches that a filter took away, of the rules that it belongs to. day: YYYY-MM-DD in UTC.
CREATE TABLE rule_filter_hits (
    filter_id TEXT NOT NULL,
    rule_id TEXT NOT NULL,
    day TEXT NOT NULL,
    hits BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (filter_id, rule_id, day)
);
CREATE INDEX rule_filter_hits_day ON rule_filter_hits (day);

-- What a rule cost and found on a day. units: see detect::RuleCost.
CREATE TABLE rule_work (
    rule_id TEXT NOT NULL,
    day TEXT NOT NULL,
    asked BIGINT NOT NULL,
    matched BIGINT NOT NULL,
    units BIGINT NOT NULL,
    PRIMARY KEY (rule_id, day)
);
CREATE INDEX rule_work_of_day ON rule_work (day);

-- Events that were judged on a day, the units of all rules, and the time that judging took.
CREATE TABLE rule_work_day (
    day TEXT PRIMARY KEY,
    events BIGINT NOT NULL,
    units BIGINT NOT NULL,
    judged_ns BIGINT NOT NULL
);

-- Values of placeholders that people keep. entries: a JSON list of texts.
CREATE TABLE rule_list (
    name TEXT PRIMARY KEY,
    description TEXT NOT NULL,
    entries TEXT NOT NULL,
    changed_by TEXT NOT NULL REFERENCES person (id),
    changed_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);
