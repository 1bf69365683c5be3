-- +goose Up
CREATE TABLE audit_log (
  audit_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  clinic_id   text   NOT NULL,
  at          bigint NOT NULL,
  actor       text   NOT NULL,
  roles       text   NOT NULL,
  session_id  text   NOT NULL,
  service     text   NOT NULL,
  action      text   NOT NULL,
  resource_id text   NOT NULL,
  patient_id  text   NOT NULL,
  facts       text   NOT NULL
);
CREATE INDEX audit_log_patient ON audit_log (clinic_id, patient_id, at) WHERE patient_id <> '';
-- +goose StatementBegin
CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'audit_log takes no changes'; END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_log_no_change BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_refuse();
CREATE TRIGGER audit_log_no_truncate BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse();
-- +goose Down
DROP TABLE audit_log;
DROP FUNCTION audit_log_refuse;
