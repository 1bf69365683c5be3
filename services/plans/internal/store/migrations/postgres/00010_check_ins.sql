-- +goose Up
-- When a patient is asked how it went after an injection of this clinic, and the answer. An
-- open row is scheduled, due or overdue by its instant; no job moves it.
CREATE TABLE injection_check_ins (
  clinic_id    text   NOT NULL,
  injection_id text   NOT NULL,
  code         text   NOT NULL,
  due_date     text   NOT NULL,
  due_at       bigint NOT NULL,
  state        text   NOT NULL,
  pain         bigint,
  course       text   NOT NULL,
  signs        text   NOT NULL,
  findings     text   NOT NULL,
  advice       text   NOT NULL,
  note         text   NOT NULL,
  answered_by  text   NOT NULL,
  answered_at  bigint NOT NULL,
  PRIMARY KEY (clinic_id, injection_id, code)
);
CREATE INDEX injection_check_ins_open ON injection_check_ins (clinic_id, due_at) WHERE state = 'OPEN';

-- What is to be sent to a patient, and not before when. It names a text by its code and holds
-- none; who sends it reads the patient's address from directory.
CREATE TABLE outgoing (
  clinic_id  text   NOT NULL,
  kind       text   NOT NULL,
  subject_id text   NOT NULL,
  code       text   NOT NULL,
  patient_id text   NOT NULL,
  send_at    bigint NOT NULL,
  state      text   NOT NULL,
  created_at bigint NOT NULL,
  PRIMARY KEY (clinic_id, kind, subject_id, code)
);
CREATE INDEX outgoing_waiting ON outgoing (send_at) WHERE state = 'WAITING';

-- +goose Down
DROP TABLE outgoing;
DROP TABLE injection_check_ins;
