package app

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// NewTrial is what became of a kind of conservative care.
type NewTrial struct {
	PatientID   string
	Trial       store.Trial
	Fingerprint []byte // of the request
}

// RecordTreatmentTrial records what became of a kind of conservative care. It fails with
// NOT_FOUND for an unknown patient and INVALID_ARGUMENT when the reason is missing.
func (a *App) RecordTreatmentTrial(ctx context.Context, n NewTrial) (store.Trial, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return store.Trial{}, err
	}
	if (n.Trial.Outcome == "CONTRAINDICATED" || n.Trial.Outcome == "DECLINED") && strings.TrimSpace(n.Trial.Reason) == "" {
		return store.Trial{}, fault.Invalid("reason", "is needed for what was not tried")
	}
	if _, err := a.knowPatient(ctx, p, clinicID, n.PatientID); err != nil {
		return store.Trial{}, err
	}
	var out store.Trial
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		head, err := store.LockHead(tx, clinicID, n.PatientID)
		if err != nil {
			return err
		}
		id, _, err := requestid.Once(ctx, tx, "ReferralService.RecordTreatmentTrial", n.Fingerprint, func() (string, error) {
			t := n.Trial
			t.ID, t.PatientID, t.OriginPatientID, t.By, t.At, t.Version = ident.New("tri"), head.PatientID, n.PatientID, p.Subject, tx.Now(), 1
			if err := store.InsertTrial(tx, clinicID, t); err != nil {
				return "", err
			}
			return t.ID, audit.Write(ctx, tx, audit.Entry{
				Action: "trial.record", Resource: t.ID, PatientID: head.PatientID,
				Facts: map[string]string{"modality": t.Modality, "outcome": t.Outcome},
			})
		})
		if err != nil {
			return err
		}
		all, err := store.Trials(tx, clinicID, head.PatientID)
		if i := slices.IndexFunc(all, func(t store.Trial) bool { return t.ID == id }); i >= 0 {
			out = all[i]
		}
		return err
	})
	return out, err
}

// SurgeryTrial is what became of one kind of conservative care: as somebody has recorded it,
// or as delivered sessions show it.
type SurgeryTrial struct {
	store.Trial
	Computed  bool
	Delivered int // sessions, when it is computed
}

// newestTrial gives what counts of one kind of care; false when nothing is known.
func newestTrial(modality string, rows []store.Trial, all []referral.Trial) (SurgeryTrial, bool) {
	for _, t := range slices.Backward(rows) {
		if t.Modality == modality {
			return SurgeryTrial{Trial: t}, true
		}
	}
	for _, t := range all {
		if t.Modality == modality && t.Computed {
			made := store.Trial{Modality: modality, Outcome: t.Outcome, PlanID: t.PlanID}
			return SurgeryTrial{Trial: made, Computed: true, Delivered: t.Delivered}, true
		}
	}
	return SurgeryTrial{}, false
}

// SurgeryGate is what is missing before surgery, and what counts.
type SurgeryGate struct {
	Missing []referral.Missing
	Trials  []SurgeryTrial // the newest of each kind of care
	Source  string
}

// GetSurgeryGate gives what is missing before a referral for surgery. NOT_FOUND for an
// unknown patient.
func (a *App) GetSurgeryGate(ctx context.Context, patientID string) (SurgeryGate, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return SurgeryGate{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return SurgeryGate{}, err
	}
	out := SurgeryGate{Source: a.cfg.Referrals.Surgery.Source}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		trials, err := a.trialsOf(tx, clinicID, survivor)
		if err != nil {
			return err
		}
		rows, err := store.Trials(tx, clinicID, survivor)
		if err != nil {
			return err
		}
		out.Missing, out.Trials = a.cfg.Referrals.Surgery.Gate(trials), nil
		for _, m := range a.cfg.Referrals.Surgery.Modalities {
			if t, ok := newestTrial(m, rows, trials); ok {
				out.Trials = append(out.Trials, t)
			}
		}
		return nil
	})
	if err != nil {
		return SurgeryGate{}, err
	}
	return out, a.logRead(ctx, p, "surgery_gate.read", survivor, survivor)
}

// consentTexts gives the texts that patients sign, the one in force last.
func (a *App) consentTexts(tx *sqldb.Tx, clinicID string) ([]store.SurgeryConsent, error) {
	own, err := store.SurgeryConsents(tx, clinicID)
	if err != nil {
		return nil, err
	}
	var out []store.SurgeryConsent
	for _, t := range a.cfg.Referrals.Consent.Texts {
		out = append(out, store.SurgeryConsent{Version: t.Version, Complications: t.Complications, Text: t.Text})
	}
	return append(out, own...), nil
}

// consentText gives the text of a version, the one in force for the empty version.
// INVALID_ARGUMENT when there is none.
func (a *App) consentText(tx *sqldb.Tx, clinicID, version string) (store.SurgeryConsent, error) {
	texts, err := a.consentTexts(tx, clinicID)
	if err != nil {
		return store.SurgeryConsent{}, err
	}
	if version == "" {
		return texts[len(texts)-1], nil
	}
	i := slices.IndexFunc(texts, func(t store.SurgeryConsent) bool { return t.Version == version })
	if i < 0 {
		return store.SurgeryConsent{}, fault.Invalid("consent_version", "is not a version of the clinic's text")
	}
	return texts[i], nil
}

// ListSurgeryConsents gives the texts that patients sign, the one in force last, and what
// each must name.
func (a *App) ListSurgeryConsents(ctx context.Context) (texts []store.SurgeryConsent, required []string, err error) {
	_, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		texts, err = a.consentTexts(tx, clinicID)
		return err
	})
	return texts, a.cfg.Referrals.Consent.Complications, err
}

// CreateSurgeryConsent puts a text of the clinic's own into force. It fails with
// PROFESSION_REQUIRED, and with INVALID_ARGUMENT when a complication is missing.
func (a *App) CreateSurgeryConsent(ctx context.Context, c store.SurgeryConsent, fingerprint []byte) (store.SurgeryConsent, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return c, err
	}
	if err := governs(p); err != nil {
		return c, err
	}
	if missing := a.cfg.Referrals.Consent.Missing(c.Complications); len(missing) > 0 {
		return c, fault.Invalid("complications", "lack "+strings.ToLower(strings.Join(missing, ", "))).With("rule", "F112").
			With("missing", strings.Join(missing, ","))
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		version, _, err := requestid.Once(ctx, tx, "ReferralService.CreateSurgeryConsent", fingerprint, func() (string, error) {
			had, err := a.consentTexts(tx, clinicID)
			if err != nil {
				return "", err
			}
			made := c
			made.Version, made.By, made.At = fmt.Sprintf("surgery-%d", len(had)+1), p.Subject, tx.Now()
			if err := store.InsertSurgeryConsent(tx, clinicID, made); err != nil {
				return "", err
			}
			return made.Version, audit.Write(ctx, tx, audit.Entry{Action: "surgery_consent.create", Resource: made.Version})
		})
		if err != nil {
			return err
		}
		c, err = a.consentText(tx, clinicID, version)
		return err
	})
	return c, err
}

// NewImplant is a device that is in a patient's body.
type NewImplant struct {
	PatientID   string
	Implant     store.Implant
	Fingerprint []byte // of the request
}

// RecordImplant records a device, and lets intake know first: what is known against kinds
// of care changes with it. It fails with NOT_FOUND for an unknown patient or referral, and
// INVALID_ARGUMENT for a date that has not come.
func (a *App) RecordImplant(ctx context.Context, n NewImplant) (store.Implant, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return store.Implant{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, n.PatientID)
	if err != nil {
		return store.Implant{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return store.Implant{}, err
	}
	known, ok := a.cfg.Referrals.Implant(n.Implant.Implant)
	switch {
	case !ok:
		return store.Implant{}, fault.Invalid("implant", "is not one that the clinic knows")
	case n.Implant.Inserted.After(today):
		return store.Implant{}, fault.Invalid("insert_date", "is after today")
	}
	if err := a.sameReferral(ctx, clinicID, survivor, n.Implant.ReferralID); err != nil {
		return store.Implant{}, err
	}
	if err := a.asks.AddImplantFact(ctx, clinicID, survivor, known.Fact); err != nil {
		return store.Implant{}, err
	}
	var out store.Implant
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		head, err := store.LockHead(tx, clinicID, n.PatientID)
		if err != nil {
			return err
		}
		id, _, err := requestid.Once(ctx, tx, "ReferralService.RecordImplant", n.Fingerprint, func() (string, error) {
			i := n.Implant
			i.ID, i.PatientID, i.OriginPatientID, i.By, i.At, i.Version = ident.New("imp"), head.PatientID, n.PatientID, p.Subject, tx.Now(), 1
			if i.MRI == "" {
				i.MRI = "UNKNOWN"
			}
			if err := store.InsertImplant(tx, clinicID, i); err != nil {
				return "", err
			}
			return i.ID, audit.Write(ctx, tx, audit.Entry{
				Action: "implant.record", Resource: i.ID, PatientID: head.PatientID, Facts: map[string]string{"implant": i.Implant},
			})
		})
		if err != nil {
			return err
		}
		all, err := store.Implants(tx, clinicID, head.PatientID)
		if at := slices.IndexFunc(all, func(i store.Implant) bool { return i.ID == id }); at >= 0 {
			out = all[at]
		}
		return err
	})
	return out, err
}

// sameReferral fails with NOT_FOUND unless the referral, where one is named, is the person's.
func (a *App) sameReferral(ctx context.Context, clinicID, patientID, referralID string) error {
	if referralID == "" {
		return nil
	}
	return a.db.Read(ctx, func(tx *sqldb.Tx) error {
		r, err := store.ReferralByID(tx, clinicID, referralID)
		if err == nil && r.PatientID != patientID {
			return fault.NotFoundf("referral")
		}
		return err
	})
}

// ListImplants gives a patient's devices, newest first. NOT_FOUND for an unknown patient.
func (a *App) ListImplants(ctx context.Context, patientID string) ([]store.Implant, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	var out []store.Implant
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		out, err = store.Implants(tx, clinicID, survivor)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, a.logRead(ctx, p, "implant.list", survivor, survivor)
}
