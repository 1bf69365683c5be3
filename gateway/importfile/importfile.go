// Package importfile reads what other systems export and takes it over: patients,
// practitioners and appointments, from CSV files and from Cliniko's JSON.
//
// Every row of every file is answered for. A row that cannot be understood is refused with its
// number, the field and the reason, and so is one that the clinic's services refuse; nothing is
// guessed: a date that could be read in two ways is refused until somebody says which is meant.
// What is reported holds numbers, ids and reasons, and never what a row says of a person.
package importfile

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// Kind is what the rows of a file are.
type Kind string

// The kinds, in the order in which they must be taken over.
const (
	Practitioners Kind = "practitioner"
	Patients      Kind = "patient"
	Appointments  Kind = "appointment"
)

// DateOrder says how a date such as 3/4/1980 is meant.
type DateOrder string

// The orders. Unknown reads only what can be meant in one way.
const (
	Unknown  DateOrder = ""
	DayFirst DateOrder = "dmy"
	// MonthFirst is common in North America.
	MonthFirst DateOrder = "mdy"
)

// Options say how files are read.
type Options struct {
	// Dates is how numeric dates are meant.
	Dates DateOrder
	// Zone is where times without an offset are.
	Zone *time.Location
	// Encoding of files that are not UTF-8: "windows-1252", or empty.
	Encoding string
}

// Row is one row of a file, understood as far as it goes.
type Row struct {
	File string
	Kind Kind
	// Number is the line of a CSV file, or counts the records of a JSON file from 1.
	Number int32
	// ExternalID is its id in the other system.
	ExternalID string
	// Wrong is why it cannot be taken over; nil when it may be.
	Wrong *Wrong

	patient      *directoryv1.Patient
	practitioner *directoryv1.Practitioner
	appointment  *appointment
}

// Wrong is what is wrong with a row. It does not repeat what the row says.
type Wrong struct{ Reason, Field, Detail string }

// appointment is an appointment in the words of the other system.
type appointment struct {
	Type, Patient, Practitioner string
	Start                       time.Time
	Minutes                     int32
	Mode                        string
}

// File is what one file holds.
type File struct {
	Rows []Row
	// Types are the names of the other system's types of appointment by id.
	Types map[string]string
	// Unused are columns that nobody here reads; the header's names.
	Unused []string
}

// wrong notes the first thing that is wrong with a row.
func (r *Row) wrong(reason, field, detail string) {
	if r.Wrong == nil {
		r.Wrong = &Wrong{reason, field, detail}
	}
}

// parseDate reads a civil date.
func (o Options) parseDate(text string) (civil.Date, *Wrong) {
	text = strings.TrimSpace(text)
	if d, err := civil.Parse(text); err == nil {
		return d, nil
	}
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == '/' || r == '.' || r == '-' || r == ' ' })
	bad := &Wrong{Reason: "BAD_DATE", Detail: "This date does not exist, or is not written as year-month-day or with a four-digit year last."}
	if len(parts) != 3 {
		return civil.Date{}, bad
	}
	var n [3]int
	for i, part := range parts {
		v, err := strconv.Atoi(part)
		if err != nil || v < 0 {
			return civil.Date{}, bad
		}
		n[i] = v
	}
	if len(parts[2]) != 4 {
		return civil.Date{}, bad
	}
	read := func(day, month int) (civil.Date, bool) {
		d, err := civil.Parse(fmt.Sprintf("%04d-%02d-%02d", n[2], month, day))
		return d, err == nil
	}
	dayFirst, okDay := read(n[0], n[1])
	monthFirst, okMonth := read(n[1], n[0])
	switch {
	case o.Dates == DayFirst && okDay:
		return dayFirst, nil
	case o.Dates == MonthFirst && okMonth:
		return monthFirst, nil
	case o.Dates != Unknown:
		return civil.Date{}, bad
	case okDay && okMonth && dayFirst != monthFirst:
		return civil.Date{}, &Wrong{Reason: "AMBIGUOUS_DATE", Detail: "Day and month could be either way round. Say which comes first."}
	case okDay:
		return dayFirst, nil
	case okMonth:
		return monthFirst, nil
	}
	return civil.Date{}, bad
}

// parseTime reads a start: with an offset, or as wall time of the zone. A wall time that the
// change of the clocks left out or made twice is refused.
func (o Options) parseTime(text string) (time.Time, *Wrong) {
	text = strings.TrimSpace(text)
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	bad := &Wrong{Reason: "BAD_TIME", Detail: "This is no time, such as 2026-11-24 14:30 or 2026-11-24T14:30:00Z."}
	cut := strings.LastIndexAny(text, "T ")
	if cut < 0 {
		return time.Time{}, bad
	}
	day, wrong := o.parseDate(text[:cut])
	if wrong != nil {
		return time.Time{}, wrong
	}
	at, err := time.Parse("15:04", text[cut+1:])
	if err != nil {
		if at, err = time.Parse("15:04:05", text[cut+1:]); err != nil {
			return time.Time{}, bad
		}
	}
	t := time.Date(day.Year, day.Month, day.Day, at.Hour(), at.Minute(), at.Second(), 0, o.Zone)
	if t.Hour() != at.Hour() || t.Minute() != at.Minute() {
		return time.Time{}, &Wrong{Reason: "TIME_DOES_NOT_EXIST", Detail: "The clocks go forward over this time."}
	}
	for _, hours := range []time.Duration{-time.Hour, time.Hour, -30 * time.Minute, 30 * time.Minute} {
		if u := t.Add(hours); u.Format("2006-01-02T15:04") == t.Format("2006-01-02T15:04") {
			return time.Time{}, &Wrong{Reason: "TIME_HAPPENS_TWICE", Detail: "The clocks go back over this time. Give it with an offset."}
		}
	}
	return t.UTC(), nil
}

// professions are what other systems call ours, in lower case.
var professions = map[string]string{
	"physiotherapist": "PHYSIOTHERAPIST", "physio": "PHYSIOTHERAPIST", "physical therapist": "PHYSIOTHERAPIST",
	"chiropractor": "CHIROPRACTOR", "acupuncturist": "ACUPUNCTURIST", "massage therapist": "MASSAGE_THERAPIST", "remedial massage therapist": "MASSAGE_THERAPIST",
	"physician": "PHYSICIAN", "doctor": "PHYSICIAN", "gp": "PHYSICIAN", "general practitioner": "PHYSICIAN",
}

// care is the kind of care that a profession gives.
var care = map[string]string{
	"PHYSIOTHERAPIST": "PHYSIOTHERAPY", "CHIROPRACTOR": "CHIROPRACTIC", "ACUPUNCTURIST": "ACUPUNCTURE",
	"MASSAGE_THERAPIST": "MASSAGE", "PHYSICIAN": "MEDICAL",
}

// profession reads a profession, and the care that goes with it.
func (r *Row) profession(field, text string) (string, []string) {
	code := professions[strings.ToLower(strings.TrimSpace(text))]
	if code == "" {
		if code = strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(text), " ", "_")); care[code] == "" {
			r.wrong("UNKNOWN_PROFESSION", field, "This profession is not one that the clinic has.")
			return "", nil
		}
	}
	return code, []string{care[code]}
}

// sexes are the codes of what other systems write, in lower case.
var sexes = map[string]string{"": "", "f": "FEMALE", "female": "FEMALE", "m": "MALE", "male": "MALE", "other": "OTHER", "x": "OTHER", "unknown": "UNKNOWN", "not specified": ""}

// proto makes the row of the service's request.
func (a *appointment) proto(r *Row, typeID, patientID, practitionerID string) *bookingv1.ImportedAppointment {
	return &bookingv1.ImportedAppointment{
		Row: r.Number, ExternalId: r.ExternalID, AppointmentTypeId: typeID, PatientId: patientID, PractitionerId: practitionerID,
		StartTime: stamp(a.Start), DurationMinutes: a.Minutes, Mode: a.Mode,
	}
}
