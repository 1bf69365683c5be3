-- +goose Up
-- What a clinic has decided about bookings as a whole; no row, an empty text and 0 are the usual
-- values.
create table booking_policies (
    clinic_id             text   not null,
    version               bigint not null,
    late_change           text   not null check (late_change in ('', 'REFUSE', 'FLAG')),
    waitlist_order        text   not null,
    offer_minutes         bigint not null,
    offer_notice_minutes  bigint not null,
    most_missed_offers    bigint not null,
    updated_at            bigint not null,
    primary key (clinic_id)
);

-- When an appointment was given another time, or its own again; 0 when never.
alter table appointments add column moved_at bigint not null default 0;

-- +goose Down
alter table appointments drop column moved_at;
drop table booking_policies;
