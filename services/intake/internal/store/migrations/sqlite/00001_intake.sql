-- +goose Up
-- Clinics as directory tells of them: what a clinic means by a day.
CREATE TABLE clinics (
  clinic_id text NOT NULL,
  time_zone text NOT NULL,
  updated_at bigint NOT NULL,
  CONSTRAINT clinics_pkey PRIMARY KEY (clinic_id)
);

-- Patients as directory tells of them. root_id is the record that lives on after merges,
-- the patient itself when there were none; merged_at is when it was last merged.
CREATE TABLE patients (
  clinic_id text NOT NULL,
  patient_id text NOT NULL,
  into_id text NOT NULL,
  root_id text NOT NULL,
  merged_at bigint NOT NULL,
  CONSTRAINT patients_pkey PRIMARY KEY (clinic_id, patient_id)
);
CREATE INDEX patients_root ON patients (clinic_id, root_id);

CREATE TABLE intakes (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  patient_id text NOT NULL,
  questionnaire_id text NOT NULL,
  questionnaire_version bigint NOT NULL,
  language text NOT NULL,
  state text NOT NULL CHECK (state IN ('DRAFT', 'SUBMITTED')),
  computed_level bigint NOT NULL,
  level bigint NOT NULL,
  created_by text NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  submitted_at bigint,
  expires_at bigint,
  version bigint NOT NULL,
  CONSTRAINT intakes_pkey PRIMARY KEY (clinic_id, intake_id)
);
CREATE INDEX intakes_patient ON intakes (clinic_id, patient_id, intake_id);

-- The answer to each question as it stands, and the intake's version when it was given.
CREATE TABLE answers (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  question_id text NOT NULL,
  value text NOT NULL,
  revision bigint NOT NULL,
  intake_version bigint NOT NULL,
  CONSTRAINT answers_pkey PRIMARY KEY (clinic_id, intake_id, question_id),
  CONSTRAINT answers_intake_fkey FOREIGN KEY (clinic_id, intake_id) REFERENCES intakes (clinic_id, intake_id)
);

-- Every answer ever given, as given.
CREATE TABLE answer_revisions (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  question_id text NOT NULL,
  revision bigint NOT NULL,
  value text NOT NULL,
  answered_by text NOT NULL,
  answered_as text NOT NULL,
  answered_at bigint NOT NULL,
  CONSTRAINT answer_revisions_pkey PRIMARY KEY (clinic_id, intake_id, question_id, revision)
);

-- What the rules made of a submitted form, with the rule set that decided.
CREATE TABLE triage_results (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  rule_set_version text NOT NULL,
  computed_level bigint NOT NULL,
  result text NOT NULL,
  triaged_at bigint NOT NULL,
  CONSTRAINT triage_results_pkey PRIMARY KEY (clinic_id, intake_id)
);

-- Emergency and urgent findings of a draft, with the answers behind them at the time.
CREATE TABLE findings (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  rule_id text NOT NULL,
  level bigint NOT NULL,
  because text NOT NULL,
  found_at bigint NOT NULL,
  CONSTRAINT findings_pkey PRIMARY KEY (clinic_id, intake_id, rule_id)
);

CREATE TABLE triage_tasks (
  clinic_id text NOT NULL,
  task_id text NOT NULL,
  intake_id text NOT NULL,
  patient_id text NOT NULL,
  state text NOT NULL CHECK (state IN ('OPEN', 'ACKNOWLEDGED', 'DECIDED')),
  level bigint NOT NULL,
  computed_level bigint NOT NULL,
  provisional boolean NOT NULL,
  answers_withdrawn boolean NOT NULL,
  raised_by text NOT NULL,
  owner text NOT NULL,
  due_at bigint NOT NULL,
  created_at bigint NOT NULL,
  acknowledged_at bigint,
  acknowledged_by text NOT NULL,
  decided_at bigint,
  decided_by text NOT NULL,
  reason text NOT NULL,
  version bigint NOT NULL,
  CONSTRAINT triage_tasks_pkey PRIMARY KEY (clinic_id, task_id)
);
CREATE UNIQUE INDEX triage_tasks_clinic_id_intake_id_key ON triage_tasks (clinic_id, intake_id) WHERE intake_id <> '';
CREATE INDEX triage_tasks_work ON triage_tasks (clinic_id, state, level, due_at);
CREATE INDEX triage_tasks_patient ON triage_tasks (clinic_id, patient_id);

-- Every change of a level by a person.
CREATE TABLE triage_decisions (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  decision bigint NOT NULL,
  from_level bigint NOT NULL,
  to_level bigint NOT NULL,
  reason text NOT NULL,
  decided_by text NOT NULL,
  decided_as text NOT NULL,
  decided_at bigint NOT NULL,
  CONSTRAINT triage_decisions_pkey PRIMARY KEY (clinic_id, intake_id, decision)
);

-- What is known about a patient that bears on treatments; the newest of a question counts.
CREATE TABLE clinical_facts (
  clinic_id text NOT NULL,
  fact_id text NOT NULL,
  patient_id text NOT NULL,
  question_id text NOT NULL,
  value text NOT NULL,
  said_by text NOT NULL,
  recorded_by text NOT NULL,
  recorded_at bigint NOT NULL,
  intake_id text NOT NULL,
  CONSTRAINT clinical_facts_pkey PRIMARY KEY (clinic_id, fact_id)
);
CREATE INDEX clinical_facts_patient ON clinical_facts (clinic_id, patient_id, question_id, recorded_at);

-- Releases of SOFT contraindications. A release counts while the answers behind the
-- contraindication are those of its digest.
CREATE TABLE releases (
  clinic_id text NOT NULL,
  patient_id text NOT NULL,
  contraindication_id text NOT NULL,
  because text NOT NULL,
  released_by text NOT NULL,
  reason text NOT NULL,
  released_at bigint NOT NULL,
  CONSTRAINT releases_pkey PRIMARY KEY (clinic_id, patient_id, contraindication_id)
);

-- What the newest triage of one patient record says, and the version of the gate. The row
-- of the record that lives on also keeps what speaks against treatments of the person, as
-- the rule set that known_by names made it of the facts and releases.
CREATE TABLE gates (
  clinic_id text NOT NULL,
  patient_id text NOT NULL,
  version bigint NOT NULL,
  level bigint NOT NULL,
  provisional boolean NOT NULL,
  voided boolean NOT NULL,
  intake_id text NOT NULL,
  triage_date text NOT NULL,
  expires_at bigint,
  known text NOT NULL,
  known_by text NOT NULL,
  CONSTRAINT gates_pkey PRIMARY KEY (clinic_id, patient_id)
);

CREATE TABLE mini_screens (
  clinic_id text NOT NULL,
  screen_id text NOT NULL,
  patient_id text NOT NULL,
  answers text NOT NULL,
  level bigint NOT NULL,
  task_id text NOT NULL,
  recorded_by text NOT NULL,
  recorded_at bigint NOT NULL,
  CONSTRAINT mini_screens_pkey PRIMARY KEY (clinic_id, screen_id)
);

-- +goose Down
DROP TABLE mini_screens;
DROP TABLE gates;
DROP TABLE releases;
DROP TABLE clinical_facts;
DROP TABLE triage_decisions;
DROP TABLE triage_tasks;
DROP TABLE findings;
DROP TABLE triage_results;
DROP TABLE answer_revisions;
DROP TABLE answers;
DROP TABLE intakes;
DROP TABLE patients;
DROP TABLE clinics;
