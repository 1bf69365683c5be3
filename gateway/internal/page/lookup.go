package page

import (
	"cmp"
	"slices"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

// practitioners returns everybody who treats, by id.
func (c *call) practitioners() (map[string]*directoryv1.Practitioner, error) {
	all := map[string]*directoryv1.Practitioner{}
	for token := ""; ; {
		page, err := c.clients.practitioners.ListPractitioners(c.ctx(), &directoryv1.ListPractitionersRequest{
			ShowInactive: true, PageSize: 500, PageToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, p := range page.GetPractitioners() {
			all[p.GetPractitionerId()] = p
		}
		if token = page.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

// practitionerOptions lists those who work, by name, for a select.
func practitionerOptions(all map[string]*directoryv1.Practitioner) (options []Option) {
	for id, p := range all {
		if p.Active == nil || p.GetActive() {
			options = append(options, Option{Value: id, Label: p.GetDisplayName()})
		}
	}
	slices.SortFunc(options, func(a, b Option) int { return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value)) })
	return options
}

// types returns every type of appointment, by id and in the order of the service.
func (c *call) types() (map[string]*bookingv1.AppointmentType, []*bookingv1.AppointmentType, error) {
	got, err := c.clients.types.ListAppointmentTypes(c.ctx(), &bookingv1.ListAppointmentTypesRequest{})
	if err != nil {
		return nil, nil, err
	}
	all := make(map[string]*bookingv1.AppointmentType, len(got.GetAppointmentTypes()))
	for _, t := range got.GetAppointmentTypes() {
		all[t.GetAppointmentTypeId()] = t
	}
	return all, got.GetAppointmentTypes(), nil
}

// batch is how many records are asked for at once.
const batch = 500

// patientNames returns the names of patients, by id; for staff.
func (c *call) patientNames(ids []string) (map[string]*directoryv1.Patient, error) {
	found := make(map[string]*directoryv1.Patient, len(ids))
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for part := range slices.Chunk(ids, batch) {
		got, err := c.clients.patients.BatchGetPatients(c.ctx(), &directoryv1.BatchGetPatientsRequest{PatientIds: part})
		if err != nil {
			return nil, err
		}
		for _, p := range got.GetPatients() {
			found[p.GetPatientId()] = p
		}
	}
	return found, nil
}

// patient returns one record.
func (c *call) patient(id string) (*directoryv1.Patient, error) {
	got, err := c.clients.patients.GetPatient(c.ctx(), &directoryv1.GetPatientRequest{PatientId: id})
	return got.GetPatient(), err
}

// patientName is what a person is called: the name they like, or the given one, and the
// family name.
func patientName(p *directoryv1.Patient) string {
	first := p.GetPreferredName()
	if first == "" {
		first = p.GetGivenName()
	}
	if first == "" {
		return p.GetFamilyName()
	}
	return first + " " + p.GetFamilyName()
}

// visit is an appointment with the names that go with it.
type visit struct {
	*bookingv1.Appointment
	// Patient, Practitioner and Type are names; empty when they are not known.
	Patient, Practitioner, Type string
}

// Over reports whether nothing more will happen to the appointment.
func (v visit) Over() bool {
	switch v.GetState() {
	case "COMPLETED", "CANCELLED", "NO_SHOW":
		return true
	}
	return false
}

// visits puts names to appointments. Patients' names are left out for a patient, who may
// not ask for them.
func (c *call) visits(list []*bookingv1.Appointment, withPatients bool) ([]visit, error) {
	if len(list) == 0 {
		return nil, nil
	}
	practitioners, err := c.practitioners()
	if err != nil {
		return nil, err
	}
	types, _, err := c.types()
	if err != nil {
		return nil, err
	}
	var names map[string]*directoryv1.Patient
	if withPatients {
		ids := make([]string, len(list))
		for i, a := range list {
			ids[i] = a.GetPatientId()
		}
		if names, err = c.patientNames(ids); err != nil {
			return nil, err
		}
	}
	out := make([]visit, len(list))
	for i, a := range list {
		out[i] = visit{
			Appointment: a, Patient: patientName(names[a.GetPatientId()]),
			Practitioner: practitioners[a.GetPractitionerId()].GetDisplayName(),
			Type:         types[a.GetAppointmentTypeId()].GetDisplayName(),
		}
	}
	return out, nil
}

// appointments returns every appointment that a request picks, page after page.
func (c *call) appointments(request *bookingv1.ListAppointmentsRequest) (all []*bookingv1.Appointment, err error) {
	for {
		page, err := c.clients.appointments.ListAppointments(c.ctx(), request)
		if err != nil {
			return nil, err
		}
		all = append(all, page.GetAppointments()...)
		if request.PageToken = page.GetNextPageToken(); request.GetPageToken() == "" || len(all) > 5000 {
			return all, nil
		}
	}
}
