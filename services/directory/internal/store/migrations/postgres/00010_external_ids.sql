-- +goose Up
-- What records of other systems have become here, so that an import can be repeated.
create table external_ids (
  clinic_id   text   not null references clinics,
  source      text   not null,
  kind        text   not null,
  external_id text   not null,
  record_id   text   not null,
  created_at  bigint not null,
  primary key (clinic_id, source, kind, external_id)
);

-- +goose Down
drop table external_ids;
