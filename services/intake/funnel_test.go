package intake_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// begin starts a form on a kind of device.
func (w *world) begin(device string) *intakev1.Intake {
	w.t.Helper()
	got, err := w.intakes.CreateIntake(w.patient(), &intakev1.CreateIntakeRequest{PatientId: patient, DeviceKind: device})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetIntake()
}

// reach shows pages of a form on a kind of device.
func (w *world) reach(id, device string, pages ...string) {
	w.t.Helper()
	for _, page := range pages {
		_, err := w.funnel.RecordPageReached(w.patient(), &intakev1.RecordPageReachedRequest{IntakeId: id, PageId: page, DeviceKind: device})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// counted reads the funnel as the clinic's report does.
func (w *world) counted(in *intakev1.GetIntakeFunnelRequest) *intakev1.GetIntakeFunnelResponse {
	w.t.Helper()
	got, err := w.funnel.GetIntakeFunnel(w.reception(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func reached(c *intakev1.FunnelCounts, page string) int64 {
	for _, p := range c.GetPages() {
		if p.GetPageId() == page {
			return p.GetReached()
		}
	}
	return -1
}

// Started, each page reached, completed, by kind of device: once for each form however
// often a page is shown, and nothing of who it was.
func TestFunnelCountsFormsWithoutIdentities(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		pages := w.pageIDs()
		first, second := w.begin("PHONE"), w.begin("COMPUTER")
		w.reach(first.GetIntakeId(), "PHONE", pages[0], pages[1], pages[0], pages[1], pages[1])
		w.reach(second.GetIntakeId(), "COMPUTER", pages[0])
		w.reach(second.GetIntakeId(), "PHONE", pages[0]) // shown again on another device: counted where it was first
		got := w.counted(&intakev1.GetIntakeFunnelRequest{})
		if got.GetStartDate() != "2026-02-28" || got.GetEndDate() != "2026-03-27" || got.GetQuestionnaireId() != "upright-intake" {
			t.Errorf("span %s to %s of %s", got.GetStartDate(), got.GetEndDate(), got.GetQuestionnaireId())
		}
		if c := got.GetTotal(); c.GetStarted() != 2 || c.GetCompleted() != 0 || reached(c, pages[0]) != 2 || reached(c, pages[1]) != 1 || reached(c, pages[2]) != 0 {
			t.Errorf("total %v", c)
		}
		w.clock.Advance(time.Second)
		w.reach(first.GetIntakeId(), "TABLET", pages[2])
		done := w.submit(w.patient(), w.answer(w.patient(), first, harmless(t)))
		w.reach(done.GetIntakeId(), "PHONE", pages[3]) // handed in: no step more
		w.submit(w.patient(), done)                    // handed in before: not counted again
		got = w.counted(&intakev1.GetIntakeFunnelRequest{StartDate: "2026-03-27", EndDate: "2026-03-27"})
		want := map[string][2]int64{"COMPUTER": {1, 0}, "PHONE": {1, 0}, "TABLET": {0, 1}}
		if len(got.GetGroups()) != len(want) {
			t.Errorf("groups %v", got.GetGroups())
		}
		for _, g := range got.GetGroups() {
			if n := want[g.GetDeviceKind()]; g.GetLanguageCode() != "en" || g.GetStarted() != n[0] || g.GetCompleted() != n[1] {
				t.Errorf("group %v, want %v", g, n)
			}
		}
		if c := got.GetTotal(); reached(c, pages[3]) != 0 || reached(c, pages[2]) != 1 {
			t.Errorf("total %v", c)
		}
		if got = w.counted(&intakev1.GetIntakeFunnelRequest{EndDate: "2026-03-26"}); got.GetTotal().GetStarted() != 0 || len(got.GetGroups()) != 0 {
			t.Errorf("the day before: %v", protojson.Format(got))
		}
		w.noMarks(done.GetIntakeId())
	})
}

func (w *world) pageIDs() (ids []string) {
	w.t.Helper()
	got, err := w.forms.GetQuestionnaire(w.patient(), &intakev1.GetQuestionnaireRequest{QuestionnaireId: "upright-intake"})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, p := range got.GetQuestionnaire().GetPages() {
		ids = append(ids, p.GetId())
	}
	return ids
}

// noMarks checks that the way of a form was forgotten.
func (w *world) noMarks(id string) {
	w.t.Helper()
	var n int
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM funnel_marks WHERE clinic_id = $1 AND intake_id = $2`, clinic, id).Scan(&n)
	})
	if err != nil || n != 0 {
		w.t.Errorf("%d marks, %v", n, err)
	}
}

// A retry of the start counts once; getting worse starts a form.
func TestFunnelCountsAStartOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for range 3 {
		_, err := w.intakes.CreateIntake(w.patient(), &intakev1.CreateIntakeRequest{PatientId: patient, DeviceKind: "PHONE", RequestId: "once"})
		if err != nil {
			t.Fatal(err)
		}
	}
	i := w.triaged(nil)
	for range 2 {
		_, err := w.intakes.ReportWorsening(w.patient(), &intakev1.ReportWorseningRequest{IntakeId: i.GetIntakeId(), RequestId: "worse"})
		if err != nil {
			t.Fatal(err)
		}
	}
	if c := w.counted(&intakev1.GetIntakeFunnelRequest{}).GetTotal(); c.GetStarted() != 3 || c.GetCompleted() != 1 {
		t.Errorf("%v", c)
	}
}

// A clinic's counts are its own.
func TestFunnelIsTheClinicsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.begin("PHONE")
	got, err := w.funnel.GetIntakeFunnel(w.as(2, clinicB), &intakev1.GetIntakeFunnelRequest{})
	if err != nil || got.GetTotal().GetStarted() != 0 || len(got.GetGroups()) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFunnelRefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	i := w.begin("PHONE")
	for field, in := range map[string]*intakev1.RecordPageReachedRequest{
		"page_id":     {IntakeId: i.GetIntakeId(), PageId: "shoes"},
		"device_kind": {IntakeId: i.GetIntakeId(), PageId: "location", DeviceKind: "WATCH"},
	} {
		_, err := w.funnel.RecordPageReached(w.patient(), in)
		if f := refusal(t, err, fault.InvalidArgument, "INVALID_ARGUMENT"); len(f.Fields) != 1 || f.Fields[0].Field != field {
			t.Errorf("%s: %+v", field, f.Fields)
		}
	}
	for field, in := range map[string]*intakev1.GetIntakeFunnelRequest{
		"start_date": {StartDate: "March"},
		"end_date":   {StartDate: "2026-03-02", EndDate: "2026-03-01"},
	} {
		_, err := w.funnel.GetIntakeFunnel(w.reception(), in)
		if f := refusal(t, err, fault.InvalidArgument, "INVALID_ARGUMENT"); len(f.Fields) != 1 || f.Fields[0].Field != field {
			t.Errorf("%s: %+v", field, f.Fields)
		}
	}
	_, err := w.funnel.GetIntakeFunnel(w.reception(), &intakev1.GetIntakeFunnelRequest{StartDate: "2024-03-02", EndDate: "2026-03-01"})
	refused(t, err, fault.InvalidArgument, "INVALID_ARGUMENT")
	_, err = w.funnel.GetIntakeFunnel(w.reception(), &intakev1.GetIntakeFunnelRequest{QuestionnaireId: "knee"})
	refused(t, err, fault.NotFound, "NOT_FOUND")
	if pages := w.pageIDs(); slices.Contains(pages, "shoes") {
		t.Error(pages)
	}
}
