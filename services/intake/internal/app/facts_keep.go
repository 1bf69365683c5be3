package app

import (
	"encoding/json"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// keepFacts turns the answers of a form that bear on treatments into facts about the
// patient: those that say something new, and those that are not answered any more.
func (a *App) keepFacts(tx *sqldb.Tx, p authn.Principal, i store.Intake, who person, set *triage.Set, answers triage.Answers) error {
	facts, err := store.Facts(tx, i.ClinicID, who.rootID)
	if err != nil {
		return err
	}
	before, err := newest(facts, func(store.Fact) bool { return true })
	if err != nil {
		return err
	}
	said := "PATIENT"
	if audience(p) == Clinicians {
		said = "CLINICIAN"
	}
	for _, id := range set.ContraindicationQuestions() {
		if answers[id].Equal(before[id]) {
			continue
		}
		if _, err := addFact(tx, p, store.Fact{PatientID: i.PatientID, QuestionID: id, SaidBy: said, IntakeID: i.IntakeID}, answers[id]); err != nil {
			return err
		}
	}
	return nil
}

// addFact records one fact of the caller's.
func addFact(tx *sqldb.Tx, p authn.Principal, f store.Fact, value triage.Answer) (store.Fact, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return f, err
	}
	f.FactID, f.Value, f.RecordedBy, f.RecordedAt = ident.New("fact"), string(data), p.Subject, tx.Now()
	return f, store.AddFact(tx, p.ClinicID, f)
}
