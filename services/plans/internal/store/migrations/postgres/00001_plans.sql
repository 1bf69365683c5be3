-- +goose Up
-- A person's ledger head: the one lock that every claim, fact and merge takes first
-- (architecture section 6). merged_into is the record that this one now points to.
CREATE TABLE ledger_heads (
  clinic_id   text   NOT NULL,
  patient_id  text   NOT NULL,
  version     bigint NOT NULL,
  merged_into text   NOT NULL,
  PRIMARY KEY (clinic_id, patient_id)
);
CREATE INDEX ledger_heads_merged ON ledger_heads (clinic_id, merged_into) WHERE merged_into <> '';

-- A plan is a copy of its template, never a link: body holds courses, goals, decision and
-- reviews as JSON.
CREATE TABLE plans (
  clinic_id         text   NOT NULL,
  plan_id           text   NOT NULL,
  patient_id        text   NOT NULL,
  origin_patient_id text   NOT NULL,
  state             text   NOT NULL,
  start_date        text   NOT NULL,
  expire_date       text   NOT NULL,
  body              text   NOT NULL,
  created_at        bigint NOT NULL,
  activated_at      bigint NOT NULL,
  closed_at         bigint NOT NULL,
  version           bigint NOT NULL,
  PRIMARY KEY (clinic_id, plan_id)
);
CREATE INDEX plans_patient ON plans (clinic_id, patient_id, created_at);

CREATE INDEX plans_expire ON plans (expire_date) WHERE state IN ('ACTIVE', 'PAUSED');

-- Every version that a plan has had, whole, with who made it.
CREATE TABLE plan_versions (
  clinic_id  text   NOT NULL,
  plan_id    text   NOT NULL,
  version    bigint NOT NULL,
  body       text   NOT NULL,
  action     text   NOT NULL,
  changed_by text   NOT NULL,
  changed_at bigint NOT NULL,
  PRIMARY KEY (clinic_id, plan_id, version)
);

-- Sessions of plans and injections given anywhere. A claim and the record of its injection
-- are one row; so is an outcome that came before its claim. kind is empty but for
-- injections, month is empty unless no more than the month is known (local_date is then its
-- first day). booked_date is the claim's, local_date the true one once it was given.
CREATE TABLE ledger (
  clinic_id         text    NOT NULL,
  entry_id          text    NOT NULL,
  injection_id      text    NOT NULL,
  patient_id        text    NOT NULL,
  origin_patient_id text    NOT NULL,
  appointment_id    text    NOT NULL,
  plan_id           text    NOT NULL,
  course_id         text    NOT NULL,
  discipline        text    NOT NULL,
  kind              text    NOT NULL,
  practitioner_id   text    NOT NULL,
  state             text    NOT NULL,
  outcome           text    NOT NULL,
  counts            boolean NOT NULL,
  record_missing    boolean NOT NULL,
  local_date        text    NOT NULL,
  booked_date       text    NOT NULL,
  month             text    NOT NULL,
  start_at          bigint  NOT NULL,
  duration_minutes  bigint  NOT NULL,
  replaces          text    NOT NULL,
  region            text    NOT NULL,
  source            text    NOT NULL,
  duplicate_of      text    NOT NULL,
  policy_version    bigint  NOT NULL,
  created_at        bigint  NOT NULL,
  version           bigint  NOT NULL,
  PRIMARY KEY (clinic_id, entry_id)
);
CREATE INDEX ledger_patient ON ledger (clinic_id, patient_id);
CREATE INDEX ledger_plan ON ledger (clinic_id, plan_id) WHERE plan_id <> '';
CREATE INDEX ledger_appointment ON ledger (clinic_id, appointment_id) WHERE appointment_id <> '';
CREATE UNIQUE INDEX ledger_clinic_id_injection_id_key ON ledger (clinic_id, injection_id) WHERE injection_id <> '';
-- At most one live claim takes the place of another.
CREATE UNIQUE INDEX ledger_clinic_id_replaces_key ON ledger (clinic_id, replaces) WHERE replaces <> '' AND state IN ('HELD', 'CONFIRMED');
CREATE INDEX ledger_held ON ledger (created_at) WHERE state = 'HELD';

-- What was given at an injection; the ledger row says whether and when.
CREATE TABLE injection_records (
  clinic_id       text   NOT NULL,
  injection_id    text   NOT NULL,
  side            text   NOT NULL,
  levels          text   NOT NULL,
  drugs           text   NOT NULL,
  guidance        text   NOT NULL,
  pain_before     bigint,
  pain_after      bigint,
  consent_version text   NOT NULL,
  note            text   NOT NULL,
  recorded_by     text   NOT NULL,
  recorded_at     bigint NOT NULL,
  PRIMARY KEY (clinic_id, injection_id)
);

-- What went wrong after an injection; rows are only added.
CREATE TABLE adverse_events (
  clinic_id    text   NOT NULL,
  event_id     text   NOT NULL,
  injection_id text   NOT NULL,
  code         text   NOT NULL,
  local_date   text   NOT NULL,
  note         text   NOT NULL,
  recorded_by  text   NOT NULL,
  recorded_at  bigint NOT NULL,
  PRIMARY KEY (clinic_id, event_id)
);
CREATE INDEX adverse_events_injection ON adverse_events (clinic_id, injection_id);

-- What waits for a clinician's decision.
CREATE TABLE issues (
  clinic_id         text   NOT NULL,
  issue_id          text   NOT NULL,
  patient_id        text   NOT NULL,
  origin_patient_id text   NOT NULL,
  rule              text   NOT NULL,
  severity          text   NOT NULL,
  state             text   NOT NULL,
  plan_id           text   NOT NULL,
  discipline        text   NOT NULL,
  injection_ids     text   NOT NULL,
  windows           text   NOT NULL,
  codes             text   NOT NULL,
  resolution        text   NOT NULL,
  reason            text   NOT NULL,
  resolved_by       text   NOT NULL,
  created_at        bigint NOT NULL,
  resolved_at       bigint NOT NULL,
  version           bigint NOT NULL,
  PRIMARY KEY (clinic_id, issue_id)
);
CREATE INDEX issues_patient ON issues (clinic_id, patient_id, created_at);
CREATE INDEX issues_open ON issues (clinic_id, created_at) WHERE state = 'OPEN';

CREATE TABLE issue_appointments (
  clinic_id          text NOT NULL,
  issue_id           text NOT NULL,
  appointment_id     text NOT NULL,
  local_date         text NOT NULL,
  next_eligible_date text NOT NULL,
  PRIMARY KEY (clinic_id, issue_id, appointment_id)
);
CREATE INDEX issue_appointments_appointment ON issue_appointments (clinic_id, appointment_id);

-- What intake knows against kinds of care, as far as plans has heard.
CREATE TABLE patient_gates (
  clinic_id  text   NOT NULL,
  patient_id text   NOT NULL,
  version    bigint NOT NULL,
  hard       text   NOT NULL,
  soft       text   NOT NULL,
  PRIMARY KEY (clinic_id, patient_id)
);

-- What directory says of practitioners and clinics, as far as plans needs it.
CREATE TABLE practitioners (
  clinic_id       text NOT NULL,
  practitioner_id text NOT NULL,
  profession      text NOT NULL,
  PRIMARY KEY (clinic_id, practitioner_id)
);
CREATE TABLE clinics (
  clinic_id text NOT NULL,
  time_zone text NOT NULL,
  PRIMARY KEY (clinic_id)
);

-- The injection policy that booked sessions were last checked against; one row.
CREATE TABLE policy_applied (
  one     bigint NOT NULL,
  version bigint NOT NULL,
  caps    text   NOT NULL,
  PRIMARY KEY (one)
);

-- +goose Down
DROP TABLE policy_applied;
DROP TABLE clinics;
DROP TABLE practitioners;
DROP TABLE patient_gates;
DROP TABLE issue_appointments;
DROP TABLE issues;
DROP TABLE adverse_events;
DROP TABLE injection_records;
DROP TABLE ledger;
DROP TABLE plan_versions;
DROP TABLE plans;
DROP TABLE ledger_heads;
