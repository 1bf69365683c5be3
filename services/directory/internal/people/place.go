package people

import (
	"slices"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Clinic is one clinic with its settings.
type Clinic struct {
	ID                  string
	Slug                string
	PublicName          string
	TimeZone            string
	Locale              string
	EmergencyNumbers    []EmergencyNumber
	SafetyOfficer       SafetyOfficer
	Phone               string
	Email               string
	Address             Address
	RegistrationEnabled bool
	CreatedAt           time.Time
	UpdatedAt           time.Time
	Version             int64
}

// EmergencyNumber is shown when a patient needs help at once.
type EmergencyNumber struct {
	Label  string
	Number string
	Kind   string
}

// SafetyOfficer answers for the safety of the clinical rules.
type SafetyOfficer struct {
	Name         string
	Registration string
	Contact      string
}

// RegistrationOpen reports whether patients may register by themselves: only where the public
// form can show an emergency number (clinical reference 4.8) and a clinical safety officer is
// named (clinical reference 5, decision 5).
func (c Clinic) RegistrationOpen() bool {
	return c.RegistrationEnabled && c.SafetyOfficer.Name != "" &&
		slices.ContainsFunc(c.EmergencyNumbers, func(n EmergencyNumber) bool { return n.Kind == "EMERGENCY" })
}

// reservedSlugs are addresses that the public pages need for themselves.
var reservedSlugs = []string{"admin", "api", "assets", "calendar", "docs", "healthz", "login", "metrics", "new", "public", "readyz", "sign-in", "static", "v1"}

// CleanClinic checks a clinic and gives it as it is stored. Whether the zone exists the caller
// finds out, since that reads the zone data. INVALID_ARGUMENT names the field, with prefix
// before it.
func CleanClinic(prefix string, c Clinic) (Clinic, error) {
	f := fields{prefix: prefix}
	switch {
	case c.Slug == "":
		f.check(fault.Invalid(prefix+"slug", "must be given"))
	case slices.Contains(reservedSlugs, c.Slug):
		f.check(fault.Invalid(prefix+"slug", "is reserved"))
	}
	f.name(&c.PublicName, "public_name", true)
	if c.Locale == "" {
		f.check(fault.Invalid(prefix+"locale", "must be given"))
	}
	f.language(&c.Locale, "locale")
	c.EmergencyNumbers = slices.Clone(c.EmergencyNumbers)
	for i := range c.EmergencyNumbers {
		at := "emergency_numbers[" + strconv.Itoa(i) + "]."
		f.name(&c.EmergencyNumbers[i].Label, at+"label", true)
		f.text(&c.EmergencyNumbers[i].Number, at+"number")
	}
	f.name(&c.SafetyOfficer.Name, "clinical_safety_officer.name", false)
	f.text(&c.SafetyOfficer.Registration, "clinical_safety_officer.registration")
	f.text(&c.SafetyOfficer.Contact, "clinical_safety_officer.contact")
	f.phone(&c.Phone, "phone")
	f.email(&c.Email, "email")
	f.address(&c.Address, "address.")
	return c, f.err
}

// Location is a place where a clinic treats patients.
type Location struct {
	ID          string
	DisplayName string
	Address     Address
	Phone       string
	TimeZone    string
	Active      bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64
}

// CleanLocation checks a location and gives it as it is stored. INVALID_ARGUMENT names the
// field, with prefix before it.
func CleanLocation(prefix string, l Location) (Location, error) {
	f := fields{prefix: prefix}
	f.name(&l.DisplayName, "display_name", true)
	f.address(&l.Address, "address.")
	f.phone(&l.Phone, "phone")
	return l, f.err
}

// Room is a room of a location.
type Room struct {
	ID           string
	LocationID   string
	DisplayName  string
	Capabilities []string
	Active       bool
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Version      int64
}

// CleanRoom checks a room and gives it as it is stored. INVALID_ARGUMENT names the field, with
// prefix before it.
func CleanRoom(prefix string, r Room) (Room, error) {
	f := fields{prefix: prefix}
	if r.LocationID == "" {
		f.check(fault.Invalid(prefix+"location_id", "must be given"))
	}
	f.name(&r.DisplayName, "display_name", true)
	r.Capabilities = slices.Clone(r.Capabilities)
	slices.Sort(r.Capabilities)
	return r, f.err
}

// Equipment is something that an appointment may need and only one can use at a time.
type Equipment struct {
	ID         string
	LocationID string
	// RoomID is the room that it never leaves; empty when it is moved about.
	RoomID       string
	DisplayName  string
	Capabilities []string
	Active       bool
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Version      int64
}

// CleanEquipment checks a piece of equipment and gives it as it is stored. INVALID_ARGUMENT
// names the field, with prefix before it.
func CleanEquipment(prefix string, e Equipment) (Equipment, error) {
	f := fields{prefix: prefix}
	if e.LocationID == "" {
		f.check(fault.Invalid(prefix+"location_id", "must be given"))
	}
	f.name(&e.DisplayName, "display_name", true)
	e.Capabilities = slices.Clone(e.Capabilities)
	slices.Sort(e.Capabilities)
	return e, f.err
}
