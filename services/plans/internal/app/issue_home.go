package app

import (
	"cmp"
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/homecare"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// States of a home programme.
const (
	HomeActive = "ACTIVE"
	HomeEnded  = "ENDED"
)

// HomeWish is a home programme that a clinician wants. No items takes what is suggested.
type HomeWish struct {
	homecare.Programme
	PatientID   string
	PlanID      string
	CourseID    string
	Fingerprint []byte // of the request
}

// known asks intake what is known of a patient that bears on treatments, and what the newest
// form says of how the pain came. How old it is holds for today.
func (a *App) known(ctx context.Context, clinicID, patientID string) (homecare.Known, error) {
	c, err := a.asks.Conditions(ctx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	said, at, err := a.asks.Circumstances(ctx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	known := homecare.Known(c.Answers)
	for question, options := range said {
		if len(known[question]) == 0 {
			known[question] = options
		}
	}
	if duration := said["duration"]; len(duration) > 0 {
		loc, err := a.zone(ctx, clinicID)
		if err != nil {
			return nil, err
		}
		days := civil.Of(at, loc).DaysUntil(civil.Of(a.clock.Now(), loc))
		known["duration"] = []string{homecare.Aged(duration[0], days)}
	}
	return known, nil
}

// CreateHomeProgramme issues a home programme. It fails with the refusals of
// homecare.Library.Complete, and with NOT_FOUND for a patient, plan or course that is not there
// or not the patient's.
func (a *App) CreateHomeProgramme(ctx context.Context, w HomeWish) (HomeView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return HomeView{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, w.PatientID)
	if err != nil {
		return HomeView{}, err
	}
	if w.Start.IsZero() {
		if w.Start, err = a.today(ctx, clinicID); err != nil {
			return HomeView{}, err
		}
	}
	if err := a.courseOf(ctx, clinicID, survivor, &w); err != nil {
		return HomeView{}, err
	}
	known, err := a.known(ctx, clinicID, survivor)
	if err != nil {
		return HomeView{}, err
	}
	made, err := a.completeHome(w.Programme, known)
	if err != nil {
		return HomeView{}, err
	}
	h := store.HomeProgramme{
		Programme: made, ID: ident.New("hom"), OriginPatientID: w.PatientID, PlanID: w.PlanID, CourseID: w.CourseID, State: HomeActive,
		CreatedBy: p.Subject, Version: 1,
	}
	a.stampHome(&h)
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		id, _, err := requestid.Once(ctx, tx, "HomeProgrammeService.CreateHomeProgramme", w.Fingerprint, func() (string, error) {
			head, err := store.LockHead(tx, clinicID, survivor)
			if err != nil {
				return "", err
			}
			h.PatientID, h.CreatedAt = head.PatientID, tx.Now()
			if err := store.InsertHome(tx, clinicID, h); err != nil {
				return "", err
			}
			return h.ID, tellHome(ctx, tx, clinicID, h, "home.issue")
		})
		if err != nil {
			return err
		}
		h, err = store.HomeByID(tx, clinicID, id)
		return err
	})
	if err != nil {
		return HomeView{}, err
	}
	return a.viewHome(h, nil, civil.Date{}, Clinicians), nil
}

// completeHome fills in what a programme leaves open.
func (a *App) completeHome(p homecare.Programme, known homecare.Known) (homecare.Programme, error) {
	p.Circumstances = p.Circumstances.WithKnown(known)
	if len(p.Items) == 0 {
		items, _ := a.cfg.Home.Suggest(p.Circumstances, known)
		for _, s := range items {
			p.Items = append(p.Items, s.Setting)
		}
	}
	return a.cfg.Home.Complete(p, known)
}

// stampHome notes the versions of what the programme is made from (F039).
func (a *App) stampHome(h *store.HomeProgramme) {
	h.LibraryVersion, h.DisclaimerVersion, h.Disclaimer = a.cfg.Home.Version, a.cfg.Home.Disclaimer.Version, a.cfg.Home.Disclaimer.Text
}

// courseOf checks the plan and the course that a programme belongs to.
func (a *App) courseOf(ctx context.Context, clinicID, survivor string, w *HomeWish) error {
	if w.PlanID == "" {
		if w.CourseID != "" {
			return fault.Invalid("course_id", "belongs to a plan")
		}
		return nil
	}
	return a.db.Read(ctx, func(tx *sqldb.Tx) error {
		pl, err := store.PlanByID(tx, clinicID, w.PlanID)
		if err != nil {
			return err
		}
		if pl.PatientID != survivor {
			return fault.NotFoundf("plan")
		}
		if w.CourseID == "" {
			return nil
		}
		c, ok := pl.Course(w.CourseID, "")
		if !ok {
			return fault.NotFoundf("course")
		}
		w.Circumstances.Physiotherapy = c.Discipline == "PHYSIOTHERAPY"
		return nil
	})
}

func tellHome(ctx context.Context, tx *sqldb.Tx, clinicID string, h store.HomeProgramme, action string) error {
	err := eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "home_programme", AggregateID: h.ID, AggregateVersion: h.Version,
		Message: &plansv1.HomeProgrammeChanged{ClinicId: clinicID, PatientId: h.PatientID, ProgrammeId: h.ID, Version: h.Version},
	})
	if err != nil {
		return err
	}
	return audit.Write(ctx, tx, audit.Entry{Action: action, Resource: h.ID, PatientID: h.PatientID})
}

// HomeChange is what a clinician changes of a programme; zero values keep what there is.
type HomeChange struct {
	ProgrammeID      string
	Etag             string
	WakeFrom, WakeTo int
	Items            []homecare.Setting
	Circumstances    *homecare.Circumstances
	Resolved         *bool
	Fingerprint      []byte // of the request
}

// UpdateHomeProgramme changes a programme, and issues it with the library as it is now. It
// fails as CreateHomeProgramme, with PROGRAMME_ENDED and with VERSION_MISMATCH.
func (a *App) UpdateHomeProgramme(ctx context.Context, c HomeChange) (HomeView, error) {
	_, clinicID, err := caller(ctx, "")
	if err != nil {
		return HomeView{}, err
	}
	var had store.HomeProgramme
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		had, err = store.HomeByID(tx, clinicID, c.ProgrammeID)
		return err
	})
	if err != nil {
		return HomeView{}, err
	}
	known, err := a.known(ctx, clinicID, had.PatientID)
	if err != nil {
		return HomeView{}, err
	}
	return a.changeHome(ctx, "UpdateHomeProgramme", "home.update", c.ProgrammeID, c.Etag, c.Fingerprint, func(h *store.HomeProgramme) error {
		next := h.Programme
		next.WakeFrom, next.WakeTo = cmp.Or(c.WakeFrom, next.WakeFrom), cmp.Or(c.WakeTo, next.WakeTo)
		if len(c.Items) > 0 {
			next.Items = c.Items
		}
		if c.Circumstances != nil {
			physio := next.Circumstances.Physiotherapy
			next.Circumstances = *c.Circumstances
			next.Circumstances.Physiotherapy = physio
		}
		if c.Resolved != nil {
			next.Resolved = *c.Resolved
		}
		made, err := a.completeHome(next, known)
		if err != nil {
			return err
		}
		h.Programme = made
		a.stampHome(h)
		return nil
	})
}

// EndHomeProgramme ends a programme. PROGRAMME_ENDED when it was before, VERSION_MISMATCH.
func (a *App) EndHomeProgramme(ctx context.Context, programmeID, etag string, fingerprint []byte) (HomeView, error) {
	return a.changeHome(ctx, "EndHomeProgramme", "home.end", programmeID, etag, fingerprint, func(h *store.HomeProgramme) error {
		h.State = HomeEnded
		return nil
	})
}

// changeHome loads a programme, lets a use case change it, and stores it, once for a request
// id.
func (a *App) changeHome(ctx context.Context, method, action, id, etag string, fingerprint []byte, do func(h *store.HomeProgramme) error) (HomeView, error) {
	_, clinicID, err := caller(ctx, "")
	if err != nil {
		return HomeView{}, err
	}
	var h store.HomeProgramme
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "HomeProgrammeService."+method, fingerprint, id, func() error {
			h, err := store.HomeByID(tx, clinicID, id)
			if err != nil {
				return err
			}
			if err := etagMatches(etag, h.Version); err != nil {
				return err
			}
			if h.State != HomeActive {
				return fault.New(fault.FailedPrecondition, "PROGRAMME_ENDED", "The programme has ended. Issue another one.")
			}
			if err := do(&h); err != nil {
				return err
			}
			if err := store.UpdateHome(tx, clinicID, &h); err != nil {
				return err
			}
			return tellHome(ctx, tx, clinicID, h, action)
		})
		if err != nil {
			return err
		}
		h, err = store.HomeByID(tx, clinicID, id)
		return err
	})
	if err != nil {
		return HomeView{}, err
	}
	return a.viewHome(h, nil, civil.Date{}, Clinicians), nil
}
