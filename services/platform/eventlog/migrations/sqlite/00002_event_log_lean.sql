-- +goose Up
-- Without a unique index by event_id, which is made by the program and looked for by nobody,
-- and with what the broker has confirmed as one number of the head instead of a column and
-- an index entry of every event: confirmations come in order.
create table event_log_new (
    id                integer primary key,
    event_id          text   not null,
    aggregate_type    text   not null,
    aggregate_id      text   not null,
    aggregate_version bigint not null,
    type              text   not null,
    payload           blob   not null,
    trace             text   not null,
    at                bigint not null,
    pub_seq           bigint,
    constraint event_log_aggregate_type_aggregate_id_aggregate_version_key
        unique (aggregate_type, aggregate_id, aggregate_version)
);
alter table log_head add column acked_pub_seq bigint not null default 0;
update log_head set acked_pub_seq = coalesce(
    (select min(pub_seq) - 1 from event_log where acked_at is null and pub_seq is not null), last_pub_seq);
insert into event_log_new select id, event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace, at,
        coalesce(pub_seq, (select last_pub_seq from log_head) + row_number() over (partition by pub_seq is null order by id))
    from event_log order by id;
drop table event_log;
alter table event_log_new rename to event_log;
create unique index event_log_pub_seq_key on event_log (pub_seq) where pub_seq is not null;
-- Nothing is without a number any more (see append.go); the relay asks alike on both databases.
create index event_log_unnumbered_idx on event_log (id) where pub_seq is null;

-- +goose Down
alter table event_log add column acked_at bigint;
alter table log_head drop column acked_pub_seq;
