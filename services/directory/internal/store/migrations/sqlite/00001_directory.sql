-- +goose Up
create table clinics (
  clinic_id            text    not null primary key,
  slug                 text    not null unique,
  public_name          text    not null,
  time_zone            text    not null,
  locale               text    not null,
  emergency_numbers    text    not null,
  safety_officer       text    not null,
  phone                text    not null,
  email                text    not null,
  address              text    not null,
  registration_enabled boolean not null,
  -- Counted up, and so locked, by changes that look at more than one row: merges, the last admin.
  guard                bigint  not null,
  created_at           bigint  not null,
  updated_at           bigint  not null,
  version              bigint  not null
);

create table locations (
  clinic_id    text    not null references clinics,
  location_id  text    not null,
  display_name text    not null,
  name_key     text    not null,
  address      text    not null,
  phone        text    not null,
  time_zone    text    not null,
  is_active    boolean not null,
  created_at   bigint  not null,
  updated_at   bigint  not null,
  version      bigint  not null,
  primary key (clinic_id, location_id)
);

create table rooms (
  clinic_id    text    not null,
  room_id      text    not null,
  location_id  text    not null,
  display_name text    not null,
  name_key     text    not null,
  capabilities text    not null,
  is_active    boolean not null,
  created_at   bigint  not null,
  updated_at   bigint  not null,
  version      bigint  not null,
  primary key (clinic_id, room_id),
  foreign key (clinic_id, location_id) references locations
);

create table equipment (
  clinic_id    text    not null,
  equipment_id text    not null,
  location_id  text    not null,
  room_id      text,
  display_name text    not null,
  name_key     text    not null,
  capabilities text    not null,
  is_active    boolean not null,
  created_at   bigint  not null,
  updated_at   bigint  not null,
  version      bigint  not null,
  primary key (clinic_id, equipment_id),
  foreign key (clinic_id, location_id) references locations,
  foreign key (clinic_id, room_id) references rooms
);

create table practitioners (
  clinic_id       text    not null references clinics,
  practitioner_id text    not null,
  title           text    not null,
  given_name      text    not null,
  family_name     text    not null,
  name_key        text    not null,
  profession      text    not null,
  disciplines     text    not null,
  languages       text    not null,
  is_active       boolean not null,
  created_at      bigint  not null,
  updated_at      bigint  not null,
  version         bigint  not null,
  primary key (clinic_id, practitioner_id)
);

create table credentials (
  clinic_id       text not null,
  practitioner_id text not null,
  kind            text not null,
  number          text not null,
  issuer          text not null,
  expire_date     text,
  primary key (clinic_id, practitioner_id, kind),
  foreign key (clinic_id, practitioner_id) references practitioners
);

create table patients (
  clinic_id          text    not null references clinics,
  patient_id         text    not null,
  given_name         text    not null,
  family_name        text    not null,
  preferred_name     text    not null,
  former_names       text    not null,
  family_key         text    not null,
  given_key          text    not null,
  birth_date         text    not null,
  administrative_sex text    not null,
  phone              text    not null,
  phone_reversed     text    not null,
  email              text    not null,
  email_key          text    not null,
  language           text    not null,
  address            text    not null,
  emergency_contact  text    not null,
  external_number    text    not null,
  is_unverified      boolean not null,
  -- What this record was merged into itself, and the record at the end of that chain.
  merged_into        text,
  surviving_id       text    not null,
  created_at         bigint  not null,
  updated_at         bigint  not null,
  version            bigint  not null,
  primary key (clinic_id, patient_id)
);
create index patients_order on patients (clinic_id, family_key, given_key, patient_id);
create index patients_surviving on patients (clinic_id, surviving_id);
create index patients_birth_date on patients (clinic_id, birth_date);
create index patients_phone on patients (clinic_id, phone_reversed);
create index patients_email on patients (clinic_id, email_key);

-- The words that a patient is found by, folded. A merged record's lead to the one that lives on.
create table patient_names (
  clinic_id    text not null,
  token        text not null,
  surviving_id text not null,
  patient_id   text not null,
  primary key (clinic_id, token, surviving_id, patient_id),
  foreign key (clinic_id, patient_id) references patients
) without rowid;
create index patient_names_surviving on patient_names (clinic_id, surviving_id, token);
create index patient_names_patient on patient_names (clinic_id, patient_id, token);

create table accounts (
  clinic_id       text   not null references clinics,
  account_id      text   not null,
  email           text   not null,
  email_key       text   not null,
  display_name    text   not null,
  kind            text   not null,
  roles           text   not null,
  practitioner_id text,
  patient_id      text,
  state           text   not null,
  password_hash   text   not null,
  created_at      bigint not null,
  updated_at      bigint not null,
  version         bigint not null,
  primary key (clinic_id, account_id),
  unique (clinic_id, practitioner_id),
  unique (clinic_id, patient_id),
  foreign key (clinic_id, practitioner_id) references practitioners,
  foreign key (clinic_id, patient_id) references patients
);
create unique index accounts_clinic_id_email_key_key on accounts (clinic_id, email_key) where kind = 'STAFF';
-- Signing in asks for no clinic.
create index accounts_email on accounts (email_key);

-- One salt for each sign-in name, whichever accounts have it: one hash answers for them all.
-- No clinic's data: a name may be used at several.
create table sign_in_names (
  email_key text not null primary key,
  salt      blob  not null
);

create table account_proxies (
  clinic_id   text   not null,
  account_id  text   not null,
  patient_id  text   not null,
  relation    text   not null,
  expire_date text,
  created_at  bigint not null,
  primary key (clinic_id, account_id, patient_id),
  foreign key (clinic_id, account_id) references accounts,
  foreign key (clinic_id, patient_id) references patients
);
create index account_proxies_patient on account_proxies (clinic_id, patient_id);

create table sessions (
  clinic_id    text   not null,
  session_id   text   not null,
  account_id   text   not null,
  -- SHA-256 of the token, which nobody else keeps.
  token_hash   blob  not null,
  created_at   bigint not null,
  last_used_at bigint not null,
  expire_at    bigint not null,
  primary key (clinic_id, session_id),
  foreign key (clinic_id, account_id) references accounts
);
create index sessions_token on sessions (token_hash);
create index sessions_account on sessions (clinic_id, account_id, created_at);
create index sessions_expire on sessions (expire_at);

-- Failed sign-ins by hashed sign-in name and hashed network address. No clinic's data: nobody
-- has signed in yet.
create table throttles (
  throttle_key     text   not null primary key,
  failures         bigint not null,
  last_at          bigint not null,
  blocked_until_at bigint not null
);
create index throttles_last on throttles (last_at);

-- +goose Down
drop table throttles;
drop table sessions;
drop table account_proxies;
drop table sign_in_names;
drop table accounts;
drop table patient_names;
drop table patients;
drop table credentials;
drop table practitioners;
drop table equipment;
drop table rooms;
drop table locations;
drop table clinics;
