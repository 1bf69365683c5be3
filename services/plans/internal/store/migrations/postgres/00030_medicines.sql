-- +goose Up
-- A patient's list of medicines; body has what was written about each, as JSON.
CREATE TABLE medications (
  clinic_id         text   NOT NULL,
  medication_id     text   NOT NULL,
  patient_id        text   NOT NULL,
  origin_patient_id text   NOT NULL,
  state             text   NOT NULL,
  body              text   NOT NULL,
  created_at        bigint NOT NULL,
  version           bigint NOT NULL,
  PRIMARY KEY (clinic_id, medication_id)
);
CREATE INDEX medications_patient ON medications (clinic_id, patient_id, created_at);

-- What clinicians have acknowledged about a medicine; rows are only added.
CREATE TABLE medication_acknowledgements (
  clinic_id       text   NOT NULL,
  acknowledgement_id text NOT NULL,
  medication_id   text   NOT NULL,
  rule_id         text   NOT NULL,
  about           text   NOT NULL,
  reason          text   NOT NULL,
  acknowledged_by text   NOT NULL,
  acknowledged_at bigint NOT NULL,
  PRIMARY KEY (clinic_id, acknowledgement_id)
);
CREATE INDEX medication_acknowledgements_medication ON medication_acknowledgements (clinic_id, medication_id);

-- Doses that were taken. with_food is '', 'YES' or 'NO'; one that is void counts nowhere.
CREATE TABLE medication_doses (
  clinic_id         text    NOT NULL,
  dose_id           text    NOT NULL,
  patient_id        text    NOT NULL,
  origin_patient_id text    NOT NULL,
  medication_id     text    NOT NULL,
  drug              text    NOT NULL,
  dose_mg           text    NOT NULL,
  taken_at          bigint  NOT NULL,
  local_date        text    NOT NULL,
  with_food         text    NOT NULL,
  void              boolean NOT NULL,
  recorded_by       text    NOT NULL,
  created_at        bigint  NOT NULL,
  version           bigint  NOT NULL,
  PRIMARY KEY (clinic_id, dose_id)
);
CREATE INDEX medication_doses_patient ON medication_doses (clinic_id, patient_id, taken_at);

-- What a clinic makes of the rules; rows are only added, the newest of a rule is in force.
CREATE TABLE medicine_rule_modes (
  clinic_id  text   NOT NULL,
  change_id  text   NOT NULL,
  rule_id    text   NOT NULL,
  mode       text   NOT NULL,
  reason     text   NOT NULL,
  changed_by text   NOT NULL,
  changed_at bigint NOT NULL,
  PRIMARY KEY (clinic_id, change_id)
);

-- Medicines that a clinic has added to the table; rows are only added, the newest of a drug
-- is in force.
CREATE TABLE medicine_products (
  clinic_id  text   NOT NULL,
  change_id  text   NOT NULL,
  drug       text   NOT NULL,
  body       text   NOT NULL,
  reason     text   NOT NULL,
  changed_by text   NOT NULL,
  changed_at bigint NOT NULL,
  PRIMARY KEY (clinic_id, change_id)
);

-- +goose Down
DROP TABLE medicine_products;
DROP TABLE medicine_rule_modes;
DROP TABLE medication_doses;
DROP TABLE medication_acknowledgements;
DROP TABLE medications;
