-- +goose Up
-- Whether a clinic's patients must have signed every consent in force before their form is
-- taken, whatever they fill it in with.
ALTER TABLE triage_settings ADD COLUMN consent_required boolean NOT NULL DEFAULT false;

-- Why the six questions were not asked before a visit or a booking; '' when they were.
ALTER TABLE mini_screens ADD COLUMN not_asked_because text NOT NULL DEFAULT '';
ALTER TABLE mini_screens ADD COLUMN note text NOT NULL DEFAULT '';
CREATE INDEX mini_screens_patient ON mini_screens (clinic_id, patient_id, screen_id);

-- +goose Down
DROP INDEX mini_screens_patient;
ALTER TABLE mini_screens DROP COLUMN note;
ALTER TABLE mini_screens DROP COLUMN not_asked_because;
ALTER TABLE triage_settings DROP COLUMN consent_required;
