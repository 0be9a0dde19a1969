-- Rows of detection_alert are removed when they are old: a detection counts more alerts than are listed then. What was
-- removed since ever, and when last, is kept with the mark.
CREATE INDEX detection_alert_age ON detection_alert (detected_at);
ALTER TABLE detection_mark ADD COLUMN removed_alerts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE detection_mark ADD COLUMN removed_detections BIGINT NOT NULL DEFAULT 0;
ALTER TABLE detection_mark ADD COLUMN removed_at BIGINT;
