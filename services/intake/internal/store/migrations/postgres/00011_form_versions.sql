-- +goose Up
-- A clinic's own versions of forms with their rules. A document never changes once it is
-- APPROVED: patients may have answered it.
CREATE TABLE form_versions (
  clinic_id text NOT NULL,
  questionnaire_id text NOT NULL,
  version bigint NOT NULL,
  state text NOT NULL CHECK (state IN ('DRAFT', 'APPROVED')),
  document text NOT NULL,
  from_id text NOT NULL,
  from_version bigint NOT NULL,
  created_by text NOT NULL,
  created_at bigint NOT NULL,
  updated_at bigint NOT NULL,
  approved_by text NOT NULL,
  approved_name text NOT NULL,
  approved_as text NOT NULL,
  approved_note text NOT NULL,
  approved_at bigint,
  revision bigint NOT NULL,
  CONSTRAINT form_versions_pkey PRIMARY KEY (clinic_id, questionnaire_id, version)
);

-- Which version is the clinic's intake form from which day on.
CREATE TABLE form_switches (
  clinic_id text NOT NULL,
  start_date text NOT NULL,
  start_at bigint NOT NULL,
  questionnaire_id text NOT NULL,
  version bigint NOT NULL,
  switched_by text NOT NULL,
  switched_at bigint NOT NULL,
  CONSTRAINT form_switches_pkey PRIMARY KEY (clinic_id, start_date)
);

-- Languages of a version that a named clinician has opened to the clinic's patients.
CREATE TABLE form_languages (
  clinic_id text NOT NULL,
  questionnaire_id text NOT NULL,
  version bigint NOT NULL,
  language text NOT NULL,
  open boolean NOT NULL,
  approved_by text NOT NULL,
  approved_name text NOT NULL,
  approved_as text NOT NULL,
  approved_note text NOT NULL,
  approved_at bigint NOT NULL,
  CONSTRAINT form_languages_pkey PRIMARY KEY (clinic_id, questionnaire_id, version, language)
);

-- Grows with every approval and every switch, so that a process sees when to read anew.
CREATE TABLE form_revision (
  one bigint NOT NULL CHECK (one = 1),
  revision bigint NOT NULL,
  CONSTRAINT form_revision_pkey PRIMARY KEY (one)
);
INSERT INTO form_revision (one, revision) VALUES (1, 0);

-- +goose Down
DROP TABLE form_revision;
DROP TABLE form_languages;
DROP TABLE form_switches;
DROP TABLE form_versions;
