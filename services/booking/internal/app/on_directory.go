package app

import (
	"context"
	"strings"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// OnDirectory handles directory's events: who and what can be booked, and which records are
// one patient. Events carry ids only, so what they are about is asked for; an answer newer
// than the event makes a later one change nothing.
func (a *App) OnDirectory() []eventlog.Handler {
	return []eventlog.Handler{
		eventlog.OnAsking(
			func(ctx context.Context, m *directoryv1.ClinicChanged) (peer.Supply, error) {
				return a.supplyOf(ctx, m.GetClinicId(), m.GetClinicId())
			}, applySupply[*directoryv1.ClinicChanged](a)),
		eventlog.OnAsking(
			func(ctx context.Context, m *directoryv1.PractitionerChanged) (peer.Supply, error) {
				return a.supplyOf(ctx, m.GetClinicId(), m.GetPractitionerId())
			}, applySupply[*directoryv1.PractitionerChanged](a)),
		eventlog.OnAsking(
			func(ctx context.Context, m *directoryv1.CredentialChanged) (peer.Supply, error) {
				return a.supplyOf(ctx, m.GetClinicId(), m.GetPractitionerId())
			}, applySupply[*directoryv1.CredentialChanged](a)),
		eventlog.OnAsking(
			func(ctx context.Context, m *directoryv1.ResourceChanged) (peer.Supply, error) {
				return a.supplyOf(ctx, m.GetClinicId(), m.GetResourceId())
			}, applySupply[*directoryv1.ResourceChanged](a)),
		eventlog.On(func(_ context.Context, tx *sqldb.Tx, m *directoryv1.PatientRegistered, _ eventlog.Envelope) error {
			return store.PutPatient(tx, m.GetClinicId(), m.GetPatientId(), m.GetPatientId())
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientMerged, _ eventlog.Envelope) error {
			return a.patientMerged(ctx, tx, m.GetClinicId(), m.GetMergedPatientId(), m.GetSurvivingPatientId())
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *directoryv1.PatientUnmerged, _ eventlog.Envelope) error {
			return a.patientUnmerged(ctx, tx, m.GetClinicId(), m.GetRestoredPatientId())
		}),
	}
}

// supplyOf asks directory for what an event is about. What directory does not have any more
// is left as it is.
func (a *App) supplyOf(ctx context.Context, clinicID, id string) (s peer.Supply, err error) {
	if s.Clinic, err = a.Peers.Clinic(ctx, clinicID); err != nil {
		return s, err
	}
	prefix, _, _ := strings.Cut(id, "_")
	var l store.Location
	var r store.Resource
	switch prefix {
	case "loc":
		if l, err = a.Peers.Location(ctx, clinicID, id); err == nil {
			s.Locations = append(s.Locations, l)
		}
	case "room":
		r, err = a.Peers.Room(ctx, clinicID, id)
	case "eqp":
		r, err = a.Peers.Equipment(ctx, clinicID, id)
	case "prac":
		r, err = a.Peers.Practitioner(ctx, clinicID, id)
	}
	if r.ID != "" {
		s.Resources = append(s.Resources, r)
	}
	if fault.IsKind(err, fault.NotFound) {
		return s, nil
	}
	return s, err
}

// applySupply stores what directory answered and flags the appointments that it does not
// carry any more.
func applySupply[M any](a *App) func(context.Context, *sqldb.Tx, M, peer.Supply, eventlog.Envelope) error {
	return func(ctx context.Context, tx *sqldb.Tx, _ M, s peer.Supply, _ eventlog.Envelope) error {
		ctx = authn.WithService(ctx, peer.Service, s.Clinic.ID)
		before, _, err := store.CatalogueVersion(tx, s.Clinic.ID)
		if err != nil {
			return err
		}
		if err := a.putSupply(ctx, tx, s); err != nil {
			return err
		}
		after, _, err := store.CatalogueVersion(tx, s.Clinic.ID)
		if err != nil || after == before {
			return err
		}
		return a.reviewSupply(ctx, tx, s.Clinic.ID, scope{})
	}
}

// patientMerged lets two records be one person: the claims of what is to come become the
// surviving record's. Where both have the same time the later booking is flagged PATIENT_BUSY
// and its claim marked, so that it is seen and not refused: it was agreed. Appointments keep
// the record that they were booked for, so that the merge can be taken back.
func (a *App) patientMerged(ctx context.Context, tx *sqldb.Tx, clinicID, mergedID, survivingID string) error {
	ctx = authn.WithService(ctx, peer.Service, clinicID)
	for _, id := range []string{survivingID, mergedID} {
		if err := store.PutPatient(tx, clinicID, id, id); err != nil {
			return err
		}
	}
	if err := store.MergePatient(tx, clinicID, mergedID, survivingID); err != nil {
		return err
	}
	if err := a.sumCareBlocks(ctx, tx, clinicID, survivingID); err != nil {
		return err
	}
	return a.moveClaims(ctx, tx, clinicID, survivingID)
}

// patientUnmerged lets a record stand alone again, with what was booked for it.
func (a *App) patientUnmerged(ctx context.Context, tx *sqldb.Tx, clinicID, restoredID string) error {
	ctx = authn.WithService(ctx, peer.Service, clinicID)
	if err := store.PutPatient(tx, clinicID, restoredID, restoredID); err != nil {
		return err
	}
	was, err := store.SurvivingPatient(tx, clinicID, restoredID)
	if err != nil {
		return err
	}
	if err := store.UnmergePatient(tx, clinicID, restoredID); err != nil {
		return err
	}
	for _, id := range []string{restoredID, was} {
		if err := a.sumCareBlocks(ctx, tx, clinicID, id); err != nil {
			return err
		}
		if err := a.moveClaims(ctx, tx, clinicID, id); err != nil {
			return err
		}
	}
	return nil
}

// moveClaims gives every appointment to come of a person a claim of the surviving record's
// time.
func (a *App) moveClaims(ctx context.Context, tx *sqldb.Tx, clinicID, survivingID string) error {
	coming, err := a.coming(tx, clinicID, survivingID)
	if err != nil {
		return err
	}
	for _, apt := range coming {
		if err := a.moveClaim(ctx, tx, apt, survivingID); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) moveClaim(ctx context.Context, tx *sqldb.Tx, apt *store.Appointment, survivingID string) error {
	old, err := store.Overlapping(tx, apt.ClinicID, []string{apt.ClaimedPatientID}, apt.Claims)
	if err != nil {
		return err
	}
	others, err := store.Overlapping(tx, apt.ClinicID, []string{survivingID}, apt.Claims)
	if err != nil {
		return err
	}
	clash := false
	for _, c := range old {
		if c.HolderID != apt.ID {
			continue
		}
		if err := store.RemoveClaims(tx, apt.ClinicID, []store.Claim{c}); err != nil {
			return err
		}
		c.ResourceID, c.Override = survivingID, false
		for _, o := range others {
			c.Override = c.Override || o.HolderID != apt.ID && o.Span.Overlaps(c.Span)
		}
		clash = clash || c.Override
		if err := store.InsertClaims(tx, apt.ClinicID, []store.Claim{c}, errRace); err != nil {
			return err
		}
	}
	var flags []string
	if apt.PatientID != survivingID {
		flags = append(flags, FlagPatientMerged)
	}
	if clash {
		flags = append(flags, FlagPatientBusy)
	}
	moved := apt.ClaimedPatientID != survivingID
	apt.ClaimedPatientID = survivingID
	if !setFlags(apt, []string{FlagPatientMerged, FlagPatientBusy}, flags) && !moved {
		return nil
	}
	return a.saveFlags(ctx, tx, apt)
}
