package store

import (
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const practitionerColumns = `practitioner_id, title, given_name, family_name, profession, disciplines, languages, is_active,
	created_at, updated_at, version`

func scanPractitioner(scan func(...any) error) (p people.Practitioner, err error) {
	var disciplines, languages string
	var created, updated int64
	err = scan(&p.ID, &p.Title, &p.GivenName, &p.FamilyName, &p.Profession, &disciplines, &languages, &p.Active, &created, &updated, &p.Version)
	p.Disciplines, p.Languages = split(disciplines), split(languages)
	p.CreatedAt, p.UpdatedAt = sqldb.Time(created), sqldb.Time(updated)
	return p, err
}

// practitionerKey is what practitioners are ordered by.
func practitionerKey(p people.Practitioner) string {
	return people.SortKey(p.FamilyName) + "\x1f" + people.SortKey(p.GivenName)
}

// InsertPractitioner adds a practitioner with credentials.
func InsertPractitioner(tx *sqldb.Tx, scope Scope, p people.Practitioner) error {
	now := sqldb.Micros(tx.Now())
	_, err := tx.Exec(`insert into practitioners (clinic_id, name_key, `+practitionerColumns+`)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		scope.clinicID, practitionerKey(p), p.ID, p.Title, p.GivenName, p.FamilyName, p.Profession, join(p.Disciplines),
		join(p.Languages), p.Active, now, now, 1)
	if err != nil {
		return err
	}
	return insertCredentials(tx, scope, p)
}

func insertCredentials(tx *sqldb.Tx, scope Scope, p people.Practitioner) error {
	for _, c := range p.Credentials {
		_, err := tx.Exec(`insert into credentials (clinic_id, practitioner_id, kind, number, issuer, expire_date)
			values ($1, $2, $3, $4, $5, $6)`, scope.clinicID, p.ID, c.Kind, c.Number, c.Issuer, c.ExpireDate)
		if err != nil {
			return err
		}
	}
	return nil
}

// GetPractitioner reads a practitioner with credentials.
func GetPractitioner(tx *sqldb.Tx, scope Scope, id string) (people.Practitioner, error) {
	p, err := scanPractitioner(tx.QueryRow(`select `+practitionerColumns+` from practitioners where clinic_id = $1 and practitioner_id = $2`,
		scope.clinicID, id).Scan)
	if err != nil {
		return p, err
	}
	rows, err := tx.Query(`select kind, number, issuer, expire_date from credentials where clinic_id = $1 and practitioner_id = $2 order by kind`,
		scope.clinicID, id)
	p.Credentials, err = collect(rows, err, func(scan func(...any) error) (c people.Credential, err error) {
		return c, scan(&c.Kind, &c.Number, &c.Issuer, &c.ExpireDate)
	})
	return p, err
}

// ListPractitioners reads practitioners with credentials by name and id; discipline "" is any.
func ListPractitioners(tx *sqldb.Tx, scope Scope, discipline string, page Page) ([]people.Practitioner, error) {
	pattern := "%"
	if discipline != "" {
		pattern = "%," + discipline + ",%"
	}
	rows, err := tx.Query(`select `+practitionerColumns+` from practitioners
		where clinic_id = $1 and (is_active or $2) and ',' || disciplines || ',' like $5
			and ($3 = '' or (name_key, practitioner_id) > (select name_key, practitioner_id from practitioners where clinic_id = $1 and practitioner_id = $3))
		order by name_key, practitioner_id limit $4`, scope.clinicID, page.Inactive, page.After, page.Limit, pattern)
	list, err := collect(rows, err, scanPractitioner)
	if err != nil || len(list) == 0 {
		return list, err
	}
	credentials, err := listCredentials(tx, scope)
	for i := range list {
		list[i].Credentials = credentials[list[i].ID]
	}
	return list, err
}

// listCredentials reads the clinic's credentials by practitioner: a clinic has dozens of
// practitioners, so all of them cost less than a query each.
func listCredentials(tx *sqldb.Tx, scope Scope) (map[string][]people.Credential, error) {
	rows, err := tx.Query(`select practitioner_id, kind, number, issuer, expire_date from credentials where clinic_id = $1 order by practitioner_id, kind`,
		scope.clinicID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string][]people.Credential{}
	for rows.Next() {
		var id string
		var c people.Credential
		if err := rows.Scan(&id, &c.Kind, &c.Number, &c.Issuer, &c.ExpireDate); err != nil {
			return nil, err
		}
		all[id] = append(all[id], c)
	}
	return all, rows.Err()
}

// UpdatePractitioner writes a practitioner over the version that it was read at, and replaces
// the credentials.
func UpdatePractitioner(tx *sqldb.Tx, scope Scope, p people.Practitioner) error {
	err := changed(tx.Exec(`update practitioners set name_key = $4, title = $5, given_name = $6, family_name = $7, profession = $8,
		disciplines = $9, languages = $10, is_active = $11, updated_at = $12, version = version + 1
		where clinic_id = $1 and practitioner_id = $2 and version = $3`,
		scope.clinicID, p.ID, p.Version, practitionerKey(p), p.Title, p.GivenName, p.FamilyName, p.Profession, join(p.Disciplines),
		join(p.Languages), p.Active, sqldb.Micros(tx.Now())))
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`delete from credentials where clinic_id = $1 and practitioner_id = $2`, scope.clinicID, p.ID); err != nil {
		return err
	}
	return insertCredentials(tx, scope, p)
}
