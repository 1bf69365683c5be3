package app

import (
	"cmp"
	"context"
	"slices"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// InjectionFact is what is known of an injection: given just now, or earlier, or elsewhere.
type InjectionFact struct {
	PatientID      string
	Date           civil.Date  // at the treating site; or Month
	Month          civil.Month // when no more is known
	State          injection.State
	Kind           string
	Region         string
	Source         string
	AppointmentID  string // at which it was given; may be empty
	Separate       bool   // a session of its own although one is booked that day
	PractitionerID string
	Record         store.Record
	Fingerprint    []byte // of the request
}

// RecordInjection records a fact, whatever the limit says: what it makes overflow becomes
// an issue that names the bookings concerned with their earliest new dates. It fails with
// PROFESSION_REQUIRED unless a physician records it, INVALID_ARGUMENT for what is missing
// or cannot be, NOT_FOUND for an unknown patient, and ALREADY_RECORDED when the
// appointment's injection has its record.
func (a *App) RecordInjection(ctx context.Context, f InjectionFact) (InjectionView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return InjectionView{}, err
	}
	if err := physician(p); err != nil {
		return InjectionView{}, err
	}
	f.complete(p)
	if err := f.validate(a.cfg.Steroids); err != nil {
		return InjectionView{}, err
	}
	if _, err := a.knowPatient(ctx, p, clinicID, f.PatientID); err != nil {
		return InjectionView{}, err
	}
	if _, err := a.zone(ctx, clinicID); err != nil { // so that the transaction knows today
		return InjectionView{}, err
	}
	var v InjectionView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		var head store.Head
		id, _, err := requestid.Once(ctx, tx, "InjectionService.RecordInjection", f.Fingerprint, func() (string, error) {
			var e store.Entry
			var err error
			if head, err = store.LockHead(tx, clinicID, f.PatientID); err != nil {
				return "", err
			}
			if e, err = a.record(ctx, tx, head, f); err != nil {
				return "", err
			}
			failpoint.Hit("plans.injection_before_commit")
			return e.InjectionID, audit.Write(ctx, tx, audit.Entry{
				Action: "injection.record", Resource: e.InjectionID, PatientID: head.PatientID,
				Facts: map[string]string{"state": e.State, "source": e.Source},
			})
		})
		if err != nil {
			return err
		}
		survivor, _, err := store.Survivor(tx, clinicID, f.PatientID)
		if err != nil {
			return err
		}
		v, err = a.viewInjection(tx, clinicID, survivor, id)
		return err
	})
	return v, err
}

// physician fails with PROFESSION_REQUIRED unless the caller is one.
func physician(p authn.Principal) error {
	if p.Profession != typev1.Profession_PROFESSION_PHYSICIAN {
		return fault.New(fault.PermissionDenied, "PROFESSION_REQUIRED", "Injections are recorded by physicians.")
	}
	return nil
}

// complete fills in what an empty field means.
func (f *InjectionFact) complete(p authn.Principal) {
	f.State = cmp.Or(f.State, injection.Administered)
	f.Kind = cmp.Or(f.Kind, injection.FacetJoint)
	f.Source = cmp.Or(f.Source, SourceClinic)
	if f.Source == SourceClinic {
		f.PractitionerID = cmp.Or(f.PractitionerID, p.PractitionerID)
	}
	f.Record.RecordedBy = p.Subject
}

// record puts the fact into the ledger: onto the row of the session it belongs to, or onto
// one of its own.
func (a *App) record(ctx context.Context, tx *sqldb.Tx, head store.Head, f InjectionFact) (store.Entry, error) {
	all, err := store.Injections(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return store.Entry{}, err
	}
	e, claimed, err := f.session(all)
	if err != nil {
		return e, err
	}
	if claimed {
		e = f.onto(e)
		err = store.UpdateEntry(tx, &e)
	} else {
		e = f.onto(store.Entry{
			ClinicID: head.ClinicID, PatientID: head.PatientID, OriginPatientID: f.PatientID, Discipline: injection.FacetJoint,
			PolicyVersion: a.cfg.Policy.Version, CreatedAt: tx.Now(), Version: 1, InjectionID: ident.New("inj"),
		})
		e.ID = e.InjectionID
		_, err = store.InsertEntries(tx, e)
	}
	if err != nil {
		return e, err
	}
	f.Record.InjectionID, f.Record.RecordedAt = e.InjectionID, tx.Now()
	if err := store.PutRecord(tx, head.ClinicID, f.Record); err != nil {
		return e, err
	}
	if err := a.planCheckIns(tx, head, e); err != nil {
		return e, err
	}
	if err := a.tellRecorded(ctx, tx, head, e); err != nil {
		return e, err
	}
	if err := expiredVials(ctx, tx, head, e, f.Record.Drugs); err != nil {
		return e, err
	}
	if err := a.steroidsOf(ctx, tx, head, e); err != nil {
		return e, err
	}
	return e, a.afterRecord(ctx, tx, head, e)
}

// session finds the claimed session that the fact is about: the appointment's that the
// caller names, or the only one without a record on the same day, unless the caller says
// that it was another.
func (f InjectionFact) session(all []store.Entry) (store.Entry, bool, error) {
	if f.AppointmentID != "" {
		var found *store.Entry
		for i, e := range all {
			if e.AppointmentID == f.AppointmentID && (found == nil || e.State != Released || found.State == Released) {
				found = &all[i]
			}
		}
		switch {
		case found == nil:
			return store.Entry{}, false, fault.Invalid("appointment_id", "the patient has no injection booked under it")
		case !open(*found):
			return store.Entry{}, false, fault.New(fault.FailedPrecondition, "ALREADY_RECORDED", "The appointment's injection is recorded; amend the record instead.").
				With("injection_id", found.InjectionID)
		}
		return *found, true, nil
	}
	if f.Separate || f.Source != SourceClinic || f.Kind != injection.FacetJoint || !f.State.Given() && f.State != injection.Aborted {
		return store.Entry{}, false, nil
	}
	same := slices.DeleteFunc(slices.Clone(all), func(e store.Entry) bool {
		return e.LocalDate != f.Date || !open(e) || e.State == Released || e.State == NoShow
	})
	if len(same) != 1 {
		return store.Entry{}, false, nil
	}
	return same[0], true, nil
}

// isClaim reports whether the row is a session that booking knows; other injections have
// rows of their own.
func isClaim(e store.Entry) bool { return e.ID != e.InjectionID }

// open reports whether a claimed session has no record of what was given yet.
func open(e store.Entry) bool {
	return isClaim(e) && slices.Contains([]string{Held, Confirmed, Used, Released, NoShow}, e.State)
}

// onto writes the fact onto a row. The date is the true one, whatever was booked.
func (f InjectionFact) onto(e store.Entry) store.Entry {
	e.State, e.Kind, e.Region, e.Source, e.RecordMissing = string(f.State), f.Kind, f.Region, f.Source, false
	e.Counts = e.PlanID != "" && f.State.Counts()
	e.PractitionerID = cmp.Or(f.PractitionerID, e.PractitionerID)
	e.LocalDate, e.Month = f.Date, f.Month
	if !f.Month.IsZero() {
		e.LocalDate = f.Month.First()
	}
	return e
}

func (a *App) tellRecorded(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Entry) error {
	date := e.LocalDate.String()
	if !e.Month.IsZero() {
		date = e.Month.String()
	}
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "injection", AggregateID: e.InjectionID, AggregateVersion: e.Version,
		Message: &plansv1.InjectionRecorded{
			ClinicId: head.ClinicID, PatientId: head.PatientID, InjectionId: e.InjectionID, LocalDate: date,
			Counting: a.cfg.Policy.Counts(injectionRecord(e)),
		},
	})
}

// afterRecord raises what the fact makes a clinician's business, and settles the task of a
// record that was missing.
func (a *App) afterRecord(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Entry) error {
	if err := a.overflowOf(ctx, tx, head, e); err != nil {
		return err
	}
	missing := func(i store.Issue) bool {
		return i.Rule == RuleRecordMissing && slices.Contains(i.InjectionIDs, e.InjectionID)
	}
	by := ""
	if p, ok := authn.From(ctx); ok {
		by = p.Subject
	}
	if err := settleIssues(ctx, tx, head, by, "NOT_AN_ISSUE", missing); err != nil {
		return err
	}
	if contradicts(e) {
		return raiseContradiction(ctx, tx, head, e)
	}
	today, err := todayIn(tx, head.ClinicID)
	if err != nil || !injection.State(e.State).Given() || !injectionRecord(e).Span.First.After(today.AddDays(1)) {
		return err
	}
	// A site may be a day ahead of the clinic, not more: somebody has mistyped the date.
	_, err = raise(ctx, tx, head, store.Issue{
		Rule: RuleFutureDate, Severity: "MODERATE", Discipline: injection.FacetJoint, InjectionIDs: []string{e.InjectionID},
	})
	return err
}

// expiredVials raises the issue of a drug that was given after its date.
func expiredVials(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Entry, drugs []store.Drug) error {
	if !injection.State(e.State).Given() || !e.Month.IsZero() {
		return nil
	}
	for _, d := range drugs {
		if d.ExpireDate == "" || d.ExpireDate >= e.LocalDate.String() {
			continue
		}
		_, err := raise(ctx, tx, head, store.Issue{
			Rule: RuleDrugExpired, Severity: "MODERATE", PlanID: e.PlanID, Discipline: e.Discipline, InjectionIDs: []string{e.InjectionID},
		})
		return err
	}
	return nil
}
