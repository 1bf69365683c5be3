package app

import (
	"context"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
)

// maxAsked is how many sessions plans answers at a time.
const maxAsked = 60

// askPlan clears the starts that the plan would refuse. Plans is asked for the first and the
// last start of each day; only where they differ, as with a minimum gap that ends during the
// day, for each. When plans cannot be reached the search fails: what it would show might not
// be bookable.
func (f *finder) askPlan(ctx context.Context, free []schedule.Bits) error {
	byDay := map[civil.Date][]schedule.Slot{}
	for i, lane := range f.s.lanes {
		zone := f.s.clinic.ZoneOf(lane.LocationID)
		for s := range free[i].Slots() {
			d := civil.Of(s.Time(), zone)
			byDay[d] = append(byDay[d], s)
		}
	}
	var edges []schedule.Slot
	for d, starts := range byDay {
		slices.Sort(starts)
		byDay[d] = slices.Compact(starts)
		edges = append(edges, starts[0], byDay[d][len(byDay[d])-1])
	}
	verdicts, err := f.verdicts(ctx, edges)
	if err != nil {
		return err
	}
	var rest []schedule.Slot
	for _, starts := range byDay {
		if a, b := verdicts[starts[0]], verdicts[starts[len(starts)-1]]; (a == nil) != (b == nil) {
			rest = append(rest, starts...)
		}
	}
	more, err := f.verdicts(ctx, rest)
	if err != nil {
		return err
	}
	for _, starts := range byDay {
		for _, s := range starts {
			r, asked := more[s]
			if !asked {
				r = verdicts[starts[0]]
			}
			if r == nil {
				continue
			}
			f.refuse(r)
			for i := range free {
				free[i].Clear(schedule.Span{From: s, To: s + 1})
			}
		}
	}
	return nil
}

// verdicts asks plans about each start alone; nil is allowed.
func (f *finder) verdicts(ctx context.Context, starts []schedule.Slot) (map[schedule.Slot]*fault.Error, error) {
	slices.Sort(starts)
	starts = slices.Compact(starts)
	out := make(map[schedule.Slot]*fault.Error, len(starts))
	zone := f.s.clinic.ZoneOf(f.s.lanes[0].LocationID)
	for batch := range slices.Chunk(starts, maxAsked) {
		claim := peer.Claim{
			ClinicID: f.s.clinic.ID, PatientID: f.q.PatientID, PlanID: f.q.PlanID, CourseID: f.q.CourseID,
			Discipline: f.s.typ.Discipline, PractitionerID: f.q.PractitionerID,
		}
		for _, s := range batch {
			claim.Sessions = append(claim.Sessions, probe(s.Time(), civil.Of(s.Time(), zone), f.s.minutes))
		}
		answers, err := f.Peers.CheckSessions(ctx, claim)
		if err != nil {
			return nil, err
		}
		if len(answers) != len(batch) {
			return nil, fault.New(fault.Internal, "BAD_ANSWER", "The plan's answer cannot be read.")
		}
		for i, s := range batch {
			out[s] = answers[i]
		}
	}
	return out, nil
}

// probe is a session that is only asked about; its ids are placeholders.
func probe(start time.Time, date civil.Date, minutes int) peer.Session {
	return peer.Session{EntitlementID: ident.New("ent"), AppointmentID: ident.New("apt"), Start: start, LocalDate: date, Minutes: minutes}
}
