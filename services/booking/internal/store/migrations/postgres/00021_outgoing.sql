-- +goose Up
-- What patients are to be told, by codes and ids. A message waits until what it tells of can no
-- longer be undone. event_id is the event that it was made for, so that no event makes two.
create table outgoing_messages (
    clinic_id      text   not null,
    message_id     text   not null,
    event_id       text   not null,
    kind           text   not null check (kind in ('APPOINTMENT_BOOKED', 'APPOINTMENT_MOVED', 'APPOINTMENT_CANCELLED', 'WAITLIST_OFFER')),
    state          text   not null check (state in ('WAITING', 'READY', 'DROPPED')),
    patient_id     text   not null,
    appointment_id text   not null,
    offer_id       text   not null,
    ready_at       bigint not null,
    created_at     bigint not null,
    primary key (clinic_id, message_id),
    constraint outgoing_messages_clinic_id_event_id_key unique (clinic_id, event_id)
);
create index outgoing_messages_waiting_idx on outgoing_messages (ready_at) where state = 'WAITING';
create index outgoing_messages_appointment_idx on outgoing_messages (clinic_id, appointment_id);

-- How far the service's own log has been read for messages.
create table outgoing_cursor (
    name    text   not null,
    pub_seq bigint not null,
    primary key (name)
);

-- +goose Down
drop table outgoing_cursor;
drop table outgoing_messages;
