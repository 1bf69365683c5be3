-- +goose Up
-- What appointments of other systems have become here, so that an import can be repeated.
create table external_ids (
  clinic_id      text   not null,
  source         text   not null,
  external_id    text   not null,
  appointment_id text   not null,
  created_at     bigint not null,
  primary key (clinic_id, source, external_id)
);

-- +goose Down
drop table external_ids;
