package store

import (
	"time"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Session is one sign-in.
type Session struct {
	ID         string
	ClinicID   string
	AccountID  string
	CreatedAt  time.Time
	LastUsedAt time.Time
	ExpireAt   time.Time
}

// InsertSession adds a session by the hash of its token.
func InsertSession(tx *sqldb.Tx, s Session, tokenHash []byte) error {
	_, err := tx.Exec(`insert into sessions (clinic_id, session_id, account_id, token_hash, created_at, last_used_at, expire_at)
		values ($1, $2, $3, $4, $5, $6, $7)`, s.ClinicID, s.ID, s.AccountID, tokenHash, sqldb.Micros(s.CreatedAt),
		sqldb.Micros(s.LastUsedAt), sqldb.Micros(s.ExpireAt))
	return err
}

// Holder is a session with its account and the zone that the clinic's days are in.
type Holder struct {
	Session  Session
	Account  people.Account
	TimeZone string
}

// ResolveToken reads the session with the token of this hash.
func ResolveToken(tx *sqldb.Tx, tokenHash []byte) (h Holder, err error) {
	var created, used, expire int64
	row := tx.QueryRow(`select `+accountColumns+`, s.session_id, s.created_at, s.last_used_at, s.expire_at, c.time_zone
		from sessions s join accounts a on a.clinic_id = s.clinic_id and a.account_id = s.account_id
			join clinics c on c.clinic_id = s.clinic_id
			left join practitioners r on r.clinic_id = a.clinic_id and r.practitioner_id = a.practitioner_id
		where s.token_hash = $1`, tokenHash)
	err = scanAccountAnd(row.Scan, &h.Account, &h.Session.ID, &created, &used, &expire, &h.TimeZone)
	h.Session.ClinicID, h.Session.AccountID = h.Account.ClinicID, h.Account.ID
	h.Session.CreatedAt, h.Session.LastUsedAt, h.Session.ExpireAt = sqldb.Time(created), sqldb.Time(used), sqldb.Time(expire)
	return h, err
}

// TouchSession moves the last use of a session on to now, unless that was done after since. A
// session that has ended stays ended.
func TouchSession(tx *sqldb.Tx, s Session, now, since time.Time) error {
	_, err := tx.Exec(`update sessions set last_used_at = $3 where clinic_id = $1 and session_id = $2 and last_used_at <= $4`,
		s.ClinicID, s.ID, sqldb.Micros(now), sqldb.Micros(since))
	return err
}

const sessionColumns = `session_id, clinic_id, account_id, created_at, last_used_at, expire_at`

func scanSession(scan func(...any) error) (s Session, err error) {
	var created, used, expire int64
	err = scan(&s.ID, &s.ClinicID, &s.AccountID, &created, &used, &expire)
	s.CreatedAt, s.LastUsedAt, s.ExpireAt = sqldb.Time(created), sqldb.Time(used), sqldb.Time(expire)
	return s, err
}

// GetSession reads a session of the clinic.
func GetSession(tx *sqldb.Tx, scope Scope, id string) (Session, error) {
	return scanSession(tx.QueryRow(`select `+sessionColumns+` from sessions where clinic_id = $1 and session_id = $2`, scope.clinicID, id).Scan)
}

// ListSessions reads an account's sessions, the newest first.
func ListSessions(tx *sqldb.Tx, scope Scope, accountID string, limit int) ([]Session, error) {
	rows, err := tx.Query(`select `+sessionColumns+` from sessions where clinic_id = $1 and account_id = $2
		order by created_at desc, session_id desc limit $3`, scope.clinicID, accountID, limit)
	return collect(rows, err, scanSession)
}

// DeleteSession ends a session; one that is gone is no error.
func DeleteSession(tx *sqldb.Tx, scope Scope, id string) (deleted bool, err error) {
	n, err := tx.Exec(`delete from sessions where clinic_id = $1 and session_id = $2`, scope.clinicID, id)
	return n == 1, err
}

// DeleteSessions ends every session of an account but the one with id except, and tells how
// many.
func DeleteSessions(tx *sqldb.Tx, scope Scope, accountID, except string) (int64, error) {
	return tx.Exec(`delete from sessions where clinic_id = $1 and account_id = $2 and session_id <> $3`, scope.clinicID, accountID, except)
}

// PurgeSessions removes sessions that ended before now, at most limit of them.
func PurgeSessions(tx *sqldb.Tx, now time.Time, limit int) (int64, error) {
	return tx.Exec(`delete from sessions where (clinic_id, session_id) in
		(select clinic_id, session_id from sessions where expire_at <= $1 order by expire_at limit $2)`, sqldb.Micros(now), limit)
}

// InsertProxy lets an account act for a patient, or changes how.
func InsertProxy(tx *sqldb.Tx, scope Scope, p people.Proxy) error {
	_, err := tx.Exec(`insert into account_proxies (clinic_id, account_id, patient_id, relation, expire_date, created_at)
		values ($1, $2, $3, $4, $5, $6)
		on conflict (clinic_id, account_id, patient_id) do update set relation = excluded.relation, expire_date = excluded.expire_date`,
		scope.clinicID, p.AccountID, p.PatientID, p.Relation, p.ExpireDate, sqldb.Micros(tx.Now()))
	return err
}

// DeleteProxy takes that back; deleted tells whether it was there.
func DeleteProxy(tx *sqldb.Tx, scope Scope, accountID, patientID string) (deleted bool, err error) {
	n, err := tx.Exec(`delete from account_proxies where clinic_id = $1 and account_id = $2 and patient_id = $3`, scope.clinicID, accountID, patientID)
	return n == 1, err
}

// ListProxies reads who acts for whom: of one account, of one patient, or of both.
func ListProxies(tx *sqldb.Tx, scope Scope, accountID, patientID string, limit int) ([]people.Proxy, error) {
	rows, err := tx.Query(`select account_id, patient_id, relation, expire_date, created_at from account_proxies
		where clinic_id = $1 and ($2 = '' or account_id = $2) and ($3 = '' or patient_id = $3)
		order by account_id, patient_id limit $4`, scope.clinicID, accountID, patientID, limit)
	return collect(rows, err, func(scan func(...any) error) (p people.Proxy, err error) {
		var created int64
		err = scan(&p.AccountID, &p.PatientID, &p.Relation, &p.ExpireDate, &created)
		p.CreatedAt = sqldb.Time(created)
		return p, err
	})
}

// Acting is one record that an account may act for: the own one, or one by proxy, or another
// record of the same person.
type Acting struct {
	Patient people.Patient
	// Proxy is how the account comes to it; Relation is "" for the own record.
	Proxy people.Proxy
}

// ActsFor reads the records that an account may act for, expired proxies included: for the own
// person and for each proxy's person the surviving record first, then those merged into it.
func ActsFor(tx *sqldb.Tx, scope Scope, a people.Account) ([]Acting, error) {
	if a.PatientID == "" {
		return nil, nil
	}
	rows, err := tx.Query(`select `+patientColumns+`, g.relation, g.expire_date
		from (select patient_id, '' as relation, null as expire_date from accounts where clinic_id = $1 and account_id = $2
			union all select patient_id, relation, expire_date from account_proxies where clinic_id = $1 and account_id = $2) g
			join patients o on o.clinic_id = $1 and o.patient_id = g.patient_id
			join patients p on p.clinic_id = $1 and p.surviving_id = o.surviving_id
		order by case when g.relation = '' then 0 else 1 end, p.surviving_id,
			case when p.merged_into is null then 0 else 1 end, p.patient_id, g.relation`, scope.clinicID, a.ID)
	return collect(rows, err, func(scan func(...any) error) (act Acting, err error) {
		act.Patient, err = scanPatient(func(targets ...any) error {
			return scan(append(targets, &act.Proxy.Relation, &act.Proxy.ExpireDate)...)
		})
		return act, err
	})
}
