package importfile

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

// id is an id of Cliniko's: a number in its older answers, a text in its newer ones.
type id string

// UnmarshalJSON implements json.Unmarshaler.
func (i *id) UnmarshalJSON(data []byte) error {
	*i = id(strings.Trim(string(data), `"`))
	return nil
}

// ref is a link to another record, which ends in its id.
type ref struct {
	Links struct{ Self string }
}

func (r ref) id() string { return r.Links.Self[strings.LastIndexByte(r.Links.Self, '/')+1:] }

// page is a page of Cliniko's API, of whichever list; see its public documentation.
type page struct {
	Patients []struct {
		ID             id
		FirstName      string  `json:"first_name"`
		LastName       string  `json:"last_name"`
		Preferred      *string `json:"preferred_first_name"`
		DateOfBirth    *string `json:"date_of_birth"`
		Gender         *string
		Email          *string
		Address1       *string `json:"address_1"`
		Address2       *string `json:"address_2"`
		City           *string
		PostCode       *string `json:"post_code"`
		State          *string
		OldReferenceID *string `json:"old_reference_id"`
		Phones         []struct {
			Type   string `json:"phone_type"`
			Number string
		} `json:"patient_phone_numbers"`
		ArchivedAt *string `json:"archived_at"`
		DeletedAt  *string `json:"deleted_at"`
		MergedAt   *string `json:"merged_at"`
	}
	Practitioners []struct {
		ID                 id
		Title, Designation *string
		FirstName          string `json:"first_name"`
		LastName           string `json:"last_name"`
		Active             *bool
	}
	AppointmentTypes []struct {
		ID   id
		Name string
	} `json:"appointment_types"`
	Individual   []booking `json:"individual_appointments"`
	Appointments []booking
}

// booking is an appointment of Cliniko's.
type booking struct {
	ID           id
	StartsAt     string  `json:"starts_at"`
	EndsAt       string  `json:"ends_at"`
	StartsAtOld  string  `json:"appointment_start"`
	EndsAtOld    string  `json:"appointment_end"`
	CancelledAt  *string `json:"cancelled_at"`
	DeletedAt    *string `json:"deleted_at"`
	ArchivedAt   *string `json:"archived_at"`
	Type         ref     `json:"appointment_type"`
	Practitioner ref
	Patient      ref
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}

// ReadCliniko reads pages of Cliniko's API: one page, or a list of pages, of any of its lists
// of patients, practitioners, appointment types and individual appointments. It fails for a
// file that is not JSON or holds none of them.
func ReadCliniko(name string, data []byte, o Options) (*File, error) {
	var pages []page
	if err := json.Unmarshal(data, &pages); err != nil {
		var one page
		if err := json.Unmarshal(data, &one); err != nil {
			return nil, fmt.Errorf("%s: this is not a page of Cliniko's API", name)
		}
		pages = []page{one}
	}
	f, n := &File{Types: map[string]string{}}, map[Kind]int32{}
	add := func(kind Kind, external string) *Row {
		n[kind]++
		f.Rows = append(f.Rows, Row{File: name, Kind: kind, Number: n[kind], ExternalID: external})
		row := &f.Rows[len(f.Rows)-1]
		if external == "" || external == "null" || len(external) > 128 {
			row.wrong("NO_EXTERNAL_ID", "id", "The record has no id.")
		}
		return row
	}
	for _, p := range pages {
		for _, t := range p.AppointmentTypes {
			f.Types[string(t.ID)] = t.Name
		}
		p.practitioners(add)
		p.patients(o, add)
		for _, b := range append(p.Individual, p.Appointments...) {
			b.read(o, add(Appointments, string(b.ID)))
		}
	}
	if len(f.Rows) == 0 && len(f.Types) == 0 {
		return nil, fmt.Errorf("%s: no patients, practitioners, appointment_types or individual_appointments in it", name)
	}
	return f, nil
}

func (p page) practitioners(add func(Kind, string) *Row) {
	for _, who := range p.Practitioners {
		row := add(Practitioners, string(who.ID))
		code, gives := row.profession("designation", value(who.Designation))
		row.practitioner = &directoryv1.Practitioner{
			Title: value(who.Title), GivenName: who.FirstName, FamilyName: who.LastName, Profession: code, Disciplines: gives, Active: who.Active,
		}
	}
}

func (p page) patients(o Options, add func(Kind, string) *Row) {
	for _, who := range p.Patients {
		row := add(Patients, string(who.ID))
		row.patient = &directoryv1.Patient{
			GivenName: who.FirstName, FamilyName: who.LastName, PreferredName: value(who.Preferred), Email: value(who.Email), ExternalNumber: value(who.OldReferenceID),
			Address: &directoryv1.PostalAddress{City: value(who.City), PostalCode: value(who.PostCode), Region: value(who.State)},
		}
		for _, line := range []string{value(who.Address1), value(who.Address2)} {
			if line != "" {
				row.patient.Address.Lines = append(row.patient.Address.Lines, line)
			}
		}
		for i, phone := range who.Phones {
			if i == 0 || phone.Type == "Mobile" {
				row.patient.Phone = phone.Number
			}
		}
		if value(who.DeletedAt)+value(who.ArchivedAt)+value(who.MergedAt) != "" {
			row.wrong("DELETED_THERE", "deleted_at", "It was archived, merged or deleted in the other system.")
		}
		row.birthDate(o, value(who.DateOfBirth))
		row.patient.AdministrativeSex = sexes[strings.ToLower(value(who.Gender))] // any other word is nothing that we keep
	}
}

// read understands one appointment. Its times carry their offset.
func (b booking) read(o Options, row *Row) {
	a := &appointment{Type: b.Type.id(), Patient: b.Patient.id(), Practitioner: b.Practitioner.id()}
	row.appointment = a
	if value(b.CancelledAt)+value(b.DeletedAt)+value(b.ArchivedAt) != "" {
		row.wrong("CANCELLED_THERE", "cancelled_at", "It was cancelled, archived or deleted in the other system.")
	}
	start, wrong := o.parseTime(b.StartsAt + b.StartsAtOld)
	if wrong != nil {
		row.wrong(wrong.Reason, "starts_at", wrong.Detail)
	}
	end, wrong := o.parseTime(b.EndsAt + b.EndsAtOld)
	if wrong != nil {
		row.wrong(wrong.Reason, "ends_at", wrong.Detail)
	}
	a.Start = start
	minutes := end.Sub(start) / time.Minute
	if row.Wrong == nil && (minutes < 5 || minutes > 480 || end.Sub(start)%time.Minute != 0) {
		row.wrong("BAD_LENGTH", "ends_at", "It lasts less than 5 or more than 480 minutes.")
		return
	}
	a.Minutes = int32(minutes) //nolint:gosec // bounded above
}
