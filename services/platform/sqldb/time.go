package sqldb

import (
	"database/sql"
	"time"
)

// Micros is how instants are stored: microseconds since 1970, UTC.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// Time is the instant that Micros stored.
func Time(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// NullMicros stores an instant that may be absent: NULL for the zero time.
func NullMicros(t time.Time) sql.NullInt64 {
	if t.IsZero() {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: true}
}

// NullTime is the instant that NullMicros stored, the zero time for NULL.
func NullTime(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return Time(n.Int64)
}
