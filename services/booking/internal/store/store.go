// Package store is booking's SQL, one text for SQLite and PostgreSQL.
//
// Functions take the transaction and plain values; rows are structs of this package or of
// schedule. The database itself refuses an overlap of two claims, see claims in the
// migrations. Rows are locked in one order everywhere: patient gate, appointment or hold,
// resources by id. Instants are stored as microseconds, civil dates as text.
package store

import (
	"embed"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes booking's own tables.
var Migrations = sqldb.Set{Name: "booking", FS: sub(migrations)}

func sub(f embed.FS) fs.FS {
	s, err := fs.Sub(f, "migrations")
	if err != nil { // the folder is embedded above
		panic(err)
	}
	return s
}

// zones keeps what was read of the tz database, by name.
var zones sync.Map

// Zone opens an IANA time zone; it fails for a name that is none.
func Zone(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := time.LoadLocation(name)
	if err != nil {
		return nil, err
	}
	zones.Store(name, z)
	return z, nil
}

// grainMicros is a slot in microseconds.
const grainMicros = int64(schedule.Grain) / 1000

// micros is how a slot's start is stored.
func micros(s schedule.Slot) int64 { return int64(s) * grainMicros }

// span reads a stored interval, which is made of whole slots.
func span(startsAt, endsAt int64) schedule.Span {
	return schedule.Span{From: schedule.Slot(startsAt / grainMicros), To: schedule.Slot(endsAt / grainMicros)}
}

// join and split keep a list of codes or ids, which have no commas, in one column.
func join(list []string) string { return strings.Join(list, ",") }

func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// lists caches statements that differ only in how many values a list has, so that each is a
// constant text to the statement cache.
var lists sync.Map

type listKey struct {
	query string
	n     int
}

// expand replaces the one "@" of query by n groups of width placeholders, counted from
// $first on: "($3),($4)" for width 1 becomes "$3,$4".
func expand(query string, first, width, n int) string {
	key := listKey{query, n}
	if text, ok := lists.Load(key); ok {
		return text.(string)
	}
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if width > 1 {
			b.WriteByte('(')
		}
		for j := range width {
			if j > 0 {
				b.WriteByte(',')
			}
			b.WriteString("$" + strconv.Itoa(first+i*width+j))
		}
		if width > 1 {
			b.WriteByte(')')
		}
	}
	text := strings.Replace(query, "@", b.String(), 1)
	lists.Store(key, text)
	return text
}
