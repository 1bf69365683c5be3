-- +goose Up
CREATE TABLE request_ids (
  clinic_id   text   NOT NULL,
  subject     text   NOT NULL,
  method      text   NOT NULL,
  request_id  text   NOT NULL,
  fingerprint text   NOT NULL,
  resource_id text   NOT NULL,
  at          bigint NOT NULL,
  PRIMARY KEY (clinic_id, subject, method, request_id)
) WITHOUT ROWID;
CREATE INDEX request_ids_at ON request_ids (at);
-- +goose Down
DROP TABLE request_ids;
