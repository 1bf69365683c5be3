package store

import (
	"errors"
	"fmt"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/waitlist"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Policy is what a clinic has decided about bookings as a whole, with its version; 0 for a
// clinic that has decided nothing. Empty fields are the usual values.
type Policy struct {
	Version    int64
	LateChange schedule.LateChange
	Waitlist   waitlist.Choice
}

// GetPolicy returns a clinic's policy, the zero one when it has decided nothing.
func GetPolicy(tx *sqldb.Tx, clinicID string) (p Policy, err error) {
	var late, order string
	err = tx.QueryRow(`select version, late_change, waitlist_order, offer_minutes, offer_notice_minutes, most_missed_offers
		from booking_policies where clinic_id = $1`, clinicID).
		Scan(&p.Version, &late, &order, &p.Waitlist.OfferMinutes, &p.Waitlist.LeastNotice, &p.Waitlist.MostMissed)
	if errors.Is(err, sqldb.ErrNoRows) {
		return Policy{}, nil
	}
	if err != nil {
		return Policy{}, fmt.Errorf("store: read a policy: %w", err)
	}
	p.LateChange = schedule.LateChange(late)
	for _, key := range split(order) {
		p.Waitlist.Order = append(p.Waitlist.Order, waitlist.Key(key))
	}
	return p, nil
}

// PutPolicy writes a clinic's policy, if it still has the version before its own, and says
// whether it did.
func PutPolicy(tx *sqldb.Tx, clinicID string, p Policy) (bool, error) {
	keys := make([]string, len(p.Waitlist.Order))
	for i, key := range p.Waitlist.Order {
		keys[i] = string(key)
	}
	n, err := tx.Exec(`insert into booking_policies
			(clinic_id, version, late_change, waitlist_order, offer_minutes, offer_notice_minutes, most_missed_offers, updated_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (clinic_id) do update
		set version = excluded.version, late_change = excluded.late_change, waitlist_order = excluded.waitlist_order,
			offer_minutes = excluded.offer_minutes, offer_notice_minutes = excluded.offer_notice_minutes,
			most_missed_offers = excluded.most_missed_offers, updated_at = excluded.updated_at
		where booking_policies.version = excluded.version - 1`,
		clinicID, p.Version, string(p.LateChange), join(keys), p.Waitlist.OfferMinutes, p.Waitlist.LeastNotice, p.Waitlist.MostMissed,
		sqldb.Micros(tx.Now()))
	if err != nil {
		return false, fmt.Errorf("store: put a policy: %w", err)
	}
	return n == 1, nil
}
