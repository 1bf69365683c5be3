package seed

import (
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

// typeKey names an appointment type within the seed.
type typeKey string

const (
	assessment typeKey = "assessment"
	physio     typeKey = "physio"
	physioWeb  typeKey = "physio-online"
	chiro      typeKey = "chiro"
	acu        typeKey = "acu"
	massage    typeKey = "massage-first"
	massageMax typeKey = "massage"
	injection  typeKey = "injection"
	physician  typeKey = "physician"
	telephone  typeKey = "telephone"
)

// kind is an appointment type with the name the seed knows it by.
type kind struct {
	key typeKey
	typ *bookingv1.AppointmentType
}

// Notice and horizon of the demo clinic: patients book from two hours to twelve weeks ahead,
// staff up to three years; cancelling is free until a day before.
const (
	patientNotice  = 120
	patientHorizon = 84
	staffHorizon   = 1096
	cancelNotice   = 24 * 60
)

// types are the appointment types of the clinical reference: lengths in minutes from its
// rows F123 (injection 20 to 30 plus recovery, default 30), F131 (first massage 30, later 30,
// 45 or 60), F143 and F183 (online physiotherapy).
func types() []kind {
	list := []kind{
		{assessment, &bookingv1.AppointmentType{DisplayName: "Initial assessment", Kind: "INITIAL_ASSESSMENT", DurationMinutes: 45, StartStepMinutes: 15, Modes: []string{"IN_PERSON"}, PatientBookable: true}},
		{physio, &bookingv1.AppointmentType{DisplayName: "Physiotherapy", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, Modes: []string{"IN_PERSON"}, RequiredCredential: "PHYSIOTHERAPY", PatientBookable: true}},
		{physioWeb, &bookingv1.AppointmentType{DisplayName: "Physiotherapy online", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, Modes: []string{"ONLINE"}, RequiredCredential: "PHYSIOTHERAPY", NoRoom: true, PatientBookable: true, MeetingUriPrefix: "https://meet.demo.clinic/"}},
		{chiro, &bookingv1.AppointmentType{DisplayName: "Chiropractic treatment", Kind: "TREATMENT", Discipline: "CHIROPRACTIC", DurationMinutes: 20, StartStepMinutes: 10, Modes: []string{"IN_PERSON"}, RequiredCredential: "CHIROPRACTIC", PatientBookable: true}},
		{acu, &bookingv1.AppointmentType{DisplayName: "Acupuncture", Kind: "TREATMENT", Discipline: "ACUPUNCTURE", DurationMinutes: 30, Modes: []string{"IN_PERSON"}, RequiredCredential: "ACUPUNCTURE", PatientBookable: true}},
		{massage, &bookingv1.AppointmentType{DisplayName: "First massage", Kind: "TREATMENT", Discipline: "MASSAGE", DurationMinutes: 30, Modes: []string{"IN_PERSON"}, RequiredCredential: "MASSAGE", PatientBookable: true}},
		{massageMax, &bookingv1.AppointmentType{DisplayName: "Massage", Kind: "TREATMENT", Discipline: "MASSAGE", DurationMinutes: 30, OtherDurationsMinutes: []int32{45, 60}, StartStepMinutes: 15, Modes: []string{"IN_PERSON"}, RequiredCredential: "MASSAGE", PatientBookable: true}},
		{injection, &bookingv1.AppointmentType{DisplayName: "Facet-joint injection", Kind: "INJECTION", Discipline: "FACET_JOINT_INJECTION", DurationMinutes: 30, OtherDurationsMinutes: []int32{20, 25}, RecoveryMinutes: 30, Modes: []string{"IN_PERSON"}, RequiredCredential: "FACET_JOINT_INJECTION", RoomCapabilities: []string{fluoroscopy}, PlanRequired: true}},
		{physician, &bookingv1.AppointmentType{DisplayName: "Physician's assessment", Kind: "PHYSICIAN_ASSESSMENT", Discipline: "MEDICAL", DurationMinutes: 30, Modes: []string{"IN_PERSON"}, RequiredCredential: "MEDICINE", PatientBookable: true}},
		{telephone, &bookingv1.AppointmentType{DisplayName: "Telephone review", Kind: "TELEPHONE_REVIEW", DurationMinutes: 15, StartStepMinutes: 15, Modes: []string{"TELEPHONE"}, NoRoom: true}},
	}
	for _, k := range list {
		k.typ.PatientNoticeMinutes, k.typ.PatientHorizonDays = patientNotice, patientHorizon
		k.typ.StaffHorizonDays, k.typ.CancelNoticeMinutes = staffHorizon, cancelNotice
	}
	return list
}

const fluoroscopy = "FLUOROSCOPY"

// post is a practitioner's job: what they are and what they give.
type post struct {
	profession  string
	disciplines []string
	credentials []string
	gives       []typeKey // what their diary is filled with
}

// posts repeat for clinics of more than ten practitioners.
var posts = []post{
	{"PHYSIOTHERAPIST", []string{"PHYSIOTHERAPY"}, []string{"PHYSIOTHERAPY"}, []typeKey{physio, physioWeb, assessment}},
	{"PHYSICIAN", []string{"MEDICAL", "FACET_JOINT_INJECTION"}, []string{"MEDICINE", "FACET_JOINT_INJECTION"}, []typeKey{physician, telephone}},
	{"CHIROPRACTOR", []string{"CHIROPRACTIC"}, []string{"CHIROPRACTIC"}, []typeKey{chiro}},
	{"MASSAGE_THERAPIST", []string{"MASSAGE"}, []string{"MASSAGE"}, []typeKey{massage}},
	{"ACUPUNCTURIST", []string{"ACUPUNCTURE"}, []string{"ACUPUNCTURE"}, []typeKey{acu}},
	{"PHYSIOTHERAPIST", []string{"PHYSIOTHERAPY", "ACUPUNCTURE"}, []string{"PHYSIOTHERAPY", "ACUPUNCTURE"}, []typeKey{physio, physioWeb, acu}},
	{"PHYSIOTHERAPIST", []string{"PHYSIOTHERAPY", "MASSAGE"}, []string{"PHYSIOTHERAPY", "MASSAGE"}, []typeKey{physio, massage, physioWeb}},
	{"CHIROPRACTOR", []string{"CHIROPRACTIC", "MASSAGE"}, []string{"CHIROPRACTIC", "MASSAGE"}, []typeKey{chiro, massage}},
	{"PHYSICIAN", []string{"MEDICAL"}, []string{"MEDICINE"}, []typeKey{physician, telephone}},
	{"MASSAGE_THERAPIST", []string{"MASSAGE"}, []string{"MASSAGE"}, []typeKey{massage}},
}

// emergency are the numbers that the public pages show.
func emergency() []*directoryv1.EmergencyNumber {
	return []*directoryv1.EmergencyNumber{
		{Label: "Emergency services", Number: "999", Kind: "EMERGENCY"},
		{Label: "NHS 111", Number: "111", Kind: "OUT_OF_HOURS"},
		{Label: "Samaritans", Number: "116 123", Kind: "CRISIS"},
	}
}

// Invented people: any likeness is chance.
var (
	givenNames  = []string{"Ada", "Amir", "Anja", "Bela", "Caleb", "Chidi", "Clara", "Dilan", "Edda", "Elias", "Esme", "Farah", "Finn", "Gwen", "Hana", "Idris", "Ines", "Jonas", "Kofi", "Lena", "Liam", "Mara", "Milo", "Nadia", "Noor", "Omar", "Petra", "Quinn", "Rosa", "Sami", "Tara", "Ugo", "Vera", "Wren", "Yara", "Zeno"}
	familyNames = []string{"Abara", "Ashby", "Bauer", "Brook", "Castillo", "Dunne", "Egede", "Falk", "Fontaine", "Garrow", "Hale", "Hadley", "Ibsen", "Jansen", "Kaya", "Keating", "Larkin", "Lindqvist", "Marlowe", "Mensah", "Nowak", "Okafor", "Ortega", "Pascoe", "Quist", "Rahman", "Rowe", "Sandhu", "Silva", "Thorne", "Underhill", "Varga", "Whitlock", "Xavier", "Yilmaz", "Zeller"}
)
