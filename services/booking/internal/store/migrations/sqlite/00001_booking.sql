-- +goose Up
-- What booking knows of the clinic: a projection of directory, and the version of all that
-- openings are computed from. source_version is the version of directory's record; an older
-- answer never overwrites a newer one.
create table clinics (
    clinic_id         text   not null,
    source_version    bigint not null,
    time_zone         text   not null,
    catalogue_version bigint not null,
    primary key (clinic_id)
) without rowid;

create table locations (
    clinic_id      text    not null,
    location_id    text    not null,
    source_version bigint  not null,
    time_zone      text    not null,
    is_active      boolean not null,
    primary key (clinic_id, location_id)
) without rowid;

-- Practitioners, rooms, equipment and patients: everything that can be in one place only.
-- A booking locks its rows, in order of id, before it looks.
create table resources (
    clinic_id      text    not null,
    resource_id    text    not null,
    source_version bigint  not null,
    kind           text    not null check (kind in ('PRACTITIONER', 'ROOM', 'EQUIPMENT', 'PATIENT')),
    location_id    text    not null,
    room_id        text    not null,
    capabilities   text    not null,
    is_active      boolean not null,
    primary key (clinic_id, resource_id)
) without rowid;
create index resources_supply_idx on resources (clinic_id, kind) where kind <> 'PATIENT';

create table credentials (
    clinic_id       text not null,
    practitioner_id text not null,
    kind            text not null,
    expire_date     text not null,
    primary key (clinic_id, practitioner_id, kind, expire_date)
) without rowid;

-- A patient record, the one it was merged into, empty when it was not, and the one at the end
-- of that chain.
create table patients (
    clinic_id            text not null,
    patient_id           text not null,
    merged_into          text not null,
    surviving_patient_id text not null,
    primary key (clinic_id, patient_id)
) without rowid;
create index patients_merged_idx on patients (clinic_id, merged_into) where merged_into <> '';
create index patients_surviving_idx on patients (clinic_id, surviving_patient_id);

-- The newest version of the patient's booking gate that intake's events told of. A booking
-- locks the row in its deciding transaction.
create table patient_gates (
    clinic_id  text   not null,
    patient_id text   not null,
    version    bigint not null,
    changed_at bigint not null,
    primary key (clinic_id, patient_id)
) without rowid;

-- When a plan came into force, and whether it still is: a projection of plans.
create table plans (
    clinic_id    text    not null,
    plan_id      text    not null,
    patient_id   text    not null,
    activated_at bigint  not null,
    is_closed    boolean not null,
    primary key (clinic_id, plan_id)
) without rowid;

create table appointment_types (
    clinic_id           text   not null,
    appointment_type_id text   not null,
    version             bigint not null,
    rules               text   not null,
    updated_at          bigint not null,
    primary key (clinic_id, appointment_type_id)
) without rowid;

-- Wall time: minutes from midnight in the zone. weekdays is a bit set, bit 0 Sunday; 0 is a
-- dated shift.
create table shifts (
    clinic_id       text   not null,
    shift_id        text   not null,
    version         bigint not null,
    practitioner_id text   not null,
    location_id     text   not null,
    time_zone       text   not null,
    weekdays        bigint not null,
    start_minute    bigint not null,
    end_minute      bigint not null,
    start_date      text   not null,
    end_date        text   not null,
    primary key (clinic_id, shift_id)
) without rowid;

-- Time in which a practitioner, location, room or device is not there; an empty subject is
-- the whole clinic.
create table shift_exceptions (
    clinic_id          text   not null,
    shift_exception_id text   not null,
    subject_id         text   not null,
    reason_code        text   not null,
    start_local        text   not null,
    end_local          text   not null,
    time_zone          text   not null,
    starts_at          bigint not null,
    ends_at            bigint not null,
    primary key (clinic_id, shift_exception_id)
) without rowid;

create table holds (
    clinic_id           text   not null,
    hold_id             text   not null,
    version             bigint not null,
    state               text   not null check (state in ('HELD', 'RELEASED', 'TAKEN_OVER')),
    owner_subject       text   not null,
    owner_token         text   not null,
    appointment_type_id text   not null,
    patient_id          text   not null,
    practitioner_id     text   not null,
    room_id             text   not null,
    equipment_ids       text   not null,
    starts_at           bigint not null,
    ends_at             bigint not null,
    claims_start_at     bigint not null,
    claims_end_at       bigint not null,
    created_at          bigint not null,
    expires_at          bigint not null,
    appointment_id      text   not null,
    claimed_patient_id  text   not null,
    primary key (clinic_id, hold_id)
) without rowid;
create index holds_live_idx on holds (clinic_id, expires_at) where state = 'HELD';

create table appointments (
    clinic_id           text    not null,
    appointment_id      text    not null,
    version             bigint  not null,
    state               text    not null check (state in ('BOOKED', 'CHECKED_IN', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW')),
    appointment_type_id text    not null,
    kind                text    not null,
    discipline          text    not null,
    mode                text    not null,
    patient_id          text    not null,
    practitioner_id     text    not null,
    location_id         text    not null,
    room_id             text    not null,
    equipment_ids       text    not null,
    starts_at           bigint  not null,
    ends_at             bigint  not null,
    claims_start_at     bigint  not null,
    claims_end_at       bigint  not null,
    local_date          text    not null,
    time_zone           text    not null,
    plan_id             text    not null,
    course_id           text    not null,
    entitlement_id      text    not null,
    attempt             bigint  not null,
    gate_version        bigint  not null,
    flags               text    not null,
    needs_review        boolean not null,
    next_eligible_date  text    not null,
    override_reason     text    not null,
    override_by         text    not null,
    cancel_reason_code  text    not null,
    late_cancel         boolean not null,
    cancelled_at        bigint  not null,
    checked_in_at       bigint  not null,
    meeting_uri         text    not null,
    created_at          bigint  not null,
    claimed_patient_id  text    not null,
    primary key (clinic_id, appointment_id)
) without rowid;
create index appointments_day_idx on appointments (clinic_id, local_date, starts_at);
create index appointments_patient_idx on appointments (clinic_id, patient_id, starts_at);

-- Who or what is taken when, by a hold or an appointment (the holder). A row is a live claim:
-- what is given up is deleted. Intervals are half-open; buffers are inside.
create table claims (
    clinic_id   text    not null,
    resource_id text    not null,
    starts_at   bigint  not null,
    ends_at     bigint  not null,
    holder_id   text    not null,
    is_override boolean not null,
    primary key (clinic_id, resource_id, starts_at, holder_id),
    -- No claim is longer than a day, so that a search for overlaps looks back a day only.
    check (ends_at > starts_at and ends_at - starts_at <= 86400000000)
) without rowid;
create index claims_override_idx on claims (clinic_id, resource_id, starts_at) where is_override;

-- Claims that nobody overrode are disjoint, so of them the last that starts before the new
-- one ends is the only one that can reach into it: one step back in the primary key.
-- +goose StatementBegin
create trigger claims_insert_overlap before insert on claims when not new.is_override
begin
    select raise(abort, 'overlap')
    where (
        select c.ends_at from claims c
        where c.clinic_id = new.clinic_id and c.resource_id = new.resource_id and c.starts_at < new.ends_at and not c.is_override
        order by c.starts_at desc limit 1
    ) > new.starts_at
    or exists (
        select 1 from claims c indexed by claims_override_idx
        where c.clinic_id = new.clinic_id and c.resource_id = new.resource_id and c.is_override
          and c.starts_at < new.ends_at and c.starts_at > new.starts_at - 86400000000 and c.ends_at > new.starts_at
    );
end;
-- +goose StatementEnd
-- A claim is never changed in place, so that the rule above is the only one.
-- +goose StatementBegin
create trigger claims_update_forbidden before update on claims
begin
    select raise(abort, 'claims are deleted and inserted, not updated');
end;
-- +goose StatementEnd

-- Every overlap that somebody decided to allow: over what, why and who.
create table overlap_overrides (
    clinic_id      text   not null,
    appointment_id text   not null,
    resource_id    text   not null,
    over_holder_id text   not null,
    starts_at      bigint not null,
    ends_at        bigint not null,
    reason         text   not null,
    account_id     text   not null,
    created_at     bigint not null,
    primary key (clinic_id, appointment_id, resource_id, over_holder_id, created_at)
) without rowid;

-- A try to book sessions of a plan (architecture section 6). One attempt decides all its
-- items together. origin_id is the first attempt of the same request.
create table attempts (
    clinic_id    text   not null,
    attempt_id   text   not null,
    kind         text   not null check (kind in ('BOOK', 'MOVE', 'UNDO')),
    state        text   not null check (state in ('OPEN', 'BOOKED', 'VOID')),
    patient_id   text   not null,
    plan_id      text   not null,
    course_id    text   not null,
    gate_version bigint not null,
    origin_id    text   not null,
    refusal      text   not null,
    created_at   bigint not null,
    decided_at   bigint not null,
    primary key (clinic_id, attempt_id)
) without rowid;
create index attempts_open_idx on attempts (created_at) where state = 'OPEN';
create index attempts_origin_idx on attempts (clinic_id, origin_id);

-- The sessions of an attempt with their ids, fixed before plans is asked, the appointment as
-- it shall be, the claims that it needs and those that were placed for it.
create table attempt_items (
    clinic_id               text   not null,
    attempt_id              text   not null,
    item                    bigint not null,
    appointment_id          text   not null,
    attempt                 bigint not null,
    entitlement_id          text   not null,
    replaces_entitlement_id text   not null,
    appointment             text   not null,
    claims                  text   not null,
    placed                  text   not null,
    primary key (clinic_id, attempt_id, item),
    constraint attempt_items_clinic_id_entitlement_id_key unique (clinic_id, entitlement_id)
) without rowid;
create index attempt_items_appointment_idx on attempt_items (clinic_id, appointment_id, attempt);

-- What became of an entitlement. The first row decides; VOID is final.
create table entitlement_uses (
    clinic_id      text   not null,
    entitlement_id text   not null,
    outcome        text   not null check (outcome in ('BOOKED', 'VOID', 'CANCELLED', 'COMPLETED', 'NO_SHOW')),
    appointment_id text   not null,
    patient_id     text   not null,
    recorded_at    bigint not null,
    primary key (clinic_id, entitlement_id)
) without rowid;
create index entitlement_uses_patient_idx on entitlement_uses (clinic_id, patient_id, entitlement_id);

-- +goose Down
drop table entitlement_uses;
drop table attempt_items;
drop table attempts;
drop table overlap_overrides;
drop table claims;
drop table appointments;
drop table holds;
drop table shift_exceptions;
drop table shifts;
drop table appointment_types;
drop table plans;
drop table patient_gates;
drop table patients;
drop table credentials;
drop table resources;
drop table locations;
drop table clinics;
