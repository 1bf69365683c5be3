-- +goose Up
-- How far a draft has come, so that a page shown twice counts once. The rows of a form are
-- deleted when it is handed in: the counts below hold no identities.
CREATE TABLE funnel_marks (
  clinic_id text NOT NULL,
  intake_id text NOT NULL,
  page_id text NOT NULL,
  device_kind text NOT NULL,
  reached_at bigint NOT NULL,
  CONSTRAINT funnel_marks_pkey PRIMARY KEY (clinic_id, intake_id, page_id),
  CONSTRAINT funnel_marks_intake_fkey FOREIGN KEY (clinic_id, intake_id) REFERENCES intakes (clinic_id, intake_id)
);

-- Forms that were started, reached a page, or were handed in, on one civil day of the
-- clinic. page_id is '' but for the step PAGE.
CREATE TABLE funnel_counts (
  clinic_id text NOT NULL,
  questionnaire_id text NOT NULL,
  day text NOT NULL,
  step text NOT NULL CHECK (step IN ('STARTED', 'PAGE', 'COMPLETED')),
  page_id text NOT NULL,
  device_kind text NOT NULL CHECK (device_kind IN ('PHONE', 'TABLET', 'COMPUTER', 'OTHER')),
  language text NOT NULL,
  forms bigint NOT NULL,
  CONSTRAINT funnel_counts_pkey PRIMARY KEY (clinic_id, questionnaire_id, day, step, page_id, device_kind, language)
);

-- +goose Down
DROP TABLE funnel_counts;
DROP TABLE funnel_marks;
