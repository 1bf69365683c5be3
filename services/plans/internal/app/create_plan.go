package app

import (
	"cmp"
	"context"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// NewPlan is a plan that a clinician wants to make.
type NewPlan struct {
	PatientID     string
	ResponsibleID string // empty: the caller
	Wish          plan.Wish
	Fingerprint   []byte // of the request
}

// CreatePlan makes a draft. It fails with INVALID_ARGUMENT naming the field that is outside
// what the clinic offers, PROFESSION_REQUIRED for an injection that no physician orders, and
// NOT_FOUND for an unknown patient.
func (a *App) CreatePlan(ctx context.Context, n NewPlan) (PlanView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return PlanView{}, err
	}
	var offered plan.Catalogue
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		offered, err = a.catalogue(tx, clinicID)
		return err
	})
	if err != nil {
		return PlanView{}, err
	}
	pl, err := offered.Draft(n.Wish, func() string { return ident.New("crs") })
	if err != nil {
		return PlanView{}, err
	}
	if err := a.cfg.Catalogue.Orderer(pl, profession(p)); err != nil {
		return PlanView{}, err
	}
	if _, err := a.knowPatient(ctx, p, clinicID, n.PatientID); err != nil {
		return PlanView{}, err
	}
	pl.ID, pl.ResponsibleID, pl.OriginPatientID = ident.New("pln"), cmp.Or(n.ResponsibleID, p.PractitionerID), n.PatientID
	var v PlanView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		id, _, err := requestid.OnceAs(ctx, tx, "PlanService.CreatePlan", n.Fingerprint, pl.ID, func() error {
			head, err := store.LockHead(tx, clinicID, n.PatientID)
			if err != nil {
				return err
			}
			pl.PatientID, pl.CreatedAt = head.PatientID, tx.Now()
			if err := store.InsertPlan(tx, clinicID, pl); err != nil {
				return err
			}
			if err := store.KeepVersion(tx, clinicID, store.PlanVersion{Plan: pl, Action: "plan.create", By: p.Subject, At: tx.Now()}); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "plan.create", Resource: pl.ID, PatientID: pl.PatientID, Facts: map[string]string{"template_id": pl.TemplateID},
			})
		})
		if err != nil {
			return err
		}
		made, err := store.PlanByID(tx, clinicID, id)
		if err != nil {
			return err
		}
		v, err = a.viewPlan(tx, clinicID, made, Clinicians)
		return err
	})
	return v, err
}
