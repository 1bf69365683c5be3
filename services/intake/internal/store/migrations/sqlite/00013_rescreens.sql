-- +goose Up
-- How patients with a mild result said they were later, each time they said it.
CREATE TABLE rescreens (
  clinic_id text NOT NULL,
  rescreen_id text NOT NULL,
  intake_id text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('BETTER', 'NOT_BETTER', 'WORSE')),
  new_intake_id text NOT NULL,
  said_by text NOT NULL,
  said_at bigint NOT NULL,
  CONSTRAINT rescreens_pkey PRIMARY KEY (clinic_id, rescreen_id),
  CONSTRAINT rescreens_intake_fkey FOREIGN KEY (clinic_id, intake_id) REFERENCES intakes (clinic_id, intake_id)
);
CREATE INDEX rescreens_intake ON rescreens (clinic_id, intake_id);

-- +goose Down
DROP TABLE rescreens;
