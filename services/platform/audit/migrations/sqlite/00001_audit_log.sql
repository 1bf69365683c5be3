-- +goose Up
CREATE TABLE audit_log (
  audit_id    integer PRIMARY KEY AUTOINCREMENT,
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
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit_log takes no changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit_log takes no changes'); END;
-- +goose StatementEnd
-- +goose Down
DROP TABLE audit_log;
