package app

import (
	"context"
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// circumstanceQuestions are the questions about how a pain came and how old it is: what a home
// programme depends on beside the facts. All have options, none takes words.
var circumstanceQuestions = []string{"trigger", "onset", "duration", "aggravators", "recurrent", "tender_knots"}

// recentForms is how many forms of a person are looked through for the newest that was handed
// in; the others are drafts.
const recentForms = 20

// Circumstances is what a person's newest form says about the pain.
type Circumstances struct {
	IntakeID    string // empty when no form was handed in
	SubmittedAt time.Time
	Answers     map[string][]string // options by question
}

// ListCircumstances returns, for services, what the newest form of a person that was handed in
// says about how the pain came and how old it was then.
func (a *App) ListCircumstances(ctx context.Context, clinicID, patientID string) (out Circumstances, err error) {
	p, err := scopedCaller(ctx, clinicID)
	if err != nil {
		return out, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		out = Circumstances{Answers: map[string][]string{}}
		who, err := personOf(tx, p.ClinicID, patientID, false)
		if err != nil {
			return err
		}
		forms, err := store.ListIntakes(tx, p.ClinicID, who.rootID, "", recentForms)
		if err != nil {
			return err
		}
		for _, i := range forms {
			if i.State == Draft || !i.SubmittedAt.After(out.SubmittedAt) {
				continue
			}
			answers, _, err := answersOf(tx, i)
			if err != nil {
				return err
			}
			out = Circumstances{IntakeID: i.IntakeID, SubmittedAt: i.SubmittedAt, Answers: map[string][]string{}}
			for _, id := range circumstanceQuestions {
				if options := answers[id].Options(); len(options) > 0 {
					out.Answers[id] = options
				}
			}
		}
		return nil
	})
	return out, err
}
