package main

import (
	"fmt"
	"net/http"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// audit compares what the services have written down, when all is at rest.
func (s *stack) audit(live int) {
	s.t.Helper()
	s.auditBooking(int64(live))
	s.auditPlans()
	for _, service := range serviceNames {
		s.auditLog(service)
	}
}

// none are queries on booking's database that find nothing.
var none = map[string]string{
	"attempts without an outcome": `SELECT count(*) FROM attempts WHERE state = 'OPEN'`,
	"sessions of attempts whose outcome is missing or another": `SELECT count(*) FROM attempt_items i
		JOIN attempts a ON a.clinic_id = i.clinic_id AND a.attempt_id = i.attempt_id
		LEFT JOIN entitlement_uses u ON u.clinic_id = i.clinic_id AND u.entitlement_id = i.entitlement_id
		WHERE u.outcome IS NULL OR u.appointment_id <> i.appointment_id OR (a.state = 'VOID') <> (u.outcome = 'VOID')`,
	"outcomes of no attempt": `SELECT count(*) FROM entitlement_uses u WHERE NOT EXISTS
		(SELECT 1 FROM attempt_items i WHERE i.clinic_id = u.clinic_id AND i.entitlement_id = u.entitlement_id)`,
	"appointments of a plan whose outcome is another": `SELECT count(*) FROM appointments a WHERE a.entitlement_id <> '' AND NOT EXISTS
		(SELECT 1 FROM entitlement_uses u WHERE u.clinic_id = a.clinic_id AND u.entitlement_id = a.entitlement_id
		 AND u.appointment_id = a.appointment_id AND u.outcome = a.state)`,
	"booked outcomes without their appointment": `SELECT count(*) FROM entitlement_uses u WHERE u.outcome = 'BOOKED' AND NOT EXISTS
		(SELECT 1 FROM appointments a WHERE a.clinic_id = u.clinic_id AND a.entitlement_id = u.entitlement_id AND a.state = 'BOOKED')`,
	"claims of nobody": `SELECT count(*) FROM claims c
		WHERE NOT EXISTS (SELECT 1 FROM appointments a WHERE a.clinic_id = c.clinic_id AND a.appointment_id = c.holder_id AND a.state = 'BOOKED')
		AND NOT EXISTS (SELECT 1 FROM holds h WHERE h.clinic_id = c.clinic_id AND h.hold_id = c.holder_id AND h.state = 'HELD')`,
	"appointments that do not have clinician, room and patient for themselves": `SELECT count(*) FROM appointments a WHERE a.state = 'BOOKED' AND
		(SELECT count(*) FROM claims c WHERE c.clinic_id = a.clinic_id AND c.holder_id = a.appointment_id
		 AND c.starts_at <= a.starts_at AND c.ends_at >= a.ends_at) < 3`,
	"claims outside of their appointment's time": `SELECT count(*) FROM claims c JOIN appointments a ON a.clinic_id = c.clinic_id AND a.appointment_id = c.holder_id
		WHERE c.starts_at < a.claims_start_at OR c.ends_at > a.claims_end_at`,
	"resources claimed twice for one appointment": `SELECT count(*) FROM (SELECT holder_id FROM claims GROUP BY clinic_id, holder_id, resource_id HAVING count(*) > 1) AS twice`,
}

func (s *stack) auditBooking(live int64) {
	s.t.Helper()
	for what, query := range none {
		if n := s.value("booking", query); n != 0 {
			s.t.Errorf("booking has %d %s", n, what)
		}
	}
	if n := s.value("booking", `SELECT count(*) FROM appointments WHERE state = 'BOOKED'`); n != live {
		s.t.Errorf("%d live appointments, want %d", n, live)
	}
}

// follows is the state of a claim that follows from booking's outcome.
var follows = map[string]string{
	"BOOKED": "CONFIRMED", "VOID": "RELEASED", "CANCELLED": "RELEASED", "COMPLETED": "USED", "NO_SHOW": "NO_SHOW",
}

// auditPlans compares every entitlement: plans has exactly what follows from booking's
// outcomes. A claim that is HELD has none, so it differs too.
func (s *stack) auditPlans() {
	s.t.Helper()
	want := s.pairs("booking", `SELECT entitlement_id, outcome FROM entitlement_uses`)
	for id, outcome := range want {
		want[id] = follows[outcome]
	}
	got := s.pairs("plans", `SELECT entry_id, state FROM ledger WHERE entry_id LIKE 'ent_%'`)
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("entitlements differ (-booking +plans):\n%s", diff)
	}
}

// auditLog checks that a service's log is dense, published to its end and heard to its end
// by everybody, and that no event was given up.
func (s *stack) auditLog(service string) {
	s.t.Helper()
	eventually(s.t, service+"'s events are confirmed by the broker", func() (bool, string) {
		n := s.value(service, `SELECT (SELECT count(*) FROM event_log) - acked_pub_seq FROM log_head`)
		return n == 0, fmt.Sprintf("%d are not", n)
	})
	gaps := s.value(service, `SELECT abs(h.last_pub_seq - coalesce(max(e.pub_seq), 0)) + abs(h.last_pub_seq - count(e.pub_seq)) FROM log_head h LEFT JOIN event_log e ON true GROUP BY h.last_pub_seq`)
	parked := s.value(service, `SELECT count(*) FROM parked`)
	if gaps != 0 || parked != 0 {
		s.t.Errorf("%s: the log is %d away from dense, %d events are parked", service, gaps, parked)
	}
	head := s.pairs(service, `SELECT epoch, last_event_id FROM log_head`)
	for consumer, producers := range heard {
		for _, producer := range producers {
			if producer != service {
				continue
			}
			at := s.pairs(consumer, `SELECT epoch, last_event_id FROM cursors WHERE producer = '`+producer+`'`)
			if diff := cmp.Diff(head, at); diff != "" {
				s.t.Errorf("%s is not where %s's log ends (-log +cursor):\n%s", consumer, producer, diff)
			}
		}
	}
}

// pairs reads two columns of text.
func (s *stack) pairs(service, query string) map[string]string {
	s.t.Helper()
	out := map[string]string{}
	err := s.db(service).Read(s.t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var k, v string
			if err := rows.Scan(&k, &v); err != nil {
				return err
			}
			if _, twice := out[k]; twice {
				return fmt.Errorf("%s is there twice", k)
			}
			out[k] = v
		}
		return rows.Err()
	})
	if err != nil {
		s.t.Fatalf("%s: %s: %v", service, query, err)
	}
	return out
}

// clearDiary cancels what is booked, so that the next scene finds the same time free.
func (k *killer) clearDiary() {
	k.t.Helper()
	for id := range k.pairs("booking", `SELECT appointment_id, state FROM appointments WHERE state = 'BOOKED'`) {
		k.h.reception.must(http.MethodPost, "/v1/appointments/"+id+":cancel", m{}, nil)
	}
}
