package app

import (
	"fmt"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/steroid"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// validate refuses what cannot be, and what of a record must not be missing.
func (f InjectionFact) validate(steroids steroid.Table) error {
	switch {
	case f.Date.IsZero() == f.Month.IsZero():
		return fault.Invalid("local_date", "give the day, or the month when no more is known; a year is not enough")
	case !f.Month.IsZero() && f.Source == SourceClinic:
		return fault.Invalid("month", "an injection of this clinic needs its day")
	case !f.Month.IsZero() && f.AppointmentID != "":
		return fault.Invalid("month", "an injection at an appointment needs its day")
	case f.AppointmentID != "" && f.Source != SourceClinic:
		return fault.Invalid("source", "an injection at an appointment is of this clinic")
	case f.AppointmentID != "" && f.Kind != injection.FacetJoint:
		return fault.Invalid("kind", "the appointment is for a facet-joint injection")
	case f.AppointmentID != "" && !f.State.Given() && f.State != injection.Aborted:
		return fault.Invalid("state", "at an appointment an injection is given, given in part, or aborted")
	}
	for i, d := range f.Record.Drugs {
		if d.DoseMg <= 0 {
			return fault.Invalid(fmt.Sprintf("drugs[%d].dose_mg", i), "must be more than 0")
		}
	}
	if f.Source == SourceClinic && f.Kind == injection.FacetJoint && f.State.Given() {
		return f.whole(steroids)
	}
	return nil
}

// whole refuses a record of an injection of this clinic that is not complete: it is given
// under fluoroscopy (F121), and every drug has dose and lot, a corticosteroid among them
// (F122).
func (f InjectionFact) whole(steroids steroid.Table) error {
	switch {
	case f.Region == "":
		return fault.Invalid("region", "is needed")
	case f.Record.Side == "":
		return fault.Invalid("side", "is needed")
	case len(f.Record.Levels) == 0:
		return fault.Invalid("levels", "at least one is needed")
	case f.Record.Guidance != "FLUOROSCOPY":
		return fault.Invalid("guidance", "must be FLUOROSCOPY")
	case len(f.Record.Drugs) == 0:
		return fault.Invalid("drugs", "what was given is needed")
	}
	given := false
	for i, d := range f.Record.Drugs {
		if d.Lot == "" {
			return fault.Invalid(fmt.Sprintf("drugs[%d].lot", i), "is needed")
		}
		given = given || steroids.IsSteroid(d.Name)
	}
	if !given && f.State == injection.Administered {
		return fault.Invalid("drugs", "the corticosteroid and its dose are needed")
	}
	return nil
}
