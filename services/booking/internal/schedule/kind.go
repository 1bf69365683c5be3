package schedule

// Kind is what an appointment is for, as the booking gate sees it.
type Kind string

// The kinds of visit.
const (
	InitialAssessment   Kind = "INITIAL_ASSESSMENT"
	TelephoneReview     Kind = "TELEPHONE_REVIEW"
	PhysicianAssessment Kind = "PHYSICIAN_ASSESSMENT"
	Treatment           Kind = "TREATMENT"
	Injection           Kind = "INJECTION"
)

// handsOn reports whether the kind treats, so that a contraindication of its discipline
// bears on it. Assessments only look and talk.
func (k Kind) handsOn() bool { return k == Treatment || k == Injection }

// Discipline is a kind of care.
type Discipline string

// The disciplines.
const (
	Physiotherapy       Discipline = "PHYSIOTHERAPY"
	Chiropractic        Discipline = "CHIROPRACTIC"
	Acupuncture         Discipline = "ACUPUNCTURE"
	Massage             Discipline = "MASSAGE"
	FacetJointInjection Discipline = "FACET_JOINT_INJECTION"
	Medical             Discipline = "MEDICAL"
	CBT                 Discipline = "CBT"
)

// Mode is how patient and practitioner meet.
type Mode string

// The modes.
const (
	InPerson  Mode = "IN_PERSON"
	Online    Mode = "ONLINE"
	Telephone Mode = "TELEPHONE"
)

// Party is who asks for a booking: rules differ for patients and staff.
type Party int

// The parties.
const (
	Patient Party = iota
	Staff
)

// ResourceKind is what a claim takes.
type ResourceKind string

// The kinds of resource.
const (
	PractitionerResource ResourceKind = "PRACTITIONER"
	RoomResource         ResourceKind = "ROOM"
	EquipmentResource    ResourceKind = "EQUIPMENT"
	PatientResource      ResourceKind = "PATIENT"
)
