-- +goose Up
-- What a clinic has decided about sessions that were missed or cancelled late, every version;
-- without a row the catalogue's usual answer holds. A session that was missed keeps the answer
-- that held then.
CREATE TABLE missed_policies (
  clinic_id          text    NOT NULL,
  version            bigint  NOT NULL,
  no_show_counts     boolean NOT NULL,
  late_cancel_counts boolean NOT NULL,
  source             text    NOT NULL,
  changed_by         text    NOT NULL,
  changed_at         bigint  NOT NULL,
  PRIMARY KEY (clinic_id, version)
);

-- +goose Down
DROP TABLE missed_policies;
