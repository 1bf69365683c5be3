package page

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/upright-clinic/upright/gateway/internal/route"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// careRoutes are the pages of medicines, referrals and problems.
func (s *Site) careRoutes() []route.Route {
	return []route.Route{
		s.row("POST /staff/issues/{issue_id}/resolve", treating, s.issueResolve),
		s.row("GET /staff/patients/{patient_id}/medicines/new", treating, s.medicineForm),
		s.row("POST /staff/patients/{patient_id}/medicines/new", treating, s.medicineAdd),
		s.row("POST /staff/patients/{patient_id}/medicines/{medication_id}/{action}", treating, s.medicineAct),
		s.row("GET /staff/patients/{patient_id}/doses/new", treating, s.doseForm),
		s.row("POST /staff/patients/{patient_id}/doses/new", treating, s.doseRecord),
		s.row("GET /staff/patients/{patient_id}/referrals/new", treating, s.referralForm),
		s.row("POST /staff/patients/{patient_id}/referrals/new", treating, s.referralCreate),
		s.row("GET /staff/referrals/{referral_id}", treating, s.referralPage),
		s.row("POST /staff/referrals/{referral_id}/{action}", treating, s.referralAct),
		s.row("GET /staff/patients/{patient_id}/surgery", treating, s.surgeryPage),
		s.row("POST /staff/patients/{patient_id}/surgery/{action}", treating, s.surgeryAct),
	}
}

// care are the sections of the clinician's page, each of its own service. A section that
// cannot be shown says so, and the others are shown all the same.
type care struct {
	Alerts    []alert
	Medicines *plansv1.ListMedicationsResponse
	Doses     []*plansv1.Dose
	Referrals []*plansv1.Referral
	Steroids  []*plansv1.SteroidTotal
	Trend     *plansv1.GetDiaryTrendResponse
	Outcomes  []*plansv1.Outcome
	Due       []*plansv1.DueOutcome
	// Instruments are what can be recorded.
	Instruments []*plansv1.Instrument
	// Programmes are those in force at home.
	Programmes []staffProgramme
	// Notes are the newest, with one's own drafts; MoreNotes is true when there are others.
	Notes     []noteCard
	MoreNotes bool
	// Examinations are the newest and those that forbid something; Kinds can be recorded.
	Examinations     []*plansv1.Examination
	MoreExaminations bool
	Kinds            []string
	Failed           map[string]bool
}

// alert is something to know before anything is done.
type alert struct {
	Text, Detail string
	Href         string // where more is said; may be empty
	Grave        bool
}

// care collects the sections. Each service is asked for its own part.
func (c *call) care(patient string, known *clinical) *care {
	d := &care{Failed: map[string]bool{}}
	ask := func(section string, f func() error) {
		if err := f(); err != nil {
			d.Failed[section] = true
		}
	}
	ask("medicines", func() (err error) {
		d.Medicines, err = c.clients.medications.ListMedications(c.ctx(), &plansv1.ListMedicationsRequest{PatientId: patient})
		return err
	})
	ask("medicines", func() error {
		got, err := c.clients.medications.ListDoses(c.ctx(), &plansv1.ListDosesRequest{PatientId: patient, PageSize: 10})
		d.Doses = got.GetDoses()
		return err
	})
	ask("referrals", func() error {
		got, err := c.clients.referrals.ListReferrals(c.ctx(), &plansv1.ListReferralsRequest{PatientId: patient, IncludeEnded: true})
		d.Referrals = got.GetReferrals()
		return err
	})
	ask("injections", func() error {
		got, err := c.clients.injections.GetSteroidLedger(c.ctx(), &plansv1.GetSteroidLedgerRequest{PatientId: patient})
		d.Steroids = got.GetTotals()
		return err
	})
	ask("outcomes", func() (err error) {
		d.Trend, err = c.clients.diary.GetDiaryTrend(c.ctx(), &plansv1.GetDiaryTrendRequest{PatientId: patient})
		return err
	})
	ask("outcomes", func() error {
		got, err := c.clients.outcomes.ListOutcomes(c.ctx(), &plansv1.ListOutcomesRequest{PatientId: patient, PageSize: 20})
		d.Outcomes = got.GetOutcomes()
		return err
	})
	ask("outcomes", func() error {
		got, err := c.clients.outcomes.ListDueOutcomes(c.ctx(), &plansv1.ListDueOutcomesRequest{PatientId: patient})
		for _, due := range got.GetDue() {
			if due.GetDue() {
				d.Due = append(d.Due, due)
			}
		}
		return err
	})
	c.work(d, patient, ask)
	d.Alerts = c.alerts(d, known)
	return d
}

// work collects the sections in which a clinician writes.
func (c *call) work(d *care, patient string, ask func(section string, f func() error)) {
	ask("outcomes", func() error {
		got, err := c.clients.outcomes.ListInstruments(c.ctx(), &plansv1.ListInstrumentsRequest{})
		d.Instruments = got.GetInstruments()
		return err
	})
	ask("programme", func() (err error) {
		d.Programmes, err = c.programmes(patient, d.Trend)
		return err
	})
	ask("examinations", func() error {
		d.Kinds = examinationKinds
		got, err := c.examinations().ListExaminations(c.ctx(), &plansv1.ListExaminationsRequest{PatientId: patient})
		for n, e := range got.GetExaminations() {
			if n < shownExaminations || e.GetBlocking() {
				d.Examinations = append(d.Examinations, e)
			}
		}
		d.MoreExaminations = len(got.GetExaminations()) > len(d.Examinations)
		return err
	})
	ask("notes", func() error {
		got, err := c.notes().ListNotes(c.ctx(), &plansv1.ListNotesRequest{PatientId: patient, PageSize: 5})
		if err != nil {
			return err
		}
		d.MoreNotes = got.GetNextPageToken() != ""
		d.Notes, err = c.noteCards(got.GetNotes())
		return err
	})
}

// shownExaminations is how many examinations the patient's page shows.
const shownExaminations = 3

// alertsOf are the questions of the form whose answers must be seen first.
var alertsOf = []string{"anticoagulant", "bleeding_disorder", "pregnancy", "implant", "allergies", "cancer", "bone_risk", "infection_risk", "organ"}

// says reports whether an answer says that something is there.
func says(v *structpb.Value) bool {
	values, none := texts(v)
	return !none && slices.ContainsFunc(values, func(s string) bool {
		return !slices.Contains([]string{"", "no", "none", "not_applicable"}, s)
	})
}

// alerts collects what must be seen first.
func (c *call) alerts(d *care, known *clinical) (all []alert) {
	for _, id := range alertsOf {
		for _, f := range known.Facts {
			if f.ID == id && f.Says {
				all = append(all, alert{Text: say(c.cat, "alert", strings.ToUpper(id)), Detail: f.Answer, Grave: id == "anticoagulant" || id == "pregnancy" || id == "implant"})
			}
		}
	}
	for _, m := range d.Medicines.GetMedications() {
		if m.GetBlocked() {
			all = append(all, alert{Text: c.cat.T("alert.medicine"), Detail: m.GetDrug(), Href: "#medicines", Grave: true})
		}
	}
	for _, e := range d.Examinations {
		if e.GetBlocking() {
			all = append(all, alert{Text: c.cat.T("alert.examination"), Detail: say(c.cat, "exam_kind", e.GetKind()), Href: "#examinations", Grave: true})
		}
	}
	for _, t := range d.Steroids {
		if t.GetAbove() {
			all = append(all, alert{Text: c.cat.T("alert.steroid"), Detail: c.cat.T("care.steroid_total", "mg", t.GetMethylprednisoloneMg(), "limit", t.GetLimitMg(), "months", t.GetMonths())})
		}
	}
	for _, r := range d.Referrals {
		if r.GetState() == "PROPOSED" {
			all = append(all, alert{Text: c.cat.T("alert.referral"), Detail: say(c.cat, "target", r.GetTarget()), Href: "/staff/referrals/" + r.GetReferralId()})
		}
	}
	return all
}

// issueResolve records a decision on a problem; the reason is needed.
func (s *Site) issueResolve(c *call) error {
	back := local(c.form("back"), "/staff/tasks")
	if c.form("reason") == "" || c.form("resolution") == "" {
		return c.redirect(withParam(back, "problem", "REASON_NEEDED"))
	}
	return c.act(back, "issue_resolved", func() error {
		_, err := s.clients.issues.ResolveIssue(c.ctx(), &plansv1.ResolveIssueRequest{
			IssueId: c.path("issue_id"), Resolution: c.form("resolution"), Reason: c.form("reason"), Etag: c.form("etag"), RequestId: c.requestID(),
		})
		return err
	})
}

// patientTitle is the page's title for a form about a patient, whose page it leads back to.
func (c *call) patientTitle(key string, d any) (*view, error) {
	id := c.path("patient_id")
	p, err := c.patient(id)
	if err != nil {
		return nil, err
	}
	v := c.view(c.cat.T(key, "name", patientName(p)), d)
	v.Back = "/staff/patients/" + id
	return v, nil
}

// formPage is a page with one form.
type formPage struct {
	Action, Button string
	Fields         []Field
	Hidden         []pair
	Notes          []string
}

// showForm shows a page with one form about a patient, with what is wrong with it.
func (c *call) showForm(title string, d formPage, w *wrongs) error {
	d.Action = c.r.URL.Path
	v, err := c.patientTitle(title, d)
	if err != nil {
		return err
	}
	if w == nil {
		return c.show("care_form", v)
	}
	return c.again("care_form", v, w)
}

// formOr shows the form again for what other input would cure.
func (c *call) formOr(err error, w *wrongs, names map[string]string, again func(w *wrongs) error) error {
	if w.refused(err, names) {
		return again(w)
	}
	return err
}

// choices makes a field with one of several codes.
func (c *call) choices(w *wrongs, kind, name, key, of, fallback string, codes ...string) Field {
	f := c.input(w, kind, name, key)
	if f.Value == "" {
		f.Value = fallback
	}
	for _, code := range codes {
		f.Options = append(f.Options, Option{Value: code, Label: say(c.cat, of, code)})
	}
	return f
}

// unknownAction is for a path that names none.
func unknownAction() error { return fault.NotFoundf("action") }

// About says in words what a problem is about, and leaves out ids.
func (v *view) About(codes []string) (words []string) {
	for _, code := range codes {
		if kind, _, ok := strings.Cut(code, "_"); ok && slices.Contains([]string{"med", "ref", "inj", "crs", "pln", "out", "dia"}, kind) {
			continue
		}
		text := code
		for _, kind := range []string{"reason_code", "target", "discipline", "exam_finding"} {
			if v.Has(kind + "." + code) {
				text = v.Code(kind, code)
			}
		}
		if text == code && strings.Contains(code, "_") {
			text = strings.ToLower(strings.ReplaceAll(code, "_", " "))
		}
		words = append(words, strings.TrimPrefix(text, "organ."))
	}
	return words
}
