package schedule

import (
	"fmt"
	"slices"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Fluoroscopy is the code of a room with real-time X-ray guidance, which a facet-joint
// injection needs (clinical reference F121).
const Fluoroscopy = "FLUOROSCOPY"

// Lengths from the clinical reference.
const (
	injectionMinMinutes = 20 // F123: "takes 20 to 30 minutes"
	injectionMaxMinutes = 30 // F123
	firstMassageMinutes = 30 // F131: "start with 30 minutes"
)

// Horizons that a type has when it names none, in days.
const (
	defaultPatientHorizonDays = 90
	defaultStaffHorizonDays   = 731
)

// Type is something that can be booked. Lengths are minutes, multiples of five.
type Type struct {
	ID                    string     `json:"-"`
	Name                  string     `json:"name"`
	Kind                  Kind       `json:"kind"`
	Discipline            Discipline `json:"discipline,omitempty"`
	Duration              int        `json:"duration"`
	OtherDurations        []int      `json:"other_durations,omitempty"`
	BufferBefore          int        `json:"buffer_before,omitempty"`
	BufferAfter           int        `json:"buffer_after,omitempty"`
	Recovery              int        `json:"recovery,omitempty"`
	Step                  int        `json:"step"`
	Modes                 []Mode     `json:"modes"`
	RequiredCredential    string     `json:"required_credential,omitempty"`
	RoomCapabilities      []string   `json:"room_capabilities,omitempty"`
	NoRoom                bool       `json:"no_room,omitempty"`
	EquipmentCapabilities []string   `json:"equipment_capabilities,omitempty"`
	PatientBookable       bool       `json:"patient_bookable,omitempty"`
	PlanRequired          bool       `json:"plan_required,omitempty"`
	PatientNotice         int        `json:"patient_notice,omitempty"`
	PatientHorizonDays    int        `json:"patient_horizon_days"`
	StaffNotice           int        `json:"staff_notice,omitempty"`
	StaffHorizonDays      int        `json:"staff_horizon_days"`
	CancelNotice          int        `json:"cancel_notice,omitempty"`
	MeetingURIPrefix      string     `json:"meeting_uri_prefix,omitempty"`
	Inactive              bool       `json:"inactive,omitempty"`
	// Capacity is how many patients share a session; up to one means that they do not.
	Capacity int `json:"capacity,omitempty"`
	// Packed offers patients only starts that cost no session, see Pack.
	Packed bool `json:"packed,omitempty"`
}

// Normal returns the type with defaults filled in. Its answer, not its receiver, is what
// Validate looks at and what is stored.
func (t Type) Normal() Type {
	if len(t.Modes) == 0 {
		t.Modes = []Mode{InPerson}
	}
	if t.Step == 0 {
		t.Step = 15
		if t.Duration > 0 && t.Duration <= 60 && 60%t.Duration == 0 {
			t.Step = t.Duration
		}
	}
	if t.PatientHorizonDays == 0 {
		t.PatientHorizonDays = defaultPatientHorizonDays
	}
	if t.StaffHorizonDays == 0 {
		t.StaffHorizonDays = defaultStaffHorizonDays
	}
	if t.Kind == Injection {
		t.PlanRequired = true
	}
	return t
}

// Validate returns INVALID_ARGUMENT naming the field when the type cannot be booked safely.
func (t Type) Validate() error {
	for _, m := range []struct {
		field   string
		minutes int
	}{
		{"duration_minutes", t.Duration},
		{"buffer_before_minutes", t.BufferBefore},
		{"buffer_after_minutes", t.BufferAfter},
		{"recovery_minutes", t.Recovery},
		{"start_step_minutes", t.Step},
	} {
		if m.minutes%grainMinutes != 0 {
			return invalidType(m.field, "must be a multiple of five minutes")
		}
	}
	for _, d := range t.OtherDurations {
		if d%grainMinutes != 0 {
			return invalidType("other_durations_minutes", "must be multiples of five minutes")
		}
	}
	if 60%t.Step != 0 {
		return invalidType("start_step_minutes", "must divide an hour")
	}
	if slices.Contains(t.Modes, Online) && t.MeetingURIPrefix == "" {
		return invalidType("meeting_uri_prefix", "is required for a type that can be booked online")
	}
	if t.Shared() && (t.Kind != Treatment || t.Discipline == FacetJointInjection) {
		return invalidType("capacity", "only a treatment can be given to several patients at a time")
	}
	if t.NoRoom && len(t.RoomCapabilities) > 0 {
		return invalidType("no_room", "contradicts room_capabilities")
	}
	return t.validateCare()
}

// validateCare checks what the clinical reference says about lengths and places.
func (t Type) validateCare() error {
	if (t.Kind == Injection) != (t.Discipline == FacetJointInjection) {
		return invalidType("discipline", "FACET_JOINT_INJECTION and the kind INJECTION go together")
	}
	if t.Kind == Treatment && t.Discipline == "" {
		return invalidType("discipline", "is required for a treatment")
	}
	if t.Kind != Injection {
		return nil
	}
	for _, d := range append([]int{t.Duration}, t.OtherDurations...) {
		if d < injectionMinMinutes || d > injectionMaxMinutes {
			return invalidType("duration_minutes", fmt.Sprintf("an injection takes %d to %d minutes", injectionMinMinutes, injectionMaxMinutes))
		}
	}
	switch {
	case t.Recovery == 0:
		return invalidType("recovery_minutes", "an injection needs recovery time after it")
	case !slices.Equal(t.Modes, []Mode{InPerson}):
		return invalidType("modes", "an injection is given in person")
	case !slices.Contains(t.RoomCapabilities, Fluoroscopy):
		return invalidType("room_capabilities", "an injection needs a FLUOROSCOPY room")
	}
	return nil
}

func invalidType(field, why string) error {
	return fault.Invalid("appointment_type."+field, why)
}

// Shared reports whether several patients share a session.
func (t Type) Shared() bool { return t.Capacity > 1 }

// Lasts returns the length to book when minutes is asked for, 0 meaning the usual one, and
// false when the type has no such length.
func (t Type) Lasts(minutes int) (int, bool) {
	if minutes == 0 || minutes == t.Duration {
		return t.Duration, true
	}
	return minutes, slices.Contains(t.OtherDurations, minutes)
}

// In returns the mode to book when one is asked for, empty meaning the usual one, and false
// when the type cannot be had that way.
func (t Type) In(mode Mode) (Mode, bool) {
	if mode == "" {
		return t.Modes[0], true
	}
	return mode, slices.Contains(t.Modes, mode)
}

// NeedsRoom reports whether a visit in the mode takes a room.
func (t Type) NeedsRoom(mode Mode) bool { return mode == InPerson && !t.NoRoom }

// NeedsEquipment returns the capabilities of which a visit in the mode takes a device each.
func (t Type) NeedsEquipment(mode Mode) []string {
	if mode != InPerson {
		return nil
	}
	return t.EquipmentCapabilities
}

// Footprint is the time that a visit takes of each kind of resource. Preparation and
// clearing up take practitioner, room and equipment; recovery takes patient and room; so a
// patient may go straight from one practitioner to the next.
type Footprint struct {
	Visit, Practitioner, Room, Equipment, Patient Span
}

// Footprint returns what a visit of the given minutes takes when it starts at start.
func (t Type) Footprint(start Slot, minutes int) Footprint {
	visit := Span{start, start + slots(minutes)}
	worked := Span{visit.From - slots(t.BufferBefore), visit.To + slots(t.BufferAfter)}
	return Footprint{
		Visit:        visit,
		Practitioner: worked,
		Room:         Span{worked.From, max(worked.To, visit.To+slots(t.Recovery))},
		Equipment:    worked,
		Patient:      Span{visit.From, visit.To + slots(t.Recovery)},
	}
}

// Hull is the smallest span that covers every part.
func (f Footprint) Hull() Span { return f.Room.Hull(f.Practitioner).Hull(f.Patient) }
