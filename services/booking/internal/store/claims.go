package store

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// maxClaim is the longest that a claim may be, one day, as the table's check says: what can
// reach into an interval starts at most that long before it.
const maxClaim = schedule.Slot(24 * 60 / 5)

// Claim is time of one resource that a hold or an appointment, the holder, has.
type Claim struct {
	ResourceID string
	Span       schedule.Span
	HolderID   string
	// Override says that somebody decided to let it overlap.
	Override bool
}

// SortClaims puts claims in the order in which they are locked and inserted.
func SortClaims(claims []Claim) {
	slices.SortFunc(claims, func(a, b Claim) int {
		return cmp.Or(cmp.Compare(a.ResourceID, b.ResourceID), cmp.Compare(a.Span.From, b.Span.From))
	})
}

// LockResources locks the resources' rows, in order of id, until the transaction ends, so
// that what is read of their claims afterwards stays true. ids must be sorted. On SQLite a
// write has the database to itself and nothing is done. A resource without a row is not
// locked; the constraint still keeps its claims apart.
func LockResources(tx *sqldb.Tx, clinicID string, ids []string) error {
	if tx.ForUpdate() == "" || len(ids) == 0 {
		return nil
	}
	args := make([]any, 0, 1+len(ids))
	args = append(args, clinicID)
	for _, id := range ids {
		args = append(args, id)
	}
	return tx.Later(expand(`select resource_id from resources
		where clinic_id = $1 and resource_id in (@) order by resource_id for update`, 2, 1, len(ids)), nil, args...)
}

// TryLockResource is LockResources for one resource out of order: it does not wait, and says
// whether it has the lock.
func TryLockResource(tx *sqldb.Tx, clinicID, id string) (bool, error) {
	if tx.SkipLocked() == "" {
		return true, nil
	}
	var got string
	err := tx.QueryRow(`select resource_id from resources where clinic_id = $1 and resource_id = $2`+tx.SkipLocked(), clinicID, id).Scan(&got)
	if errors.Is(err, sqldb.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("store: lock a resource: %w", err)
	}
	return true, nil
}

// Overlapping returns the claims of the resources that overlap the span, by resource and
// start.
func Overlapping(tx *sqldb.Tx, clinicID string, ids []string, s schedule.Span) ([]Claim, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, 0, 4+len(ids))
	args = append(args, clinicID, micros(s.To), micros(s.From-maxClaim), micros(s.From))
	for _, id := range ids {
		args = append(args, id)
	}
	return readClaims(tx, expand(`select resource_id, starts_at, ends_at, holder_id, is_override from claims
		where clinic_id = $1 and starts_at < $2 and starts_at >= $3 and ends_at > $4 and resource_id in (@)
		order by resource_id, starts_at`, 5, 1, len(ids)), args...)
}

func readClaims(tx *sqldb.Tx, query string, args ...any) (claims []Claim, err error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, fmt.Errorf("store: read claims: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c Claim
		var from, to int64
		if err := rows.Scan(&c.ResourceID, &from, &to, &c.HolderID, &c.Override); err != nil {
			return nil, fmt.Errorf("store: read a claim: %w", err)
		}
		c.Span = span(from, to)
		claims = append(claims, c)
	}
	return claims, rows.Err()
}

// InsertClaims takes the time, in the order of SortClaims, in one statement. When the database
// refuses an overlap, that statement, a later one or the commit fails with the error given.
func InsertClaims(tx *sqldb.Tx, clinicID string, claims []Claim, overlap error) error {
	if len(claims) == 0 {
		return nil
	}
	args := make([]any, 0, 6*len(claims))
	for _, c := range claims {
		args = append(args, clinicID, c.ResourceID, micros(c.Span.From), micros(c.Span.To), c.HolderID, c.Override)
	}
	explain := func(err error) error {
		if sqldb.Overlap(err) {
			return overlap
		}
		return fmt.Errorf("store: insert claims: %w", err)
	}
	return tx.Later(expand(`insert into claims (clinic_id, resource_id, starts_at, ends_at, holder_id, is_override) values @`,
		1, 6, len(claims)), explain, args...)
}

// DeleteClaims gives back what the holder has of the resources within the span.
func DeleteClaims(tx *sqldb.Tx, clinicID, holderID string, ids []string, s schedule.Span) error {
	if len(ids) == 0 {
		return nil
	}
	args := make([]any, 0, 4+len(ids))
	args = append(args, clinicID, holderID, micros(s.From), micros(s.To))
	for _, id := range ids {
		args = append(args, id)
	}
	_, err := tx.Exec(expand(`delete from claims
		where clinic_id = $1 and holder_id = $2 and starts_at >= $3 and starts_at < $4 and resource_id in (@)`, 5, 1, len(ids)), args...)
	if err != nil {
		return fmt.Errorf("store: delete claims: %w", err)
	}
	return nil
}

// RemoveClaims gives exactly these claims back; one that is not there any more is no error.
func RemoveClaims(tx *sqldb.Tx, clinicID string, claims []Claim) error {
	for _, c := range claims {
		_, err := tx.Exec(`delete from claims where clinic_id = $1 and resource_id = $2 and starts_at = $3 and holder_id = $4`,
			clinicID, c.ResourceID, micros(c.Span.From), c.HolderID)
		if err != nil {
			return fmt.Errorf("store: remove a claim: %w", err)
		}
	}
	return nil
}

// OverlapOverride is one overlap that a person decided to allow.
type OverlapOverride struct {
	AppointmentID, ResourceID, OverHolderID string
	Span                                    schedule.Span
	Reason, AccountID                       string
}

// InsertOverlapOverride records the decision.
func InsertOverlapOverride(tx *sqldb.Tx, clinicID string, o OverlapOverride) error {
	_, err := tx.Exec(`insert into overlap_overrides
		(clinic_id, appointment_id, resource_id, over_holder_id, starts_at, ends_at, reason, account_id, created_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		clinicID, o.AppointmentID, o.ResourceID, o.OverHolderID, micros(o.Span.From), micros(o.Span.To), o.Reason, o.AccountID, sqldb.Micros(tx.Now()))
	if err != nil {
		return fmt.Errorf("store: insert an override: %w", err)
	}
	return nil
}

// OverlapOverrides returns the overlaps that were allowed for an appointment.
func OverlapOverrides(tx *sqldb.Tx, clinicID, appointmentID string) (list []OverlapOverride, err error) {
	rows, err := tx.Query(`select resource_id, over_holder_id, starts_at, ends_at, reason, account_id from overlap_overrides
		where clinic_id = $1 and appointment_id = $2 order by resource_id, over_holder_id, created_at`, clinicID, appointmentID)
	if err != nil {
		return nil, fmt.Errorf("store: read overrides: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		o := OverlapOverride{AppointmentID: appointmentID}
		var from, to int64
		if err := rows.Scan(&o.ResourceID, &o.OverHolderID, &from, &to, &o.Reason, &o.AccountID); err != nil {
			return nil, fmt.Errorf("store: read an override: %w", err)
		}
		o.Span = span(from, to)
		list = append(list, o)
	}
	return list, rows.Err()
}
