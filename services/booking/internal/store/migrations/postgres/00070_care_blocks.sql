-- +goose Up
-- What examinations forbid for a patient, as plans tells it (F108): a row for each examination
-- that ever did, under the record that it was entered for, so that a merge can be taken back.
-- version is the examination's; disciplines are empty once it forbids nothing any more.
create table care_blocks (
    clinic_id      text   not null,
    patient_id     text   not null,
    examination_id text   not null,
    disciplines    text   not null,
    version        bigint not null,
    primary key (clinic_id, patient_id, examination_id)
);

-- The same for the person, beside the gate: a booking reads it with the row that it locks.
alter table patient_gates add column forbidden text not null default '';

-- +goose Down
alter table patient_gates drop column forbidden;
drop table care_blocks;
