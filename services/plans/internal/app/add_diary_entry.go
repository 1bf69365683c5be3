package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// DiaryNote is what a patient wants to note.
type DiaryNote struct {
	ClientID     string
	Date         civil.Date // zero: that of Noted in Zone
	Noted        time.Time  // zero: now
	Zone         string     // empty: the clinic's
	Pain         *int
	Interference *int
	Activity     string
	Medicine     string
	Note         string
	Tags         []string
	Done         []diary.Done
	Corrects     string
}

// firstDiaryDate is the first civil date that an entry may be about: before it is a mistake.
var firstDiaryDate = civil.MustParse("2000-01-01")

// clockSlack is how far ahead a device's clock may be; the entry is then noted now.
const clockSlack = 24 * time.Hour

// AddDiaryEntry adds an entry to a patient's diary. The same client id again gives the entry
// that is there. It fails with INVALID_ARGUMENT for a date that has not come where the patient
// is and for an entry that says nothing, with CLIENT_ID_REUSED when the id stands for another
// entry, with NOT_FOUND for a missing patient or a missing entry that it takes the place of,
// and with ALREADY_CORRECTED when another does so already.
func (a *App) AddDiaryEntry(ctx context.Context, patientID string, n DiaryNote, fingerprint []byte) (store.DiaryEntry, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return store.DiaryEntry{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return store.DiaryEntry{}, err
	}
	e, err := a.diaryEntry(ctx, p, clinicID, patientID, n)
	if err != nil {
		return store.DiaryEntry{}, err
	}
	var out store.DiaryEntry
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		id, _, err := requestid.Once(ctx, tx, "DiaryService.CreateDiaryEntry", fingerprint, func() (string, error) {
			head, err := store.LockHead(tx, clinicID, survivor)
			if err != nil {
				return "", err
			}
			return a.insertDiary(ctx, tx, head, e, n.Date.IsZero())
		})
		if err != nil {
			return err
		}
		out, err = store.DiaryByID(tx, clinicID, survivor, id)
		return err
	})
	return out, err
}

// DiaryResult is what became of one of many entries.
type DiaryResult struct {
	ClientID string
	Entry    store.DiaryEntry
	Err      error // a refusal; nil when it was taken
}

// AddDiaryEntries adds entries that were noted without a connection, each in a transaction of
// its own: a refusal of one does not stop the others. It fails as a whole when nobody may
// write for the patient, or when the service cannot go on.
func (a *App) AddDiaryEntries(ctx context.Context, patientID string, notes []DiaryNote) ([]DiaryResult, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, err
	}
	if _, err := a.knowPatient(ctx, p, clinicID, patientID); err != nil {
		return nil, err
	}
	ctx = requestid.With(ctx, "") // each entry has its own id
	out := make([]DiaryResult, len(notes))
	for i, n := range notes {
		out[i].ClientID = n.ClientID
		if n.ClientID == "" {
			out[i].Err = fault.Invalid("client_id", "is needed")
			continue
		}
		out[i].Entry, out[i].Err = a.AddDiaryEntry(ctx, patientID, n, nil)
		if refusal := fault.From(out[i].Err); out[i].Err != nil && (refusal.Kind == fault.Internal || refusal.Kind == fault.Unavailable) {
			return nil, out[i].Err
		}
	}
	return out, nil
}

// diaryEntry makes the row of a note, and refuses what cannot be.
func (a *App) diaryEntry(ctx context.Context, p authn.Principal, clinicID, patientID string, n DiaryNote) (store.DiaryEntry, error) {
	loc, err := a.zoneOfPatient(ctx, clinicID, n.Zone)
	if err != nil {
		return store.DiaryEntry{}, err
	}
	now := a.clock.Now()
	noted := n.Noted
	switch {
	case noted.After(now.Add(clockSlack)):
		return store.DiaryEntry{}, fault.Invalid("noted_time", "has not come yet")
	case noted.IsZero() || noted.After(now):
		noted = now
	}
	date := n.Date
	if date.IsZero() {
		date = civil.Of(noted, loc)
	}
	switch {
	case date.After(civil.Of(now, loc)):
		return store.DiaryEntry{}, fault.Invalid("local_date", "has not come yet")
	case date.Before(firstDiaryDate):
		return store.DiaryEntry{}, fault.Invalid("local_date", "is too long ago")
	case n.Pain == nil && n.Interference == nil && n.Activity+n.Medicine+n.Note == "" && len(n.Tags)+len(n.Done) == 0:
		return store.DiaryEntry{}, fault.Invalid("pain", "an entry says something")
	}
	mark, err := fingerprintOf(n)
	if err != nil {
		return store.DiaryEntry{}, err
	}
	return store.DiaryEntry{
		Entry: diary.Entry{
			ID: ident.New("dia"), Date: date, At: noted, Pain: n.Pain, Interference: n.Interference, Tags: n.Tags, Done: n.Done, Corrects: n.Corrects,
		},
		OriginPatientID: patientID, ClientID: n.ClientID, Zone: loc.String(), Activity: n.Activity, Medicine: n.Medicine, Note: n.Note,
		Fingerprint: mark, CreatedBy: p.Subject,
	}, nil
}

// zoneOfPatient reads the zone that an entry names, or the clinic's.
func (a *App) zoneOfPatient(ctx context.Context, clinicID, name string) (*time.Location, error) {
	if name == "" {
		return a.zone(ctx, clinicID)
	}
	loc, err := loadZone(name)
	if err != nil || name == "Local" {
		return nil, fault.Invalid("time_zone", "is not a time zone")
	}
	return loc, nil
}

// fingerprintOf tells one note from another.
func fingerprintOf(n DiaryNote) (string, error) {
	text, err := json.Marshal(n)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// insertDiary is the transaction's part. A correction without a date is about the date of
// what it takes the place of.
func (a *App) insertDiary(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.DiaryEntry, undated bool) (string, error) {
	if e.ClientID != "" {
		had, ok, err := store.DiaryByClient(tx, head.ClinicID, e.OriginPatientID, e.ClientID)
		switch {
		case err != nil:
			return "", err
		case ok && had.Fingerprint == e.Fingerprint:
			return had.ID, nil
		case ok:
			return "", fault.New(fault.AlreadyExists, "CLIENT_ID_REUSED", "Another entry has this client id.").With("entry_id", had.ID)
		}
	}
	if e.Corrects != "" {
		old, err := store.DiaryByID(tx, head.ClinicID, head.PatientID, e.Corrects)
		if err != nil {
			return "", err
		}
		if old.Corrected {
			return "", alreadyCorrected(e.Corrects)
		}
		if undated {
			e.Date = old.Date
		}
	}
	e.PatientID, e.CreatedAt = head.PatientID, tx.Now()
	var err error
	if e.Findings, err = a.judgeDiary(tx, head, e); err != nil {
		return "", err
	}
	fresh, err := store.InsertDiaryEntry(tx, head.ClinicID, e)
	if err != nil {
		return "", err
	}
	if !fresh {
		return "", alreadyCorrected(e.Corrects)
	}
	if err := raiseDiary(ctx, tx, head, e); err != nil {
		return "", err
	}
	err = eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "diary_entry", AggregateID: e.ID, AggregateVersion: 1,
		Message: &plansv1.DiaryEntryAdded{ClinicId: head.ClinicID, PatientId: head.PatientID, EntryId: e.ID, LocalDate: e.Date.String()},
	})
	if err != nil {
		return "", err
	}
	return e.ID, audit.Write(ctx, tx, audit.Entry{Action: "diary.add", Resource: e.ID, PatientID: head.PatientID})
}

func alreadyCorrected(entryID string) error {
	return fault.New(fault.FailedPrecondition, "ALREADY_CORRECTED", "A later entry takes the place of this one. Correct that.").With("entry_id", entryID)
}

// judgeWindow is how many days before an entry bear on what the rules say about it: the
// watch after an injection is the longest.
const judgeWindow = 45

// judgeDiary gives what the rules say about the day of an entry, the entry counted.
func (a *App) judgeDiary(tx *sqldb.Tx, head store.Head, e store.DiaryEntry) ([]diary.Finding, error) {
	rows, err := store.DiaryBetween(tx, head.ClinicID, head.PatientID, e.Date.AddDays(-judgeWindow), e.Date)
	if err != nil {
		return nil, err
	}
	injections, err := a.injectionsForDiary(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return nil, err
	}
	s := diary.Situation{Days: diary.Days(append(entriesOf(rows), e.Entry)), Injections: injections, Sided: a.sided}
	return a.cfg.Diary.Judge(s, e.Date), nil
}

// injectionsForDiary are the injections given on a known day.
func (a *App) injectionsForDiary(tx *sqldb.Tx, clinicID, patientID string) ([]diary.Injection, error) {
	entries, err := store.Injections(tx, clinicID, patientID)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	records, err := store.RecordsOf(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	var out []diary.Injection
	for _, e := range entries {
		if injectionState(e).Given() && e.Month.IsZero() {
			out = append(out, diary.Injection{Date: e.LocalDate, PainBefore: records[e.InjectionID].PainBefore})
		}
	}
	return out, nil
}

func entriesOf(rows []store.DiaryEntry) []diary.Entry {
	out := make([]diary.Entry, len(rows))
	for i, r := range rows {
		out[i] = r.Entry
	}
	return out
}

// raiseDiary opens an issue for what a clinician must look at.
func raiseDiary(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.DiaryEntry) error {
	severity := ""
	var codes []string
	for _, f := range e.Findings {
		if f.Action == diary.NoAction {
			continue
		}
		codes = append(codes, f.Code)
		if f.Action == diary.SameDay {
			severity = "HIGH"
		} else if severity == "" {
			severity = "MODERATE"
		}
	}
	if len(codes) == 0 {
		return nil
	}
	slices.Sort(codes)
	_, err := raise(ctx, tx, head, store.Issue{Rule: RuleDiary, Severity: severity, Codes: slices.Compact(codes)})
	return err
}
