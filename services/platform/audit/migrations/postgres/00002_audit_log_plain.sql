-- +goose Up
-- A row is written with every change of the clinic, and looked for by patient some times a
-- year: an index costs more than it gives.
DROP INDEX audit_log_patient;
-- +goose Down
CREATE INDEX audit_log_patient ON audit_log (clinic_id, patient_id, at) WHERE patient_id <> '';
