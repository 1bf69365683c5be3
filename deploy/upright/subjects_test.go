package main

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// positions remembers the ends of the logs.
func (s *stack) positions() map[string]int64 {
	since := map[string]int64{}
	for _, service := range serviceNames {
		since[service] = s.value(service, `SELECT coalesce(max(id), 0) FROM event_log`)
	}
	return since
}

// subjects lists what happened since, in the order of the instants at which it was
// recorded: all clocks are this machine's.
func (s *stack) subjects(since map[string]int64) []string {
	s.t.Helper()
	type event struct {
		at, id  int64
		service int
		typ     string
	}
	var all []event
	for i, service := range serviceNames {
		err := s.db(service).Read(s.t.Context(), func(tx *sqldb.Tx) error {
			rows, err := tx.Query(`SELECT at, id, type FROM event_log WHERE id > $1`, since[service])
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				e := event{service: i}
				if err := rows.Scan(&e.at, &e.id, &e.typ); err != nil {
					return err
				}
				all = append(all, e)
			}
			return rows.Err()
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	slices.SortFunc(all, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.service, b.service), cmp.Compare(a.id, b.id))
	})
	var subjects []string
	for _, e := range all {
		subjects = append(subjects, eventbus.Subject(protoreflect.FullName(e.typ)))
	}
	return subjects
}
