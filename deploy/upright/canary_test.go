package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// canaries are what is told of patients in this test, in requests that are taken and in
// requests that are refused. None of them may be found anywhere but in the databases.
var canaries = []string{
	"Canariette", "Kanarienvogel", "canary@nest.example", "5550142857", "Canary Lane 7", "CanaryNote", "CanaryGoal", "CanaryReason",
	"canary_option", "CanaryLot", "desk_posture", "stomach_sleeping_canary", "CanaryQuery", "'); DROP TABLE patients; -- canary",
}

// rows counts the rows of every table of every service but the audit's: reading a chart is
// audited.
func (s *stack) rows() map[string]int64 {
	s.t.Helper()
	out := map[string]int64{}
	for _, service := range serviceNames {
		for table := range s.pairs(service, `SELECT name, type FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`) {
			if table == "audit_log" {
				continue
			}
			out[service+"."+table] = s.value(service, `SELECT count(*) FROM `+table)
		}
	}
	return out
}

// payloads are all that the services' logs hold.
func (s *stack) payloads() (all []byte) {
	s.t.Helper()
	for _, service := range serviceNames {
		err := s.db(service).Read(s.t.Context(), func(tx *sqldb.Tx) error {
			rows, err := tx.Query(`SELECT payload, trace || ' ' || aggregate_id || ' ' || type FROM event_log`)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var payload, rest []byte
				if err := rows.Scan(&payload, &rest); err != nil {
					return err
				}
				all = append(append(all, payload...), rest...)
			}
			return rows.Err()
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if len(all) == 0 {
		s.t.Fatal("no events")
	}
	return all
}

func findCanaries(t *testing.T, where string, text []byte) {
	t.Helper()
	for _, canary := range canaries {
		if i := bytes.Index(text, []byte(canary)); i >= 0 {
			t.Errorf("%s is in %s: …%s…", canary, where, text[max(0, i-200):min(len(text), i+100)])
		}
	}
}

// findCanariesInFiles looks through all that the program has written but its databases: the
// broker's store, spans, keys. There must be both of the first.
func findCanariesInFiles(t *testing.T, dir string) {
	t.Helper()
	seen := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.Contains(filepath.Base(path), ".db") {
			return err
		}
		text, err := os.ReadFile(path) //nolint:gosec // our own folder
		if err != nil {
			return err
		}
		seen[filepath.Ext(path)] += len(text)
		findCanaries(t, path, text)
		return nil
	})
	if err != nil || seen[".trace"] == 0 || seen[".blk"] == 0 {
		t.Errorf("files by kind: %v, %v; want spans and the broker's messages", seen, err)
	}
}
