-- +goose Up
-- Templates of a clinic's own: every version that one has had, whole. The newest is in force
-- unless it is retired. A plan keeps its copy and never looks here again.
CREATE TABLE plan_templates (
  clinic_id   text    NOT NULL,
  template_id text    NOT NULL,
  version     bigint  NOT NULL,
  body        text    NOT NULL,
  retired     boolean NOT NULL,
  latest      boolean NOT NULL,
  changed_by  text    NOT NULL,
  changed_at  bigint  NOT NULL,
  PRIMARY KEY (clinic_id, template_id, version)
);
CREATE INDEX plan_templates_latest ON plan_templates (clinic_id, template_id) WHERE latest;

-- Credentials as directory says them, by kind with the last day on which one is good. What was
-- kept without them is asked again.
DELETE FROM practitioners;
ALTER TABLE practitioners ADD COLUMN credentials text NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE practitioners DROP COLUMN credentials;
DROP TABLE plan_templates;
