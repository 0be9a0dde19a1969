-- Groups of devices. A group is its name: rules, decisions and the canary ring speak of it, so it has no other.
CREATE TABLE device_group (
    name TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL
);
CREATE TABLE device_in_group (
    device_id TEXT NOT NULL REFERENCES device (id),
    group_name TEXT NOT NULL REFERENCES device_group (name),
    PRIMARY KEY (device_id, group_name)
);
CREATE INDEX device_in_group_name ON device_in_group (group_name);

-- Which judgements are new since somebody looked: each batch of them has the next number. One batch is written at a
-- time, so a number that is seen has every smaller one before it.
ALTER TABLE item_judgement ADD COLUMN batch BIGINT NOT NULL DEFAULT 0;
CREATE INDEX item_judgement_batch ON item_judgement (batch);
CREATE TABLE judged_batch (
    only_row BIGINT PRIMARY KEY,
    newest BIGINT NOT NULL
);
INSERT INTO judged_batch (only_row, newest) VALUES (1, 0);
