-- +goose Up
-- What patients note between visits: rows are only added; a version above 1 says that a merge
-- has moved the row. body holds the rest as JSON; fingerprint tells a retry by client_id from
-- another entry.
CREATE TABLE diary_entries (
  clinic_id         text   NOT NULL,
  entry_id          text   NOT NULL,
  patient_id        text   NOT NULL,
  origin_patient_id text   NOT NULL,
  client_id         text   NOT NULL,
  local_date        text   NOT NULL,
  noted_at          bigint NOT NULL,
  time_zone         text   NOT NULL,
  pain              bigint,
  interference      bigint,
  body              text   NOT NULL,
  corrects          text   NOT NULL,
  fingerprint       text   NOT NULL,
  created_by        text   NOT NULL,
  created_at        bigint NOT NULL,
  version           bigint NOT NULL,
  PRIMARY KEY (clinic_id, entry_id)
);
CREATE INDEX diary_entries_patient ON diary_entries (clinic_id, patient_id, local_date, entry_id);
CREATE UNIQUE INDEX diary_entries_clinic_id_origin_patient_id_client_id_key ON diary_entries (clinic_id, origin_patient_id, client_id) WHERE client_id <> '';
-- An entry is put right once.
CREATE UNIQUE INDEX diary_entries_clinic_id_corrects_key ON diary_entries (clinic_id, corrects) WHERE corrects <> '';

-- Scored answers to instruments; body holds answers and parts as JSON.
CREATE TABLE outcomes (
  clinic_id          text             NOT NULL,
  outcome_id         text             NOT NULL,
  patient_id         text             NOT NULL,
  origin_patient_id  text             NOT NULL,
  instrument         text             NOT NULL,
  instrument_version bigint           NOT NULL,
  local_date         text             NOT NULL,
  score              double precision NOT NULL,
  band               text             NOT NULL,
  plan_id            text             NOT NULL,
  body               text             NOT NULL,
  answered_by        text             NOT NULL,
  in_error           boolean          NOT NULL,
  created_by         text             NOT NULL,
  created_at         bigint           NOT NULL,
  version            bigint           NOT NULL,
  PRIMARY KEY (clinic_id, outcome_id)
);
CREATE INDEX outcomes_patient ON outcomes (clinic_id, patient_id, local_date, outcome_id);

-- +goose Down
DROP TABLE outcomes;
DROP TABLE diary_entries;
