package schedule

import (
	"slices"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Practitioner is what the rules know of a person who treats.
type Practitioner struct {
	ID          string
	Disciplines []Discipline
	Credentials []Credential
	Inactive    bool
}

// Credential is a right to practise. Expire is its last good civil date; zero has no end.
type Credential struct {
	Kind   string
	Expire civil.Date
}

// Visit is a booking that is asked for, with all that the rules look at. Times that somebody
// else holds are not among it: those are the database's to refuse.
type Visit struct {
	Type         *Type
	Practitioner *Practitioner
	By           Party
	Mode         Mode
	Minutes      int
	Start        time.Time
	// Date is the civil date of Start, Today that of Now, both where the visit is.
	Date, Today civil.Date
	Now         time.Time
	UnderPlan   bool
	// FirstMassage says that the patient has no massage before Start that took place or
	// will. It matters for massage only.
	FirstMassage bool
}

// Check returns every rule of type, time and person that refuses the visit, none when it may
// be booked: TYPE_INACTIVE, NOT_BOOKABLE_ONLINE, WRONG_DURATION, WRONG_MODE, FIRST_MASSAGE,
// PLAN_REQUIRED, IN_THE_PAST, NOTICE_TOO_SHORT, BEYOND_HORIZON, PRACTITIONER_INACTIVE,
// WRONG_DISCIPLINE, CREDENTIAL_MISSING, CREDENTIAL_EXPIRED.
func (v Visit) Check() []*fault.Error {
	var refused []*fault.Error
	refused = append(refused, v.CheckType()...)
	for _, r := range []*fault.Error{v.CheckFirstMassage(), v.CheckTime(), CheckPractitioner(v.Type, v.Practitioner, v.Date)} {
		if r != nil {
			refused = append(refused, r)
		}
	}
	return refused
}

// CheckType is the part of Check that does not depend on when and with whom.
func (v Visit) CheckType() (refused []*fault.Error) {
	for _, r := range []*fault.Error{v.checkOffered(), v.checkLength(), v.checkMode(), v.checkPlan()} {
		if r != nil {
			refused = append(refused, r)
		}
	}
	return refused
}

func refuse(reason, message string) *fault.Error {
	return fault.New(fault.FailedPrecondition, reason, message)
}

func (v Visit) checkOffered() *fault.Error {
	switch {
	case v.Type.Inactive:
		return refuse("TYPE_INACTIVE", "This kind of appointment is not offered any more.")
	case v.By == Patient && !v.Type.PatientBookable:
		return refuse("NOT_BOOKABLE_ONLINE", "This kind of appointment is booked by the clinic. Please call.")
	}
	return nil
}

func (v Visit) checkLength() *fault.Error {
	if _, ok := v.Type.Lasts(v.Minutes); !ok {
		return refuse("WRONG_DURATION", "This kind of appointment cannot be booked with that length.").
			With("duration_minutes", strconv.Itoa(v.Type.Duration))
	}
	return nil
}

func (v Visit) checkMode() *fault.Error {
	if _, ok := v.Type.In(v.Mode); !ok {
		return refuse("WRONG_MODE", "This kind of appointment cannot be had that way.").With("mode", string(v.Type.Modes[0]))
	}
	return nil
}

// CheckFirstMassage holds clinical reference F131: the first massage is exactly 30 minutes.
func (v Visit) CheckFirstMassage() *fault.Error {
	minutes, _ := v.Type.Lasts(v.Minutes)
	if v.Type.Discipline == Massage && v.Type.Kind == Treatment && v.FirstMassage && minutes != firstMassageMinutes {
		return refuse("FIRST_MASSAGE", "The first massage is 30 minutes long.").
			With("duration_minutes", strconv.Itoa(firstMassageMinutes))
	}
	return nil
}

func (v Visit) checkPlan() *fault.Error {
	if v.Type.PlanRequired && !v.UnderPlan {
		return refuse("PLAN_REQUIRED", "This is booked as a session of an active plan only.")
	}
	return nil
}

// CheckTime holds the past, notice and horizon: IN_THE_PAST, NOTICE_TOO_SHORT, BEYOND_HORIZON.
func (v Visit) CheckTime() *fault.Error {
	notice, horizon := v.Type.notice(v.By), v.Type.horizonDays(v.By)
	switch earliest := v.Now.Add(notice); {
	case v.Start.Before(v.Now):
		return refuse("IN_THE_PAST", "This time has passed.")
	case v.Start.Before(earliest):
		return refuse("NOTICE_TOO_SHORT", "This is too soon to be booked.").
			With("next_start_time", slotCeil(earliest).Time().Format(time.RFC3339))
	case v.Today.DaysUntil(v.Date) > horizon:
		return refuse("BEYOND_HORIZON", "This is further ahead than can be booked.").
			With("last_date", v.Today.AddDays(horizon).String())
	}
	return nil
}

func (t *Type) notice(by Party) time.Duration {
	if by == Patient {
		return time.Duration(t.PatientNotice) * time.Minute
	}
	return time.Duration(t.StaffNotice) * time.Minute
}

func (t *Type) horizonDays(by Party) int {
	if by == Patient {
		return t.PatientHorizonDays
	}
	return t.StaffHorizonDays
}

// Bookable is the run of starts that notice and horizon let a party book at a place whose
// civil date is today.
func (t *Type) Bookable(by Party, now time.Time, today civil.Date, zone *time.Location) Span {
	return Span{
		From: slotCeil(now.Add(t.notice(by))),
		To:   slotCeil(today.AddDays(t.horizonDays(by)+1).At(0, 0, zone)),
	}
}

// CheckPractitioner returns why a practitioner may not give the type on a civil date, nil
// when they may. A credential is good up to and on its expiry date.
func CheckPractitioner(t *Type, p *Practitioner, on civil.Date) *fault.Error {
	if p.Inactive {
		return refuse("PRACTITIONER_INACTIVE", "The practitioner does not work here any more.")
	}
	if t.Discipline != "" && !slices.Contains(p.Disciplines, t.Discipline) {
		return refuse("WRONG_DISCIPLINE", "The practitioner does not give this kind of care.").With("discipline", string(t.Discipline))
	}
	if t.RequiredCredential == "" {
		return nil
	}
	var last civil.Date
	for _, c := range p.Credentials {
		if c.Kind != t.RequiredCredential {
			continue
		}
		if c.Expire.IsZero() || !on.After(c.Expire) {
			return nil
		}
		if c.Expire.After(last) {
			last = c.Expire
		}
	}
	if last.IsZero() {
		return refuse("CREDENTIAL_MISSING", "The practitioner lacks the credential for this.").With("credential", t.RequiredCredential)
	}
	return refuse("CREDENTIAL_EXPIRED", "The practitioner's credential has expired by then.").
		With("credential", t.RequiredCredential).With("expire_date", last.String())
}

// CredentialUntil returns the last civil date on which a practitioner may give the type, and
// false when there is none from the given date on. A zero date has no end.
func CredentialUntil(t *Type, p *Practitioner, from civil.Date) (civil.Date, bool) {
	if p.Inactive || t.Discipline != "" && !slices.Contains(p.Disciplines, t.Discipline) {
		return civil.Date{}, false
	}
	if t.RequiredCredential == "" {
		return civil.Date{}, true
	}
	var last civil.Date
	for _, c := range p.Credentials {
		if c.Kind != t.RequiredCredential {
			continue
		}
		if c.Expire.IsZero() {
			return civil.Date{}, true
		}
		if c.Expire.After(last) {
			last = c.Expire
		}
	}
	return last, !last.IsZero() && !from.After(last)
}

// LateChange is what becomes of a patient's move or cancel that comes later than the notice of
// the visit's type. Staff are never refused.
type LateChange string

// The choices; the usual one is to refuse, since a late gap is hard to fill.
const (
	RefuseLate LateChange = "REFUSE"
	FlagLate   LateChange = "FLAG"
)

// Grace is how long after a booking, a move or a cancel it can be taken back as a mistake: it is
// not late then, and nobody is told of it.
const Grace = 3 * time.Minute

// ChangeUntil is until when a visit can be moved or cancelled that was given its time at agreed:
// the type's notice before its start, or the end of the grace, whichever is later, and never
// after the start. A type without a notice has no such limit but the start.
func (t *Type) ChangeUntil(start, agreed time.Time) time.Time {
	until := start.Add(-time.Duration(t.CancelNotice) * time.Minute)
	if grace := agreed.Add(Grace); grace.After(until) {
		until = grace
	}
	if until.After(start) {
		return start
	}
	return until
}

// IsLate reports whether a move or cancel at now comes later than the type's notice.
func (t *Type) IsLate(start, agreed, now time.Time) bool {
	return t.CancelNotice > 0 && now.After(t.ChangeUntil(start, agreed))
}
