-- An agent has one certificate per key: that of its enrolment, and one for each renewal.
ALTER TABLE certificate ADD COLUMN public_key_hash TEXT NOT NULL DEFAULT '';
UPDATE certificate SET public_key_hash =
    (SELECT agent.public_key_hash FROM agent WHERE agent.id = certificate.agent_id);
DROP INDEX certificate_of_agent;
CREATE UNIQUE INDEX certificate_of_key ON certificate (agent_id, public_key_hash);
