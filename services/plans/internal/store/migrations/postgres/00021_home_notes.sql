-- +goose Up
-- What patients do at home; body holds items, hours and circumstances as JSON.
CREATE TABLE home_programmes (
  clinic_id          text   NOT NULL,
  programme_id       text   NOT NULL,
  patient_id         text   NOT NULL,
  origin_patient_id  text   NOT NULL,
  plan_id            text   NOT NULL,
  course_id          text   NOT NULL,
  state              text   NOT NULL,
  start_date         text   NOT NULL,
  body               text   NOT NULL,
  library_version    bigint NOT NULL,
  disclaimer_version bigint NOT NULL,
  disclaimer         text   NOT NULL,
  created_by         text   NOT NULL,
  created_at         bigint NOT NULL,
  version            bigint NOT NULL,
  PRIMARY KEY (clinic_id, programme_id)
);
CREATE INDEX home_programmes_patient ON home_programmes (clinic_id, patient_id, created_at);

-- Clinicians' notes; body holds the words and codes as JSON. A signed one is never updated,
-- but for its version when something is added or a merge moves it.
CREATE TABLE session_notes (
  clinic_id         text   NOT NULL,
  note_id           text   NOT NULL,
  patient_id        text   NOT NULL,
  origin_patient_id text   NOT NULL,
  appointment_id    text   NOT NULL,
  plan_id           text   NOT NULL,
  course_id         text   NOT NULL,
  discipline        text   NOT NULL,
  local_date        text   NOT NULL,
  body              text   NOT NULL,
  carried_from      text   NOT NULL,
  author            text   NOT NULL,
  created_at        bigint NOT NULL,
  updated_at        bigint NOT NULL,
  signed_at         bigint NOT NULL,
  version           bigint NOT NULL,
  PRIMARY KEY (clinic_id, note_id)
);
CREATE INDEX session_notes_patient ON session_notes (clinic_id, patient_id, created_at);
CREATE UNIQUE INDEX session_notes_clinic_id_appointment_id_author_key ON session_notes (clinic_id, appointment_id, author) WHERE appointment_id <> '';

-- What was added to signed notes; rows are only added.
CREATE TABLE note_addenda (
  clinic_id   text   NOT NULL,
  addendum_id text   NOT NULL,
  note_id     text   NOT NULL,
  text        text   NOT NULL,
  author      text   NOT NULL,
  created_at  bigint NOT NULL,
  PRIMARY KEY (clinic_id, addendum_id)
);
CREATE INDEX note_addenda_note ON note_addenda (clinic_id, note_id);

-- What was measured; blocking ones forbid manual and needle care until they are cleared.
CREATE TABLE examinations (
  clinic_id         text    NOT NULL,
  examination_id    text    NOT NULL,
  patient_id        text    NOT NULL,
  origin_patient_id text    NOT NULL,
  kind              text    NOT NULL,
  local_date        text    NOT NULL,
  body              text    NOT NULL,
  findings          text    NOT NULL,
  note              text    NOT NULL,
  blocking          boolean NOT NULL,
  cleared_by        text    NOT NULL,
  cleared_at        bigint  NOT NULL,
  clear_reason      text    NOT NULL,
  created_by        text    NOT NULL,
  created_at        bigint  NOT NULL,
  version           bigint  NOT NULL,
  PRIMARY KEY (clinic_id, examination_id)
);
CREATE INDEX examinations_patient ON examinations (clinic_id, patient_id, created_at);
CREATE INDEX examinations_blocking ON examinations (clinic_id, patient_id) WHERE blocking;

-- +goose Down
DROP TABLE examinations;
DROP TABLE note_addenda;
DROP TABLE session_notes;
DROP TABLE home_programmes;
