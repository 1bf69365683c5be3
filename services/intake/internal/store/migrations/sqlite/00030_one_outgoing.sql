-- +goose Up
-- One table of messages that wait to be sent, in place of two: who is to be told about what,
-- never what was answered. There is one of a kind about one thing. A row with a link holds
-- its secret, since the message must, until the link stops working or a newer one takes its
-- place; expires_at is NULL without a link.
CREATE TABLE links_before AS SELECT * FROM outgoing;
DROP TABLE outgoing;
CREATE TABLE outgoing (
  clinic_id text NOT NULL,
  message_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('RESUME_LINK', 'FORM_UNFINISHED', 'TASK_LATE')),
  about text NOT NULL,
  patient_id text NOT NULL,
  account_id text NOT NULL,
  intake_id text NOT NULL,
  task_id text NOT NULL,
  language text NOT NULL,
  link text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint,
  CONSTRAINT outgoing_pkey PRIMARY KEY (clinic_id, message_id),
  CONSTRAINT outgoing_clinic_id_kind_about_key UNIQUE (clinic_id, kind, about)
);
CREATE INDEX outgoing_expires ON outgoing (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX outgoing_intake ON outgoing (clinic_id, intake_id);
INSERT INTO outgoing (clinic_id, message_id, kind, about, patient_id, account_id, intake_id, task_id, language, link, created_at, expires_at)
SELECT clinic_id, message_id, kind, intake_id, patient_id, '', intake_id, '', language, link, created_at, expires_at FROM links_before;
INSERT INTO outgoing (clinic_id, message_id, kind, about, patient_id, account_id, intake_id, task_id, language, link, created_at, expires_at)
SELECT clinic_id, message_id, kind, about, patient_id, account_id, intake_id, task_id, language, '', created_at, NULL FROM notices;
DROP TABLE links_before;
DROP TABLE notices;

-- +goose Down
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
INSERT INTO notices (clinic_id, message_id, kind, about, patient_id, account_id, intake_id, task_id, language, created_at)
SELECT clinic_id, message_id, kind, about, patient_id, account_id, intake_id, task_id, language, created_at FROM outgoing WHERE kind <> 'RESUME_LINK';
CREATE TABLE links_before AS SELECT * FROM outgoing WHERE kind = 'RESUME_LINK';
DROP TABLE outgoing;
CREATE TABLE outgoing (
  clinic_id text NOT NULL,
  message_id text NOT NULL,
  intake_id text NOT NULL,
  patient_id text NOT NULL,
  kind text NOT NULL,
  language text NOT NULL,
  link text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  CONSTRAINT outgoing_pkey PRIMARY KEY (clinic_id, message_id)
);
CREATE UNIQUE INDEX outgoing_clinic_id_intake_id_kind_key ON outgoing (clinic_id, intake_id, kind);
INSERT INTO outgoing (clinic_id, message_id, intake_id, patient_id, kind, language, link, created_at, expires_at)
SELECT clinic_id, message_id, intake_id, patient_id, kind, language, link, created_at, expires_at FROM links_before;
DROP TABLE links_before;
