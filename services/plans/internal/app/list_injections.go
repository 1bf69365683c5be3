package app

import (
	"context"
	"slices"
	"strconv"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ListInjections gives a person's injection ledger, newest first, and where the next page
// starts; empty at the end. NOT_FOUND for an unknown patient.
func (a *App) ListInjections(ctx context.Context, patientID string, countingOnly bool, page Page) ([]InjectionView, string, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, "", err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, "", err
	}
	from := 0
	if page.Token != "" {
		if from, err = strconv.Atoi(page.Token); err != nil || from < 1 {
			return nil, "", fault.Invalid("page_token", "is not one that a list has given")
		}
	}
	var all []InjectionView
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		all, err = a.viewInjections(tx, clinicID, survivor, viewOf(p))
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if countingOnly {
		all = slices.DeleteFunc(all, func(v InjectionView) bool { return !v.Counting })
	}
	// A person has a handful of injections in a life: a place in the list is its number.
	all, next := all[min(from, len(all)):], ""
	if size := page.size(100, 500); len(all) > size {
		all, next = all[:size], strconv.Itoa(from+size)
	}
	return all, next, a.logRead(ctx, p, "injection.list", survivor, survivor)
}
