-- +goose Up
create table event_log (
    id                bigint generated always as identity primary key,
    event_id          text   not null,
    aggregate_type    text   not null,
    aggregate_id      text   not null,
    aggregate_version bigint not null,
    type              text   not null,
    payload           bytea  not null,
    trace             text   not null,
    at                bigint not null,
    pub_seq           bigint,
    acked_at          bigint,
    constraint event_log_event_id_key unique (event_id),
    constraint event_log_aggregate_type_aggregate_id_aggregate_version_key
        unique (aggregate_type, aggregate_id, aggregate_version)
);
-- Partial: a row that has no number yet costs no entry.
create unique index event_log_pub_seq_key on event_log (pub_seq) where pub_seq is not null;
-- What the relay looks for: both stay as small as its backlog, however long the log is.
create index event_log_unnumbered_idx on event_log (id) where pub_seq is null;
create index event_log_unacked_idx on event_log (pub_seq) where acked_at is null and pub_seq is not null;

create table log_head (
    one           boolean primary key default true check (one),
    epoch         text    not null,
    last_pub_seq  bigint  not null,
    last_event_id text    not null
);
insert into log_head (epoch, last_pub_seq, last_event_id) values (replace(gen_random_uuid()::text, '-', ''), 0, '');

create table cursors (
    consumer      text   not null,
    producer      text   not null,
    epoch         text   not null,
    pos           bigint not null,
    last_event_id text   not null,
    reconciled_at bigint not null,
    primary key (consumer, producer)
);

create table parked (
    id                bigint generated always as identity primary key,
    consumer          text   not null,
    producer          text   not null,
    epoch             text   not null,
    pub_seq           bigint not null,
    previous_id       text   not null,
    event_id          text   not null,
    aggregate_type    text   not null,
    aggregate_id      text   not null,
    aggregate_version bigint not null,
    type              text   not null,
    payload           bytea  not null,
    trace             text   not null,
    at                bigint not null,
    reason            text   not null,
    detail            text   not null,
    attempts          bigint not null,
    parked_at         bigint not null,
    replay_at         bigint,
    constraint parked_consumer_producer_event_id_key unique (consumer, producer, event_id)
);
create index parked_aggregate_idx on parked (consumer, producer, aggregate_type, aggregate_id, id);

-- +goose Down
drop table parked;
drop table cursors;
drop table log_head;
drop table event_log;
