package app

import (
	"cmp"
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CreateAppointmentType adds a type. INVALID_ARGUMENT names the field that makes it unsafe or
// impossible to book.
func (a *App) CreateAppointmentType(ctx context.Context, fingerprint []byte, rules schedule.Type) (*store.Type, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	rules = rules.Normal()
	if err := rules.Validate(); err != nil {
		return nil, err
	}
	if _, err := a.clinic(ctx, who.ClinicID); err != nil {
		return nil, err
	}
	t := &store.Type{Type: rules, Version: 1}
	t.ID = ident.New("atype")
	return a.saveType(ctx, who, "CreateAppointmentType", "appointment_type.create", fingerprint, t.ID, func(*sqldb.Tx) (*store.Type, error) { return t, nil })
}

// UpdateAppointmentType changes a type by edit. What is booked already stays as it is.
// NOT_FOUND, VERSION_MISMATCH, and INVALID_ARGUMENT as for a new one.
func (a *App) UpdateAppointmentType(ctx context.Context, fingerprint []byte, id, etag string, edit func(*schedule.Type)) (*store.Type, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return a.saveType(ctx, who, "UpdateAppointmentType", "appointment_type.update", fingerprint, id, func(tx *sqldb.Tx) (*store.Type, error) {
		now, err := store.GetType(tx, who.ClinicID, id)
		if err != nil {
			return nil, err
		}
		if now == nil {
			return nil, fault.NotFoundf("appointment type")
		}
		if err := checkEtag(etag, now.Version); err != nil {
			return nil, err
		}
		next := *now
		next.Version++
		edit(&next.Type)
		if next.Shared() != now.Shared() { // what is booked could not be told apart from what is not
			return nil, fault.Invalid("appointment_type.capacity", "cannot turn into a group's or back; make another type")
		}
		next.Type = next.Normal()
		next.ID = id
		return &next, next.Validate()
	})
}

func (a *App) saveType(
	ctx context.Context, who caller, method, action string, fingerprint []byte, id string, make func(*sqldb.Tx) (*store.Type, error),
) (saved *store.Type, err error) {
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		stored, replayed, err := requestid.OnceAs(ctx, tx, method, fingerprint, id, func() error {
			t, err := make(tx)
			if err != nil {
				return err
			}
			if ok, err := store.PutType(tx, who.ClinicID, *t); err != nil || !ok {
				return cmp.Or(err, error(errChanged))
			}
			saved = t
			if err := audit.Write(ctx, tx, audit.Entry{Action: action, Resource: t.ID}); err != nil {
				return err
			}
			return a.catalogueChanged(ctx, tx, who.ClinicID)
		})
		if err == nil && replayed {
			saved, err = store.GetType(tx, who.ClinicID, stored)
		}
		return err
	})
	return saved, err
}

// GetAppointmentType returns a type; to patients only one that they may book.
func (a *App) GetAppointmentType(ctx context.Context, id string) (*store.Type, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	t := clinic.Types[id]
	if t == nil || who.party == schedule.Patient && (t.Inactive || !t.PatientBookable) {
		return nil, fault.NotFoundf("appointment type")
	}
	return t, nil
}

// ListAppointmentTypes returns the types by name; to patients those that they may book.
func (a *App) ListAppointmentTypes(ctx context.Context, inactive bool) (list []*store.Type, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	for _, t := range clinic.Types {
		shown := !t.Inactive || inactive && who.party == schedule.Staff
		if shown && (who.party == schedule.Staff || t.PatientBookable) {
			list = append(list, t)
		}
	}
	slices.SortFunc(list, func(x, y *store.Type) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	return list, nil
}
