-- +goose Up
-- Only SQLite keeps overlaps out by a trigger.
select 1;

-- +goose Down
select 1;
