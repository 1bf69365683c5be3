-- +goose Up
-- A group session: several patients with one practitioner at one time. The session has the
-- claims of practitioner, room and equipment; each appointment has the patient's and a seat. It
-- lives as long as somebody has a seat.
create table group_sessions (
    clinic_id           text   not null,
    group_session_id    text   not null,
    appointment_type_id text   not null,
    practitioner_id     text   not null,
    room_id             text   not null,
    equipment_ids       text   not null,
    mode                text   not null,
    starts_at           bigint not null,
    ends_at             bigint not null,
    claims_start_at     bigint not null,
    claims_end_at       bigint not null,
    capacity            bigint not null check (capacity > 1),
    primary key (clinic_id, group_session_id),
    constraint group_sessions_clinic_id_practitioner_id_starts_at_key unique (clinic_id, practitioner_id, starts_at),
    constraint group_sessions_clinic_id_group_session_id_capacity_key unique (clinic_id, group_session_id, capacity)
) without rowid;

-- Seats are numbered and the session's capacity is part of the key that a seat refers to, so that
-- the database itself refuses one seat more.
create table group_seats (
    clinic_id        text   not null,
    group_session_id text   not null,
    seat             bigint not null,
    capacity         bigint not null,
    holder_id        text   not null,
    primary key (clinic_id, group_session_id, seat),
    constraint group_seats_clinic_id_holder_id_group_session_id_key unique (clinic_id, holder_id, group_session_id),
    constraint group_seats_capacity_check check (seat >= 1 and seat <= capacity),
    constraint group_seats_session_fkey foreign key (clinic_id, group_session_id, capacity)
        references group_sessions (clinic_id, group_session_id, capacity)
) without rowid;

-- +goose Down
drop table group_seats;
drop table group_sessions;
