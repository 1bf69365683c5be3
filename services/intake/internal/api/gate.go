package api

import (
	"context"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/intake/internal/gate"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
)

// GetBookingGate: see app.BookingGate.
func (s *work) GetBookingGate(ctx context.Context, in *intakev1.GetBookingGateRequest) (*intakev1.GetBookingGateResponse, error) {
	v, err := s.app.BookingGate(ctx, in.GetClinicId(), in.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &intakev1.GetBookingGateResponse{Gate: bookingGate(v)}, nil
}

var gateStates = map[gate.State]intakev1.BookingGate_State{
	gate.NotScreened: intakev1.BookingGate_STATE_NOT_SCREENED,
	gate.Screened:    intakev1.BookingGate_STATE_SCREENED,
	gate.Expired:     intakev1.BookingGate_STATE_EXPIRED,
}

// bookingGate writes a gate. Patients are not told which contraindications apply.
func bookingGate(v app.GateView) *intakev1.BookingGate {
	g := v.Gate
	out := &intakev1.BookingGate{
		PatientId: v.PatientID, Version: v.Version, State: gateStates[g.State], Level: typev1.TriageLevel(g.Level),
		Blocked: gateBlocks(g.Blocked, v.Audience), ReleaseNeeded: gateBlocks(g.ReleaseNeeded, v.Audience),
		BlockedModalities: modalityBlocks(g.Modalities, v.Audience), ReleaseNeededModalities: modalityBlocks(g.ReleaseNeededModalities, v.Audience),
		ExpireTime: timestamp(g.ExpireTime), IntakeId: g.IntakeID, TriageDate: g.Date.String(), Provisional: g.Provisional,
	}
	for _, a := range g.Allowed {
		allowed := &intakev1.GateAllowance{
			Kind: typev1.VisitKind(typev1.VisitKind_value["VISIT_KIND_"+string(a.Kind)]), SameDayOnly: a.SameDayOnly,
		}
		for _, d := range a.Disciplines {
			allowed.Disciplines = append(allowed.Disciplines, discipline(d))
		}
		for _, m := range a.Modes {
			allowed.Modes = append(allowed.Modes, typev1.VisitMode(typev1.VisitMode_value["VISIT_MODE_"+m]))
		}
		out.Allowed = append(out.Allowed, allowed)
	}
	return out
}

func gateBlocks(in []gate.Block, audience app.Audience) []*intakev1.GateBlock {
	var out []*intakev1.GateBlock
	for _, b := range in {
		block := &intakev1.GateBlock{Discipline: discipline(b.Discipline)}
		if audience != app.Patients {
			block.ContraindicationIds = b.Contraindications
		}
		out = append(out, block)
	}
	return out
}

func modalityBlocks(in []triage.Block, audience app.Audience) []*intakev1.ModalityBlock {
	out := blocks(in)
	if audience == app.Patients {
		for _, b := range out {
			b.ContraindicationIds = nil
		}
	}
	return out
}

func discipline(code string) typev1.Discipline {
	return typev1.Discipline(typev1.Discipline_value["DISCIPLINE_"+code])
}
