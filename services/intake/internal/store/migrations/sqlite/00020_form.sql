-- +goose Up
-- What was given that does not fit its question, as the form sent it: a JSON list of texts,
-- empty for an answer that fits. And who filled it in for the patient, as they said.
ALTER TABLE answers ADD COLUMN typed text NOT NULL DEFAULT '';
ALTER TABLE answer_revisions ADD COLUMN typed text NOT NULL DEFAULT '';
ALTER TABLE answer_revisions ADD COLUMN writer_name text NOT NULL DEFAULT '';
ALTER TABLE answer_revisions ADD COLUMN writer_relation text NOT NULL DEFAULT '';

-- Who fills a form in, for each account or form session that does.
CREATE TABLE form_writers (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  subject text NOT NULL,
  name text NOT NULL,
  relation text NOT NULL,
  updated_at bigint NOT NULL,
  CONSTRAINT form_writers_pkey PRIMARY KEY (clinic_id, intake_id, subject),
  CONSTRAINT form_writers_intake_fkey FOREIGN KEY (clinic_id, intake_id) REFERENCES intakes (clinic_id, intake_id)
);

-- The link to go on with a form elsewhere: one a form, of whose secret only the SHA-256 is
-- here. tries are wrong ones since it was made or last opened.
CREATE TABLE resume_links (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  token_hash text NOT NULL,
  tries bigint NOT NULL,
  created_by text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  CONSTRAINT resume_links_pkey PRIMARY KEY (clinic_id, intake_id),
  CONSTRAINT resume_links_intake_fkey FOREIGN KEY (clinic_id, intake_id) REFERENCES intakes (clinic_id, intake_id)
);
CREATE UNIQUE INDEX resume_links_token_hash_key ON resume_links (token_hash);

-- Sessions that a link began, each for one form alone.
CREATE TABLE form_sessions (
  clinic_id text NOT NULL,
  session_id text NOT NULL,
  token_hash text NOT NULL,
  intake_id text NOT NULL,
  patient_id text NOT NULL,
  created_at bigint NOT NULL,
  expires_at bigint NOT NULL,
  CONSTRAINT form_sessions_pkey PRIMARY KEY (clinic_id, session_id)
);
CREATE UNIQUE INDEX form_sessions_token_hash_key ON form_sessions (token_hash);

-- Messages that wait to be sent. A row holds the secret of its link, since the message must;
-- it goes when a newer one takes its place and when its link stops working.
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

-- Signatures under consent texts, with the text as it was read. They take no changes.
CREATE TABLE consent_signatures (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  consent_id text NOT NULL,
  consent_version bigint NOT NULL,
  patient_id text NOT NULL,
  language text NOT NULL,
  text_hash text NOT NULL,
  body text NOT NULL,
  typed_name text NOT NULL,
  writer_name text NOT NULL,
  writer_relation text NOT NULL,
  signed_by text NOT NULL,
  signed_at bigint NOT NULL,
  CONSTRAINT consent_signatures_pkey PRIMARY KEY (clinic_id, intake_id, consent_id, consent_version)
);
-- +goose StatementBegin
CREATE TRIGGER consent_signatures_no_update BEFORE UPDATE ON consent_signatures BEGIN SELECT RAISE(ABORT, 'consent_signatures takes no changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_signatures_no_delete BEFORE DELETE ON consent_signatures BEGIN SELECT RAISE(ABORT, 'consent_signatures takes no changes'); END;
-- +goose StatementEnd

-- Pictures that were added to forms.
CREATE TABLE pictures (
  clinic_id text NOT NULL,
  picture_id text NOT NULL,
  intake_id text NOT NULL,
  kind text NOT NULL,
  media_type text NOT NULL,
  size_bytes bigint NOT NULL,
  width bigint NOT NULL,
  height bigint NOT NULL,
  added_by text NOT NULL,
  added_at bigint NOT NULL,
  content blob NOT NULL,
  CONSTRAINT pictures_pkey PRIMARY KEY (clinic_id, picture_id),
  CONSTRAINT pictures_intake_fkey FOREIGN KEY (clinic_id, intake_id) REFERENCES intakes (clinic_id, intake_id)
);
CREATE INDEX pictures_intake ON pictures (clinic_id, intake_id);

-- +goose Down
DROP TABLE pictures;
DROP TABLE consent_signatures;
DROP TABLE outgoing;
DROP TABLE form_sessions;
DROP TABLE resume_links;
DROP TABLE form_writers;
ALTER TABLE answer_revisions DROP COLUMN writer_relation;
ALTER TABLE answer_revisions DROP COLUMN writer_name;
ALTER TABLE answer_revisions DROP COLUMN typed;
ALTER TABLE answers DROP COLUMN typed;
