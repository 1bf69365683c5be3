-- +goose Up
-- When a task goes to the next owner unless somebody acknowledges or decides it before; how
-- often and when it last did.
ALTER TABLE triage_tasks ADD COLUMN escalate_at bigint;
ALTER TABLE triage_tasks ADD COLUMN escalated_at bigint;
ALTER TABLE triage_tasks ADD COLUMN escalations bigint NOT NULL DEFAULT 0;
UPDATE triage_tasks SET escalate_at = due_at WHERE state <> 'DECIDED';
CREATE INDEX triage_tasks_late ON triage_tasks (escalate_at) WHERE escalate_at IS NOT NULL;

-- A clinic's settings about triage work. 0 is the usual value.
CREATE TABLE triage_settings (
  clinic_id text NOT NULL,
  owners text NOT NULL,
  safety_officer text NOT NULL,
  emergency_minutes bigint NOT NULL,
  urgent_minutes bigint NOT NULL,
  chase_after_hours bigint NOT NULL,
  chase_off boolean NOT NULL,
  updated_by text NOT NULL,
  updated_at bigint NOT NULL,
  version bigint NOT NULL,
  CONSTRAINT triage_settings_pkey PRIMARY KEY (clinic_id)
);

-- Messages that wait until something sends them: who is to be told about what, never what
-- was answered. One of a kind for each form, one for each time a task was late.
CREATE TABLE notices (
  clinic_id text NOT NULL,
  message_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('FORM_UNFINISHED', 'TASK_LATE')),
  about text NOT NULL,
  patient_id text NOT NULL,
  account_id text NOT NULL,
  intake_id text NOT NULL,
  task_id text NOT NULL,
  language text NOT NULL,
  created_at bigint NOT NULL,
  CONSTRAINT notices_pkey PRIMARY KEY (clinic_id, message_id),
  CONSTRAINT notices_clinic_id_kind_about_key UNIQUE (clinic_id, kind, about)
);
CREATE INDEX intakes_drafts ON intakes (updated_at) WHERE state = 'DRAFT';

-- +goose Down
DROP INDEX intakes_drafts;
DROP TABLE notices;
DROP TABLE triage_settings;
DROP INDEX triage_tasks_late;
ALTER TABLE triage_tasks DROP COLUMN escalations;
ALTER TABLE triage_tasks DROP COLUMN escalated_at;
ALTER TABLE triage_tasks DROP COLUMN escalate_at;
