package store

import (
	"errors"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const accountColumns = `a.account_id, a.clinic_id, a.email, a.display_name, a.kind, a.roles, coalesce(a.practitioner_id, ''),
	coalesce(a.patient_id, ''), a.state, coalesce(r.profession, ''), a.created_at, a.updated_at, a.version`

const accountTables = ` from accounts a left join practitioners r on r.clinic_id = a.clinic_id and r.practitioner_id = a.practitioner_id `

func scanAccount(scan func(...any) error) (a people.Account, err error) {
	return a, scanAccountAnd(scan, &a)
}

// scanAccountAnd reads an account and the columns that the query has after it.
func scanAccountAnd(scan func(...any) error, a *people.Account, more ...any) error {
	var roles string
	var created, updated int64
	err := scan(append([]any{
		&a.ID, &a.ClinicID, &a.Email, &a.DisplayName, &a.Kind, &roles, &a.PractitionerID,
		&a.PatientID, &a.State, &a.Profession, &created, &updated, &a.Version,
	}, more...)...)
	a.Roles, a.CreatedAt, a.UpdatedAt = split(roles), sqldb.Time(created), sqldb.Time(updated)
	return err
}

// InsertAccount adds an account. inserted is false when the address, the practitioner or the
// patient has one already.
func InsertAccount(tx *sqldb.Tx, scope Scope, a people.Account, passwordHash string) (inserted bool, err error) {
	now := sqldb.Micros(tx.Now())
	n, err := tx.Exec(`insert into accounts (clinic_id, account_id, email, email_key, display_name, kind, roles, practitioner_id,
		patient_id, state, password_hash, created_at, updated_at, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, 1) on conflict do nothing`,
		scope.clinicID, a.ID, a.Email, people.EmailKey(a.Email), a.DisplayName, a.Kind, join(a.Roles), null(a.PractitionerID),
		null(a.PatientID), a.State, passwordHash, now)
	return n == 1, err
}

// StaffEmailTaken reports whether an account of the clinic's staff other than id has the
// address.
func StaffEmailTaken(tx *sqldb.Tx, scope Scope, email, id string) (bool, error) {
	var n int
	err := tx.QueryRow(`select count(*) from accounts where clinic_id = $1 and kind = 'STAFF' and email_key = $2 and account_id <> $3`,
		scope.clinicID, people.EmailKey(email), id).Scan(&n)
	return n > 0, err
}

// GetAccount reads an account of the clinic.
func GetAccount(tx *sqldb.Tx, scope Scope, id string) (people.Account, error) {
	return scanAccount(tx.QueryRow(`select `+accountColumns+accountTables+`where a.clinic_id = $1 and a.account_id = $2`, scope.clinicID, id).Scan)
}

// ListAccounts reads accounts by address and id: those with the role, or all staff for "".
func ListAccounts(tx *sqldb.Tx, scope Scope, role string, page Page) ([]people.Account, error) {
	pattern, kind := "%", people.KindStaff
	if role != "" {
		pattern = "%," + role + ",%"
	}
	if role == "PATIENT" {
		kind = people.KindPatient
	}
	rows, err := tx.Query(`select `+accountColumns+accountTables+`where a.clinic_id = $1 and a.kind = $2 and ',' || a.roles || ',' like $3
			and ($4 = '' or (a.email_key, a.account_id) > (select b.email_key, b.account_id from accounts b where b.clinic_id = $1 and b.account_id = $4))
		order by a.email_key, a.account_id limit $5`, scope.clinicID, kind, pattern, page.After, page.Limit)
	return collect(rows, err, scanAccount)
}

// UpdateAccount writes an account over the version that it was read at. taken is true when
// the address or the practitioner has an account already; the transaction is of no use then.
func UpdateAccount(tx *sqldb.Tx, scope Scope, a people.Account) (taken bool, err error) {
	n, err := tx.Exec(`update accounts set email = $4, email_key = $5, display_name = $6, roles = $7, practitioner_id = $8, state = $9,
		updated_at = $10, version = version + 1 where clinic_id = $1 and account_id = $2 and version = $3`,
		scope.clinicID, a.ID, a.Version, a.Email, people.EmailKey(a.Email), a.DisplayName, join(a.Roles), null(a.PractitionerID), a.State,
		sqldb.Micros(tx.Now()))
	if _, ok := sqldb.Unique(err); ok {
		return true, nil
	}
	return false, changed(n, err)
}

// CountOtherAdmins counts active accounts with the role ADMIN other than id.
func CountOtherAdmins(tx *sqldb.Tx, scope Scope, id string) (n int, err error) {
	err = tx.QueryRow(`select count(*) from accounts where clinic_id = $1 and account_id <> $2 and state = 'ACTIVE'
		and ',' || roles || ',' like '%,ADMIN,%'`, scope.clinicID, id).Scan(&n)
	return n, err
}

// PasswordHash reads an account's password hash.
func PasswordHash(tx *sqldb.Tx, scope Scope, id string) (hash string, err error) {
	err = tx.QueryRow(`select password_hash from accounts where clinic_id = $1 and account_id = $2`, scope.clinicID, id).Scan(&hash)
	return hash, err
}

// LockPasswordHash is PasswordHash, and keeps others from replacing it until the transaction
// ends.
func LockPasswordHash(tx *sqldb.Tx, scope Scope, id string) (hash string, err error) {
	err = tx.QueryRow(`select password_hash from accounts where clinic_id = $1 and account_id = $2`+tx.ForUpdate(), scope.clinicID, id).Scan(&hash)
	return hash, err
}

// SetPasswordHash replaces an account's password hash if it is still the one given; replaced
// tells. The old one "" stands for any.
func SetPasswordHash(tx *sqldb.Tx, scope Scope, id, before, after string) (replaced bool, err error) {
	n, err := tx.Exec(`update accounts set password_hash = $4 where clinic_id = $1 and account_id = $2 and ($3 = '' or password_hash = $3)`,
		scope.clinicID, id, before, after)
	return n == 1, err
}

// Candidate is an account that a sign-in may be for.
type Candidate struct {
	people.Account
	PasswordHash string
}

// maxCandidates bounds what one sign-in looks at.
const maxCandidates = 200

// SignInCandidates reads the accounts with an address, at the clinic with that id or slug or,
// for "", at every clinic: staff first, then the oldest.
func SignInCandidates(tx *sqldb.Tx, emailKey, clinic string) ([]Candidate, error) {
	rows, err := tx.Query(`select `+accountColumns+`, a.password_hash`+accountTables+`
		where a.email_key = $1 and ($2 = '' or a.clinic_id = $2 or a.clinic_id in (select c.clinic_id from clinics c where c.slug = $2))
		order by case when a.kind = 'STAFF' then 0 else 1 end, a.created_at, a.account_id limit $3`, emailKey, clinic, maxCandidates)
	return collect(rows, err, func(scan func(...any) error) (c Candidate, err error) {
		return c, scanAccountAnd(scan, &c.Account, &c.PasswordHash)
	})
}

// Salt gives the salt of a sign-in name, fresh when the name has none yet.
func Salt(tx *sqldb.Tx, emailKey string, fresh []byte) (salt []byte, err error) {
	_, err = tx.Exec(`insert into sign_in_names (email_key, salt) values ($1, $2) on conflict do nothing`, emailKey, fresh)
	if err != nil {
		return nil, err
	}
	err = tx.QueryRow(`select salt from sign_in_names where email_key = $1`, emailKey).Scan(&salt)
	return salt, err
}

// FindSalt gives the salt of a sign-in name, nil when the name has none.
func FindSalt(tx *sqldb.Tx, emailKey string) (salt []byte, err error) {
	err = tx.QueryRow(`select salt from sign_in_names where email_key = $1`, emailKey).Scan(&salt)
	if errors.Is(err, sqldb.ErrNoRows) {
		return nil, nil
	}
	return salt, err
}
