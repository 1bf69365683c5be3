package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// FactsView is what is known about a person that bears on treatments.
type FactsView struct {
	Facts         []FactView
	Blocked       []triage.Block
	ReleaseNeeded []triage.Block
	Releases      []store.Release
	GateVersion   int64
}

// FactView is one fact; Current is the newest of its question.
type FactView struct {
	store.Fact
	Current bool
}

// ListClinicalFacts returns what is known about a patient, for clinicians and for plans.
// Reading is recorded first. It fails with NOT_FOUND for a patient whom the caller may not
// know of.
func (a *App) ListClinicalFacts(ctx context.Context, clinicID, patientID string, history bool) (view FactsView, err error) {
	p, err := scopedCaller(ctx, clinicID)
	if err != nil {
		return view, err
	}
	if !p.IsService() {
		if err := a.knowPatient(ctx, p, patientID); err != nil {
			return view, err
		}
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		who, err := personOf(tx, p.ClinicID, patientID, false)
		if err != nil {
			return err
		}
		k, err := a.knownOf(tx, p.ClinicID, who)
		if err != nil {
			return err
		}
		view = FactsView{Facts: factViews(k.facts, history), Blocked: k.hard, ReleaseNeeded: k.soft, Releases: k.releases}
		_, view.GateVersion, err = a.gateOf(tx, p.ClinicID, who)
		return err
	})
	if err != nil || p.IsService() {
		return view, err
	}
	return view, audit.Read(ctx, a.db, audit.Entry{Action: "clinical_facts.read", Resource: patientID, PatientID: patientID})
}

func factViews(facts []store.Fact, history bool) []FactView {
	var out []FactView
	for i, f := range facts {
		current := i == 0 || facts[i-1].QuestionID != f.QuestionID
		if current || history {
			out = append(out, FactView{Fact: f, Current: current})
		}
	}
	return out
}

// RecordClinicalFact records one thing known.
type RecordClinicalFact struct {
	PatientID   string
	QuestionID  string
	Value       triage.Answer // an answer taken back means that nothing is known any more
	SaidBy      string
	Fingerprint []byte
}

// RecordClinicalFact records one thing known about a patient: it replaces what was known
// for the same question, and everything that follows from it is different from now on. It
// fails with NOT_FOUND for a patient whom the caller may not know of, and with
// INVALID_ARGUMENT for a question that bears on no treatment and for a value that does not
// fit it.
func (a *App) RecordClinicalFact(ctx context.Context, in RecordClinicalFact) (fact store.Fact, version int64, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return fact, 0, err
	}
	set, err := a.forms.Facts(p.ClinicID)
	if err != nil {
		return fact, 0, err
	}
	if !slices.Contains(set.ContraindicationQuestions(), in.QuestionID) {
		return fact, 0, fault.Invalid("question_id", "bears on no treatment")
	}
	if err := set.Check(in.QuestionID, in.Value); err != nil {
		return fact, 0, fault.Invalid("value", fault.From(err).Fields[0].Description)
	}
	if err := a.knowPatient(ctx, p, in.PatientID); err != nil {
		return fact, 0, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		who, err := personOf(tx, p.ClinicID, in.PatientID, true)
		if err != nil {
			return err
		}
		id, _, err := requestid.Once(ctx, tx, "RecordClinicalFact", in.Fingerprint, func() (string, error) {
			f, err := addFact(tx, p, store.Fact{PatientID: in.PatientID, QuestionID: in.QuestionID, SaidBy: in.SaidBy}, in.Value)
			if err != nil {
				return "", err
			}
			if err := a.moveGate(ctx, tx, p.ClinicID, who, noChange, factsChanged(p.ClinicID, who.rootID)); err != nil {
				return "", err
			}
			return f.FactID, audit.Write(ctx, tx, audit.Entry{
				Action: "clinical_fact.record", Resource: f.FactID, PatientID: in.PatientID, Facts: map[string]string{"question": in.QuestionID},
			})
		})
		if err != nil {
			return err
		}
		facts, err := store.Facts(tx, p.ClinicID, who.rootID)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(facts, func(f store.Fact) bool { return f.FactID == id }); i >= 0 {
			fact = facts[i]
		}
		_, version, err = a.gateOf(tx, p.ClinicID, who)
		return err
	})
	return fact, version, err
}
