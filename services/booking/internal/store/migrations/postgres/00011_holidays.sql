-- +goose Up
-- What was imported of a file with days off, by the UID of its entry; an empty subject is the
-- whole clinic. An exception that is not there any more was deleted by a person.
create table holiday_imports (
    clinic_id          text   not null,
    subject_id         text   not null,
    uid                text   not null,
    shift_exception_id text   not null,
    start_local        text   not null,
    end_local          text   not null,
    imported_at        bigint not null,
    primary key (clinic_id, subject_id, uid)
);

-- +goose Down
drop table holiday_imports;
