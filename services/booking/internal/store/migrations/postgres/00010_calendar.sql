-- +goose Up
-- Secret addresses at which calendar programs read appointments. Only a digest of the secret
-- is kept. revoked_at is 0 for a feed that can be read.
create table calendar_feeds (
    clinic_id        text    not null,
    calendar_feed_id text    not null,
    subject_kind     text    not null check (subject_kind in ('PRACTITIONER', 'ROOM', 'PATIENT')),
    subject_id       text    not null,
    show_names       boolean not null,
    secret_hash      text    not null,
    account_id       text    not null,
    created_at       bigint  not null,
    revoked_at       bigint  not null,
    primary key (clinic_id, calendar_feed_id),
    constraint calendar_feeds_secret_hash_key unique (secret_hash)
);
create index calendar_feeds_subject_idx on calendar_feeds (clinic_id, subject_id) where revoked_at = 0;

-- Cancelled appointments have no claims to be found by.
create index appointments_cancelled_idx on appointments (clinic_id, local_date) where state = 'CANCELLED';

-- +goose Down
drop index appointments_cancelled_idx;
drop table calendar_feeds;
