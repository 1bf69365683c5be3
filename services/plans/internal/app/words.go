package app

import (
	"strings"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// States of a ledger entry that a claim goes through; an injection's own states are those
// of package injection.
const (
	Held      = "HELD"      // granted, the booking's outcome is not known yet
	Confirmed = "CONFIRMED" // booked
	Released  = "RELEASED"  // void or cancelled
	Used      = "USED"      // delivered
	NoShow    = "NO_SHOW"   // the patient did not come
)

// Where an injection was given.
const (
	SourceClinic   = "CLINIC"
	SourceExternal = "EXTERNAL_DOCUMENTED"
	SourceReported = "EXTERNAL_PATIENT_REPORTED"
)

// trimEnum gives the short word of a proto enum's name, empty for the unspecified value.
func trimEnum(name, prefix string) string {
	word := strings.TrimPrefix(name, prefix)
	if word == "UNSPECIFIED" {
		return ""
	}
	return word
}

// disciplineWord gives a kind of care as the catalogue names it.
func disciplineWord(d typev1.Discipline) string { return trimEnum(d.String(), "DISCIPLINE_") }

// disciplineEnum gives the proto value of a catalogue's word.
func disciplineEnum(word string) typev1.Discipline {
	return typev1.Discipline(typev1.Discipline_value["DISCIPLINE_"+word])
}
