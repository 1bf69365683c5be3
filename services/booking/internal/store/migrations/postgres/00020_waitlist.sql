-- +goose Up
-- Patients who wait for a time. Dates are the clinic's; minutes are wall time, 0 for any.
create table waitlist_entries (
    clinic_id           text    not null,
    waitlist_entry_id   text    not null,
    version             bigint  not null,
    state               text    not null check (state in ('WAITING', 'OFFERED', 'BOOKED', 'WITHDRAWN', 'EXPIRED')),
    patient_id          text    not null,
    appointment_type_id text    not null,
    duration_minutes    bigint  not null,
    mode                text    not null,
    practitioner_id     text    not null,
    location_id         text    not null,
    plan_id             text    not null,
    course_id           text    not null,
    weekdays            bigint  not null,
    from_minute         bigint  not null,
    to_minute           bigint  not null,
    start_date          text    not null,
    end_date            text    not null,
    is_urgent           boolean not null,
    missed              bigint  not null,
    appointment_id      text    not null,
    created_at          bigint  not null,
    primary key (clinic_id, waitlist_entry_id)
);
create index waitlist_entries_waiting_idx on waitlist_entries (clinic_id, state) where state in ('WAITING', 'OFFERED');
-- Nobody waits twice for the same.
create unique index waitlist_entries_clinic_id_patient_id_appointment_type_id_key on waitlist_entries (clinic_id, patient_id, appointment_type_id) where state in ('WAITING', 'OFFERED');
create index waitlist_entries_patient_idx on waitlist_entries (clinic_id, patient_id);

-- Times held for one of them at a time.
create table waitlist_offers (
    clinic_id         text   not null,
    offer_id          text   not null,
    version           bigint not null,
    state             text   not null check (state in ('OPEN', 'ACCEPTED', 'DECLINED', 'EXPIRED', 'WITHDRAWN')),
    waitlist_entry_id text   not null,
    patient_id        text   not null,
    appointment_type_id text not null,
    hold_id           text   not null,
    practitioner_id   text   not null,
    starts_at         bigint not null,
    ends_at           bigint not null,
    local_date        text   not null,
    time_zone         text   not null,
    expires_at        bigint not null,
    appointment_id    text   not null,
    created_at        bigint not null,
    primary key (clinic_id, offer_id)
);
create unique index waitlist_offers_clinic_id_waitlist_entry_id_key on waitlist_offers (clinic_id, waitlist_entry_id) where state = 'OPEN';
create index waitlist_offers_entry_idx on waitlist_offers (clinic_id, waitlist_entry_id);
create index waitlist_offers_patient_idx on waitlist_offers (clinic_id, patient_id);

-- +goose Down
drop table waitlist_offers;
drop table waitlist_entries;
