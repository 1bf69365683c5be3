-- +goose Up
-- Without a unique index by event_id, which is made by the program and looked for by nobody,
-- and with what the broker has confirmed as one number of the head instead of a column and
-- an index entry of every event: confirmations come in order.
alter table log_head add column acked_pub_seq bigint not null default 0;
update log_head set acked_pub_seq = coalesce(
    (select min(pub_seq) - 1 from event_log where acked_at is null and pub_seq is not null), last_pub_seq);
alter table event_log drop constraint event_log_event_id_key;
drop index event_log_unacked_idx;
alter table event_log drop column acked_at;

-- +goose Down
alter table event_log add column acked_at bigint;
alter table log_head drop column acked_pub_seq;
