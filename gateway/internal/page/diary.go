package page

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/route"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// homeRoutes are the pages between visits: the diary and the home programme.
func (s *Site) homeRoutes() []route.Route {
	return []route.Route{
		s.row("GET /me/diary", patients, s.meDiary),
		s.row("POST /me/diary", patients, s.meDiaryAdd),
		s.row("GET /me/programme", patients, s.meProgramme),
		s.row("GET /me/programme/{programme_id}/letter", patients, s.meLetter),
		s.row("GET /staff/patients/{patient_id}/diary", treating, s.staffDiary),
		s.row("GET /staff/patients/{patient_id}/diary.csv", treating, s.staffDiaryFile),
	}
}

// diaries and homes are the services behind these pages.
func (c *call) diaries() plansv1.DiaryServiceClient {
	return plansv1.NewDiaryServiceClient(c.cfg.Peer("plans"))
}

func (c *call) homes() plansv1.HomeProgrammeServiceClient {
	return plansv1.NewHomeProgrammeServiceClient(c.cfg.Peer("plans"))
}

// self gives the patient that a page of a patient is about: the one that the address names, of
// those that the person acts for, else the first. NOT_FOUND when there is none.
func (c *call) self() (id string, of []Option, err error) {
	for _, p := range c.actingFor() {
		of = append(of, Option{Value: p.GetPatientId(), Label: p.GetDisplayName()})
	}
	want := c.either("patient")
	if len(of) == 0 || want != "" && !slices.ContainsFunc(of, func(o Option) bool { return o.Value == want }) {
		return "", nil, fault.NotFoundf("patient")
	}
	return cmp.Or(want, of[0].Value), of, nil
}

// diaryPage is a patient's diary: a form for today, and what was noted.
type diaryPage struct {
	Patient string
	Fields  []Field
	Entries []*plansv1.DiaryEntry
	Finding string // what the last entry asks for; empty for nothing
	Trend   string
}

// tagsShown are the words that the form offers, those that matter most first.
var tagsShown = []string{"WALKED", "FEVER", "NUMBNESS", "WEAKNESS", "SORE_FROM_ROLLER", "SORE_FROM_EXERCISE", "SWELLING", "HEADACHE", "POOR_SLEEP", "STRESSED"}

// diaryView makes the page.
func (c *call) diaryView(w *wrongs) (*view, error) {
	id, of, err := c.self()
	if err != nil {
		return nil, err
	}
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	list, err := c.diaries().ListDiaryEntries(c.ctx(), &plansv1.ListDiaryEntriesRequest{PatientId: id, PageSize: 14})
	if err != nil {
		return nil, err
	}
	trend, err := c.diaries().GetDiaryTrend(c.ctx(), &plansv1.GetDiaryTrendRequest{PatientId: id})
	if err != nil {
		return nil, err
	}
	d := diaryPage{Patient: id, Entries: list.GetEntries(), Trend: trend.GetDirection()}
	if len(d.Entries) > 0 && c.query("done") != "" {
		d.Finding = worst(d.Entries[0].GetFindings())
	}
	if d.Fields, err = c.diaryFields(w, id, of, c.today(clinic).String()); err != nil {
		return nil, err
	}
	v := c.view(c.cat.T("mydiary.title"), d)
	v.Back = "/me"
	return v, nil
}

// worst is the most urgent action of findings.
func worst(list []*plansv1.DiaryFinding) string {
	out := ""
	for _, f := range list {
		if f.GetAction() == "URGENT_SAME_DAY" || f.GetAction() == "CLINICIAN_REVIEW" && out == "" {
			out = f.GetAction()
		}
	}
	return out
}

// diaryFields are the questions of an entry. What the home programme asks for can be ticked.
func (c *call) diaryFields(w *wrongs, id string, of []Option, today string) ([]Field, error) {
	var fields []Field
	if len(of) > 1 {
		who := c.input(w, "select", "patient", "mydiary.patient")
		who.Options, who.Value = of, id
		fields = append(fields, who)
	}
	on := c.input(w, "date", "local_date", "mydiary.date")
	on.Value, on.Max = cmp.Or(on.Value, today), today
	fields = append(fields, on)
	for _, name := range []string{"pain", "interference"} {
		f := c.input(w, "select", name, "mydiary."+name)
		f.Optional = true
		f.Options = append(f.Options, Option{})
		for n := range 11 {
			f.Options = append(f.Options, Option{Value: strconv.Itoa(n), Label: strconv.Itoa(n)})
		}
		fields = append(fields, f)
	}
	tags := c.input(w, "checks", "tags", "mydiary.tags")
	tags.Optional = true
	for _, code := range tagsShown {
		tags.Options = append(tags.Options, Option{Value: code, Label: say(c.cat, "diary_tag", code)})
	}
	fields = append(fields, tags)
	done := c.input(w, "checks", "done", "mydiary.done")
	done.Optional = true
	active, err := c.homes().ListHomeProgrammes(c.ctx(), &plansv1.ListHomeProgrammesRequest{PatientId: id, State: "ACTIVE"})
	if err != nil {
		return nil, err
	}
	for _, p := range active.GetProgrammes() {
		for _, i := range p.GetItems() {
			done.Options = append(done.Options, doable(c, i)...)
		}
	}
	if len(done.Options) > 0 {
		fields = append(fields, done)
	}
	for _, name := range []string{"activity", "medicine", "note"} {
		f := c.input(w, "text", name, "mydiary."+name)
		if name == "note" {
			f.Kind = "textarea"
		}
		f.Optional = true
		fields = append(fields, f)
	}
	return fields, nil
}

// doable are the boxes to tick for an item: one, or one for each side.
func doable(c *call, i *plansv1.ProgrammeItem) []Option {
	item := i.GetItem()
	if i.GetComplete() || slices.Contains([]string{"ADVICE", "CHECK", "REST", "PREVENTION", "MOVEMENT"}, item.GetKind()) {
		return nil
	}
	if !item.GetEachSide() {
		return []Option{{Value: item.GetCode(), Label: item.GetName()}}
	}
	var out []Option
	for _, side := range []string{"LEFT", "RIGHT"} {
		out = append(out, Option{Value: item.GetCode() + "-" + side, Label: item.GetName() + ", " + say(c.cat, "body_side", side)})
	}
	return out
}

// meDiary shows the diary.
func (s *Site) meDiary(c *call) error {
	v, err := c.diaryView(nil)
	if err != nil {
		return err
	}
	return c.show("diary", v)
}

// meDiaryAdd adds an entry. The page is shown again with what to do about it.
func (s *Site) meDiaryAdd(c *call) error {
	id, _, err := c.self()
	if err != nil {
		return err
	}
	w := c.wrongs()
	r := &plansv1.CreateDiaryEntryRequest{
		RequestId: c.requestID(), PatientId: id, LocalDate: c.form("local_date"), Pain: c.pain(w, "pain"), Interference: c.pain(w, "interference"),
		Activity: c.form("activity"), Medicine: c.form("medicine"), Note: c.form("note"), Tags: c.forms("tags"),
	}
	for _, code := range c.forms("done") {
		code, side, _ := strings.Cut(code, "-")
		r.Done = append(r.Done, &plansv1.DoneItem{Code: code, Side: side})
	}
	if !w.any() {
		_, err := c.diaries().CreateDiaryEntry(c.ctx(), r)
		if err == nil {
			return c.redirect(address("/me/diary", "patient", c.form("patient"), "done", "mydiary"))
		}
		if !w.refused(err, nil) {
			return err
		}
	}
	v, err := c.diaryView(w)
	if err != nil {
		return err
	}
	return c.again("diary", v, w)
}

// staffDiaryPage is a diary as a clinician reads it.
type staffDiaryPage struct {
	Patient string
	*plansv1.GetDiaryTrendResponse
	Entries    []*plansv1.DiaryEntry
	Programmes []*plansv1.HomeProgramme
}

// Item is what an item of the programme is called; its code when it is in force no more.
func (p staffDiaryPage) Item(code string) string {
	for _, programme := range p.Programmes {
		for _, i := range programme.GetItems() {
			if i.GetItem().GetCode() == code {
				return i.GetItem().GetName()
			}
		}
	}
	return code
}

// staffDiary shows trend, table and adherence.
func (s *Site) staffDiary(c *call) error {
	id := c.path("patient_id")
	p, err := c.patient(id)
	if err != nil {
		return err
	}
	trend, err := c.diaries().GetDiaryTrend(c.ctx(), &plansv1.GetDiaryTrendRequest{PatientId: id})
	if err != nil {
		return err
	}
	list, err := c.diaries().ListDiaryEntries(c.ctx(), &plansv1.ListDiaryEntriesRequest{PatientId: id, PageSize: 60})
	if err != nil {
		return err
	}
	homes, err := c.homes().ListHomeProgrammes(c.ctx(), &plansv1.ListHomeProgrammesRequest{PatientId: id, State: "ACTIVE"})
	if err != nil {
		return err
	}
	v := c.view(c.cat.T("staff_diary.title", "name", patientName(p)), staffDiaryPage{id, trend, list.GetEntries(), homes.GetProgrammes()})
	v.Back, v.Wide = "/staff/patients/"+id, true
	return c.show("staff_diary", v)
}

// staffDiaryFile is the diary as a file.
func (s *Site) staffDiaryFile(c *call) error {
	f, err := c.diaries().GetDiaryExport(c.ctx(), &plansv1.GetDiaryExportRequest{PatientId: c.path("patient_id")})
	if err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Type", f.GetContentType()+"; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+f.GetFileName()+`"`)
	h.Set("Cache-Control", "no-store")
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write([]byte(f.GetContent())) //nolint:gosec // text/csv as an attachment, never sniffed; a client that went away is no failure of ours
	return nil
}
