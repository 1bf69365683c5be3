package app

import (
	"context"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// VerifyPatient reports whether a family name and a date of birth are those of a record,
// or of the one that it lives on in after a merge. Names are compared as searches do, with
// former ones as good as the present. An unknown record and a wrong name are the same "no".
func (a *App) VerifyPatient(ctx context.Context, id, familyName, birthDate string) (bool, error) {
	c, err := callerOf(ctx)
	if err != nil {
		return false, err
	}
	said := strings.Join(people.Tokens(familyName), " ")
	born, err := civil.Parse(birthDate)
	if err != nil || said == "" {
		return false, nil //nolint:nilerr // what is no date is nobody's date of birth
	}
	var view PatientView
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		view, err = viewPatient(tx, c, id)
		if err == nil && view.MergedInto != "" {
			view, err = viewPatient(tx, c, view.SurvivingID)
		}
		return err
	})
	if fault.IsKind(err, fault.NotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	former := strings.FieldsFunc(view.FormerNames, func(r rune) bool { return strings.ContainsRune(",;\n", r) })
	names := append([]string{view.FamilyName}, former...)
	right := slices.ContainsFunc(names, func(name string) bool { return strings.Join(people.Tokens(name), " ") == said })
	return right && view.BirthDate == born, nil
}
