package plans_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func (w *world) notes() plansv1.SessionNoteServiceClient {
	return plansv1.NewSessionNoteServiceClient(w.served.Conn())
}

func (w *world) exams() plansv1.ExaminationServiceClient {
	return plansv1.NewExaminationServiceClient(w.served.Conn())
}

// colleague is another clinician of the clinic.
func (w *world) colleague() context.Context {
	p := rpctest.Person(clinic, typev1.Role_ROLE_CLINICIAN)
	p.Subject, p.Profession, p.PractitionerID = "acc_colleague", typev1.Profession_PROFESSION_MASSAGE_THERAPIST, masseur
	return authn.With(w.t.Context(), p)
}

// begun begins a note.
func (w *world) begun(r *plansv1.CreateNoteRequest) *plansv1.SessionNote {
	w.t.Helper()
	r.PatientId = patient
	got, err := w.notes().CreateNote(w.physio(), r)
	if err != nil {
		w.t.Fatalf("CreateNote: %v", err)
	}
	return got.GetNote()
}

// saved saves a draft with some words.
func (w *world) saved(n *plansv1.SessionNote, change func(*plansv1.UpdateNoteRequest)) *plansv1.SessionNote {
	w.t.Helper()
	r := &plansv1.UpdateNoteRequest{NoteId: n.GetNoteId(), Etag: n.GetEtag(), Subjective: "canary-s", Objective: "o", Assessment: "a", Plan: "p"}
	if change != nil {
		change(r)
	}
	got, err := w.notes().UpdateNote(w.physio(), r)
	if err != nil {
		w.t.Fatalf("UpdateNote: %v %v", err, fault.From(err).Facts)
	}
	return got.GetNote()
}

func (w *world) signed(n *plansv1.SessionNote) *plansv1.SessionNote {
	w.t.Helper()
	got, err := w.notes().SignNote(w.physio(), &plansv1.SignNoteRequest{NoteId: n.GetNoteId(), Etag: n.GetEtag()})
	if err != nil {
		w.t.Fatalf("SignNote: %v", err)
	}
	return got.GetNote()
}

// ask 10: a note is carried forward, saved as it is written, signed and locked, and after that
// only added to.
func TestSessionNotes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		first := w.begun(&plansv1.CreateNoteRequest{AppointmentId: "apt_1", Discipline: "PHYSIOTHERAPY", RequestId: "n1"})
		if first.GetSubjective() != "" || first.GetCarriedFromNoteId() != "" || first.GetState() != "DRAFT" {
			t.Errorf("the first note starts with %v", first)
		}
		_, err := w.notes().CreateNote(w.physio(), &plansv1.CreateNoteRequest{PatientId: patient, AppointmentId: "apt_1", Discipline: "PHYSIOTHERAPY"})
		if f := refused(t, err, "NOTE_EXISTS"); f.Facts["note_id"] != first.GetNoteId() {
			t.Errorf("%v", f.Facts)
		}
		_, err = w.notes().SignNote(w.physio(), &plansv1.SignNoteRequest{NoteId: first.GetNoteId(), Etag: first.GetEtag()})
		refused(t, err, "NOTE_EMPTY")
		one := w.saved(first, nil)
		two := w.saved(one, func(r *plansv1.UpdateNoteRequest) {
			r.Procedures, r.Adjuncts = []string{"TRACTION"}, []string{"MASSAGE"}
		}) // F142, F156
		_, err = w.notes().UpdateNote(w.physio(), &plansv1.UpdateNoteRequest{NoteId: first.GetNoteId(), Etag: one.GetEtag(), Subjective: "late"})
		refused(t, err, "VERSION_MISMATCH")
		_, err = w.notes().UpdateNote(w.colleague(), &plansv1.UpdateNoteRequest{NoteId: first.GetNoteId(), Etag: two.GetEtag(), Subjective: "mine"})
		refused(t, err, "NOT_THE_AUTHOR")
		_, err = w.notes().GetNote(w.colleague(), &plansv1.GetNoteRequest{NoteId: first.GetNoteId()})
		refused(t, err, "NOT_FOUND")
		_, err = w.notes().AddAddendum(w.physio(), &plansv1.AddAddendumRequest{NoteId: first.GetNoteId(), Text: "x"})
		refused(t, err, "NOTE_DRAFT")

		locked := w.signed(two)
		_, err = w.notes().UpdateNote(w.physio(), &plansv1.UpdateNoteRequest{NoteId: first.GetNoteId(), Etag: locked.GetEtag(), Subjective: "changed"})
		refused(t, err, "NOTE_SIGNED")
		_, err = w.notes().SignNote(w.physio(), &plansv1.SignNoteRequest{NoteId: first.GetNoteId(), Etag: locked.GetEtag()})
		refused(t, err, "NOTE_SIGNED")
		add := &plansv1.AddAddendumRequest{NoteId: first.GetNoteId(), Text: "canary-more", RequestId: "a1"}
		for range 2 {
			got, err := w.notes().AddAddendum(w.colleague(), add)
			if err != nil || len(got.GetNote().GetAddenda()) != 1 || got.GetNote().GetSubjective() != "canary-s" {
				t.Fatalf("%v, %v", got, err)
			}
		}
		next := w.begun(&plansv1.CreateNoteRequest{AppointmentId: "apt_2", Discipline: "PHYSIOTHERAPY"})
		if next.GetSubjective() != "canary-s" || next.GetCarriedFromNoteId() != first.GetNoteId() || len(next.GetProcedures()) != 1 {
			t.Errorf("carried forward: %v", next)
		}
		if blank := w.begun(&plansv1.CreateNoteRequest{Discipline: "PHYSIOTHERAPY", Blank: true}); blank.GetSubjective() != "" {
			t.Errorf("blank: %v", blank)
		}
		if other := w.begun(&plansv1.CreateNoteRequest{Discipline: "ACUPUNCTURE"}); other.GetSubjective() != "" {
			t.Errorf("of another kind of care: %v", other)
		}
		mine, err := w.notes().ListNotes(w.physio(), &plansv1.ListNotesRequest{PatientId: patient, PageSize: 3})
		if err != nil || len(mine.GetNotes()) != 3 || mine.GetNextPageToken() == "" {
			t.Errorf("%v, %v", mine, err)
		}
		theirs, err := w.notes().ListNotes(w.colleague(), &plansv1.ListNotesRequest{PatientId: patient})
		if err != nil || len(theirs.GetNotes()) != 1 {
			t.Errorf("a colleague sees %v, %v", theirs, err)
		}
		for name, ctx := range map[string]context.Context{"reception": w.reception(), "patient": w.patient()} {
			if _, err := w.notes().ListNotes(ctx, &plansv1.ListNotesRequest{PatientId: patient}); !fault.IsKind(err, fault.PermissionDenied) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if strings.Contains(w.logged.String()+fmt.Sprint(w.events()), "canary") || w.rows(`SELECT count(*) FROM audit_log WHERE facts LIKE '%canary%'`) != 0 {
			t.Error("a note left the database")
		}
	})
}

// F132: after too much pressure the next session says so. F154: electrotherapy with a
// pacemaker is refused.
func TestNotePromptsAndContraindications(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		first := w.begun(&plansv1.CreateNoteRequest{Discipline: "MASSAGE"})
		w.signed(w.saved(first, func(r *plansv1.UpdateNoteRequest) { r.PressureTolerance = proto.Int32(9) }))
		next := w.begun(&plansv1.CreateNoteRequest{Discipline: "MASSAGE"})
		if strings.Join(next.GetPrompts(), ",") != "LIGHTER_PRESSURE" || next.PressureTolerance != nil {
			t.Errorf("F132: %v", next)
		}
		w.signed(w.saved(next, func(r *plansv1.UpdateNoteRequest) { r.PressureTolerance = proto.Int32(5) }))
		if again := w.begun(&plansv1.CreateNoteRequest{Discipline: "MASSAGE"}); len(again.GetPrompts()) != 0 {
			t.Errorf("F132 after 5: %v", again.GetPrompts())
		}
		w.intake.say(t, patient, "implant", "pacemaker_icd")
		draft := w.begun(&plansv1.CreateNoteRequest{Discipline: "PHYSIOTHERAPY"})
		_, err := w.notes().UpdateNote(w.physio(), &plansv1.UpdateNoteRequest{NoteId: draft.GetNoteId(), Etag: draft.GetEtag(), Procedures: []string{"EMS"}})
		if f := refused(t, err, "CONTRAINDICATED"); f.Facts["rule"] != "X-ELEC-1" {
			t.Errorf("F154: %v", f.Facts)
		}
		codes, err := w.notes().ListProcedureCodes(w.physio(), &plansv1.ListProcedureCodesRequest{Discipline: "CHIROPRACTIC"})
		if err != nil || !strings.Contains(fmt.Sprint(codes), "NG59 advises against traction") {
			t.Errorf("F142: %v, %v", codes, err)
		}
		for name, c := range map[string]struct {
			change func(*plansv1.UpdateNoteRequest)
			field  string
		}{
			"procedure": {func(r *plansv1.UpdateNoteRequest) { r.Procedures = []string{"LEECHES"} }, "procedures[0]"},
			"adjunct":   {func(r *plansv1.UpdateNoteRequest) { r.Adjuncts = []string{"TRACTION"} }, "adjuncts[0]"},
			"tolerance": {func(r *plansv1.UpdateNoteRequest) { r.PressureTolerance = proto.Int32(11) }, "pressure_tolerance"},
			"etag":      {func(r *plansv1.UpdateNoteRequest) { r.Etag = "" }, "etag"},
			"too long":  {func(r *plansv1.UpdateNoteRequest) { r.Subjective = strings.Repeat("x", 20001) }, "subjective"},
		} {
			r := &plansv1.UpdateNoteRequest{NoteId: draft.GetNoteId(), Etag: draft.GetEtag()}
			c.change(r)
			_, err := w.notes().UpdateNote(w.physio(), r)
			if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != c.field {
				t.Errorf("%s: fields %v", name, f.Fields)
			}
		}
	})
}

func neuro(strength, sensation, reflexes string) *plansv1.RecordExaminationRequest {
	return &plansv1.RecordExaminationRequest{
		PatientId: patient, Kind: "NEURO", Neuro: &plansv1.Neuro{Strength: strength, Sensation: sensation, Reflexes: reflexes},
	}
}

// F108: abnormal reflexes forbid manual and needle care until they are cleared: the next claim
// is refused, a booked session is flagged, a plan is not put into force.
func TestF108NeurologicalExaminationForbidsCare(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		massage, physio := w.active(patient, "massage"), w.active(patient, "physiotherapy")
		booked := claimOf(massage, session(1, "2027-01-08"))
		if _, err := w.claim(booked); err != nil {
			t.Fatal(err)
		}
		w.booking.book(fact(booked, booked.GetSessions()[0]))
		w.heard(w.booking.producer)
		got, err := w.exams().RecordExamination(w.physio(), neuro("NORMAL", "NORMAL", "ABNORMAL"))
		if err != nil || !got.GetExamination().GetBlocking() || got.GetExamination().GetFindings()[0] != "NEURO_ABNORMAL" {
			t.Fatalf("%v, %v", got, err)
		}
		exam := got.GetExamination().GetExaminationId()
		if told := w.booking.forbids(exam); !slices.Contains(told, typev1.Discipline_DISCIPLINE_MASSAGE) || len(told) != 4 {
			t.Errorf("booking was told %v before the answer", told)
		}
		_, err = w.claim(claimOf(massage, session(2, "2027-01-12")))
		if f := refused(t, err, "CONTRAINDICATED"); f.Facts["rule"] != "NEURO_ABNORMAL" {
			t.Errorf("%v", f.Facts)
		}
		if _, err := w.claim(claimOf(physio, session(3, "2027-01-12"))); err != nil {
			t.Errorf("physiotherapy goes on: %v", err)
		}
		flagged := ""
		for _, i := range w.open(patient) {
			flagged += i.GetRule() + " "
			for _, a := range i.GetAppointments() {
				flagged += a.GetAppointmentId() + " "
			}
		}
		if !strings.Contains(flagged, "NEURO_ABNORMAL ") || !strings.Contains(flagged, "CONTRAINDICATED apt_1 ") {
			t.Errorf("issues %s", flagged)
		}
		draft, err := w.plans.CreatePlan(w.physician(), &plansv1.CreatePlanRequest{PatientId: patient, TemplateId: "acupuncture", CauseCodes: []string{"OA"}, Decision: decided()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = w.plans.ActivatePlan(w.physician(), &plansv1.ActivatePlanRequest{PlanId: draft.GetPlan().GetPlanId()}); !fault.Is(err, "CONTRAINDICATED") {
			t.Errorf("a plan of needles: %v", err)
		}
		clear := &plansv1.ClearExaminationRequest{PatientId: patient, ExaminationId: got.GetExamination().GetExaminationId(), Etag: got.GetExamination().GetEtag(), Reason: "seen by a neurologist"}
		_, err = w.exams().ClearExamination(w.colleague(), clear)
		refused(t, err, "PROFESSION_REQUIRED")
		cleared, err := w.exams().ClearExamination(w.physician(), clear)
		if err != nil || cleared.GetExamination().GetBlocking() || cleared.GetExamination().GetClearedBy() == "" {
			t.Fatalf("%v, %v", cleared, err)
		}
		if told := w.booking.forbids(exam); len(told) != 0 {
			t.Errorf("booking still thinks that it forbids %v", told)
		}
		if _, err = w.claim(claimOf(massage, session(2, "2027-01-12"))); err != nil {
			t.Errorf("after clearing: %v", err)
		}
		if open := w.open(patient); len(open) != 0 {
			t.Errorf("issues left: %v", open)
		}
		clear.Etag = cleared.GetExamination().GetEtag()
		_, err = w.exams().ClearExamination(w.physician(), clear)
		refused(t, err, "NOT_BLOCKING")
		// A later examination that is normal in every part clears by itself.
		if _, err := w.exams().RecordExamination(w.physio(), neuro("ABNORMAL", "NORMAL", "NORMAL")); err != nil {
			t.Fatal(err)
		}
		_, err = w.claim(claimOf(massage, session(4, "2027-01-19")))
		refused(t, err, "CONTRAINDICATED")
		if _, err := w.exams().RecordExamination(w.physio(), neuro("NORMAL", "NORMAL", "NORMAL")); err != nil {
			t.Fatal(err)
		}
		if _, err = w.claim(claimOf(massage, session(4, "2027-01-19"))); err != nil {
			t.Errorf("after a normal examination: %v", err)
		}
	})
}

// F107: seven degrees raise an issue for a referral, five and six for another look.
func TestF107ForwardBend(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		bend := func(degrees int32) *plansv1.Examination {
			got, err := w.exams().RecordExamination(w.physio(), &plansv1.RecordExaminationRequest{
				PatientId: patient, Kind: "FORWARD_BEND", RequestId: fmt.Sprint("b", degrees),
				ForwardBend: &plansv1.ForwardBend{Side: "RIGHT", RibHump: true, RotationDegrees: proto.Int32(degrees)},
			})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetExamination()
		}
		if e := bend(4); len(e.GetFindings()) != 0 || len(w.open(patient)) != 0 {
			t.Errorf("4 degrees: %v", e)
		}
		bend(6)
		bend(7)
		bend(7) // a retry
		open := w.open(patient)
		if len(open) != 2 || open[0].GetCodes()[0] != "SCOLIOSIS_RECHECK" || open[1].GetRule() != "REFERRAL_PROPOSED" {
			t.Errorf("issues %v", open)
		}
		refs, err := w.refs().ListReferrals(w.physician(), &plansv1.ListReferralsRequest{PatientId: patient})
		if err != nil || len(refs.GetReferrals()) != 1 || refs.GetReferrals()[0].GetTarget() != "ORTHOPAEDICS" || refs.GetReferrals()[0].GetTrigger() != "EXAMINATION" {
			t.Errorf("referrals %v, %v", refs, err)
		}
		moved, err := w.exams().RecordExamination(w.physio(), &plansv1.RecordExaminationRequest{
			PatientId: patient, Kind: "RANGE_OF_MOTION", Movements: []*plansv1.MovementRange{{Joint: "THORACIC_SPINE", Movement: "ROTATION", Side: "LEFT", Degrees: 10, Painful: true}},
		})
		if err != nil || moved.GetExamination().GetMovements()[0].GetUsualDegrees() != 30 || moved.GetExamination().GetFindings()[0] != "LIMITED_MOVEMENT" {
			t.Errorf("ask 11: %v, %v", moved, err)
		}
		list, err := w.exams().ListExaminations(w.physician(), &plansv1.ListExaminationsRequest{PatientId: patient})
		if err != nil || len(list.GetExaminations()) != 4 {
			t.Errorf("%v, %v", list, err)
		}
		_, err = w.exams().ListExaminations(w.reception(), &plansv1.ListExaminationsRequest{PatientId: patient})
		if !fault.IsKind(err, fault.PermissionDenied) {
			t.Errorf("reception: %v", err)
		}
		for name, r := range map[string]*plansv1.RecordExaminationRequest{
			"kind":     {PatientId: patient, Kind: "GUESS"},
			"no part":  {PatientId: patient, Kind: "NEURO"},
			"tomorrow": {PatientId: patient, Kind: "NEURO", LocalDate: "2027-01-05", Neuro: &plansv1.Neuro{Strength: "NORMAL", Sensation: "NORMAL", Reflexes: "NORMAL"}},
		} {
			if _, err := w.exams().RecordExamination(w.physio(), r); !fault.Is(err, "INVALID_ARGUMENT") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// What an examination may measure is data with its source, for clinicians alone.
func TestMovements(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite, start, plans.Config{})
	w.run()
	got, err := w.exams().ListMovements(w.physio(), &plansv1.ListMovementsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetSource() == "" || got.GetBendSource() == "" || got.GetNeuroSource() == "" || got.GetReferDegrees() != 7 || got.GetReferDegreesHighBmi() != 5 || got.GetRecheckDegrees() != 5 || got.GetLimitedPercent() != 75 {
		t.Errorf("%v", got)
	}
	if len(got.GetMovements()) < 10 || len(got.GetNeuroBlocks()) == 0 {
		t.Errorf("%v", got)
	}
	for _, m := range got.GetMovements() {
		side := ""
		if m.GetSides() {
			side = "LEFT"
		}
		_, err := w.exams().RecordExamination(w.physio(), &plansv1.RecordExaminationRequest{PatientId: patient, Kind: "RANGE_OF_MOTION", Movements: []*plansv1.MovementRange{
			{Joint: m.GetJoint(), Movement: m.GetMovement(), Side: side, Degrees: m.GetUsualDegrees()},
		}})
		if err != nil {
			t.Errorf("%v cannot be measured: %v", m, err)
		}
	}
}
