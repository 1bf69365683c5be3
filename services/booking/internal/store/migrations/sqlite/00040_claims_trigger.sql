-- +goose Up
-- The same rule as before, asked in the trigger's condition: its program then runs only when
-- it refuses, and starting it for each of a booking's three claims cost a fifth of them.
drop trigger claims_insert_overlap;
-- +goose StatementBegin
create trigger claims_insert_overlap before insert on claims
when not new.is_override and (
    (
        select c.ends_at from claims c
        where c.clinic_id = new.clinic_id and c.resource_id = new.resource_id and c.starts_at < new.ends_at and not c.is_override
        order by c.starts_at desc limit 1
    ) > new.starts_at
    or exists (
        select 1 from claims c indexed by claims_override_idx
        where c.clinic_id = new.clinic_id and c.resource_id = new.resource_id and c.is_override
          and c.starts_at < new.ends_at and c.starts_at > new.starts_at - 86400000000 and c.ends_at > new.starts_at
    )
)
begin
    select raise(abort, 'overlap');
end;
-- +goose StatementEnd

-- +goose Down
select 1;
