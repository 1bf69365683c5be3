-- +goose Up
-- Requests to somebody outside the clinic; body has what they say, as JSON.
CREATE TABLE referrals (
  clinic_id         text   NOT NULL,
  referral_id       text   NOT NULL,
  patient_id        text   NOT NULL,
  origin_patient_id text   NOT NULL,
  state             text   NOT NULL,
  body              text   NOT NULL,
  created_at        bigint NOT NULL,
  version           bigint NOT NULL,
  PRIMARY KEY (clinic_id, referral_id)
);
CREATE INDEX referrals_patient ON referrals (clinic_id, patient_id, created_at);

-- What became of each kind of conservative care; rows are only added, the newest counts.
CREATE TABLE treatment_trials (
  clinic_id         text   NOT NULL,
  trial_id          text   NOT NULL,
  patient_id        text   NOT NULL,
  origin_patient_id text   NOT NULL,
  modality          text   NOT NULL,
  outcome           text   NOT NULL,
  reason            text   NOT NULL,
  plan_id           text   NOT NULL,
  recorded_by       text   NOT NULL,
  recorded_at       bigint NOT NULL,
  version           bigint NOT NULL,
  PRIMARY KEY (clinic_id, trial_id)
);
CREATE INDEX treatment_trials_patient ON treatment_trials (clinic_id, patient_id, recorded_at);

-- Texts of a clinic's own that patients sign before surgery; rows are only added.
CREATE TABLE surgery_consents (
  clinic_id       text   NOT NULL,
  consent_version text   NOT NULL,
  complications   text   NOT NULL,
  content         text   NOT NULL,
  changed_by      text   NOT NULL,
  changed_at      bigint NOT NULL,
  PRIMARY KEY (clinic_id, consent_version)
);

-- Devices in patients' bodies; rows are only added.
CREATE TABLE implants (
  clinic_id         text   NOT NULL,
  implant_id        text   NOT NULL,
  patient_id        text   NOT NULL,
  origin_patient_id text   NOT NULL,
  implant           text   NOT NULL,
  region            text   NOT NULL,
  insert_date       text   NOT NULL,
  mri               text   NOT NULL,
  note              text   NOT NULL,
  referral_id       text   NOT NULL,
  recorded_by       text   NOT NULL,
  recorded_at       bigint NOT NULL,
  version           bigint NOT NULL,
  PRIMARY KEY (clinic_id, implant_id)
);
CREATE INDEX implants_patient ON implants (clinic_id, patient_id, recorded_at);

-- +goose Down
DROP TABLE implants;
DROP TABLE surgery_consents;
DROP TABLE treatment_trials;
DROP TABLE referrals;
