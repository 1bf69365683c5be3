package plans_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func (w *world) diary() plansv1.DiaryServiceClient {
	return plansv1.NewDiaryServiceClient(w.served.Conn())
}

// note is an entry about a date.
func note(date string, pain int32) *plansv1.CreateDiaryEntryRequest {
	return &plansv1.CreateDiaryEntryRequest{PatientId: patient, LocalDate: date, Pain: &pain}
}

// noted adds an entry as the patient and must succeed.
func (w *world) noted(r *plansv1.CreateDiaryEntryRequest) *plansv1.DiaryEntry {
	w.t.Helper()
	got, err := w.diary().CreateDiaryEntry(w.patient(), r)
	if err != nil {
		w.t.Fatalf("CreateDiaryEntry: %v %v", err, fault.From(err).Facts)
	}
	return got.GetEntry()
}

// F171: fourteen entries, and the clinician sees trend and table.
func TestF171Diary(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for i := range 14 {
			r := note(daysAfter("2026-12-22", i), int32(8-i/2))
			r.Activity, r.Medicine, r.Note, r.Tags = "walked", "none", "=1+2", []string{"WALKED"}
			r.Interference = proto.Int32(3)
			w.noted(r)
		}
		got, err := w.diary().GetDiaryTrend(w.physio(), &plansv1.GetDiaryTrendRequest{PatientId: patient})
		if err != nil {
			t.Fatal(err)
		}
		if got.GetDirection() != "FALLING" || got.GetPointsPerWeek() > -3 || got.GetDaysNoted() != 14 || got.GetDaysTotal() != 28 || !got.GetDays()[13].GetMoved() || got.GetDays()[13].GetPain() != 2 {
			t.Errorf("trend %v", got)
		}
		var seen []string
		for token := ""; ; {
			page, err := w.diary().ListDiaryEntries(w.physio(), &plansv1.ListDiaryEntriesRequest{PatientId: patient, PageSize: 5, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.GetEntries() {
				seen = append(seen, e.GetLocalDate())
			}
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if len(seen) != 14 || seen[0] != "2027-01-04" || !slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Errorf("table %v", seen)
		}
		some, err := w.diary().ListDiaryEntries(w.patient(), &plansv1.ListDiaryEntriesRequest{PatientId: patient, StartDate: "2026-12-30", EndDate: "2026-12-31"})
		if err != nil || len(some.GetEntries()) != 2 {
			t.Errorf("of two days: %v, %v", some, err)
		}
		file, err := w.diary().GetDiaryExport(w.physio(), &plansv1.GetDiaryExportRequest{PatientId: patient})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(file.GetContent())).ReadAll()
		if err != nil || len(rows) != 15 || file.GetEntries() != 14 || rows[1][0] != "2026-12-22" || rows[1][3] != "8" || rows[1][7] != "'=1+2" || strings.Contains(file.GetFileName(), patient) {
			t.Errorf("%s: %v, %v", file.GetFileName(), rows, err)
		}
		file, err = w.diary().GetDiaryExport(w.patient(), &plansv1.GetDiaryExportRequest{PatientId: patient, Format: "JSON", StartDate: "2027-01-01"})
		var list []map[string]any
		if err != nil || json.Unmarshal([]byte(file.GetContent()), &list) != nil || len(list) != 4 || list[0]["note"] != "=1+2" {
			t.Errorf("JSON: %v, %v", file, err)
		}
	})
}

// Entries noted without a connection arrive late, twice and in any order, and are there once.
func TestDiaryIsSafeOffline(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		r := note("2027-01-02", 5)
		r.ClientId, r.RequestId = "device-1", "r1"
		first := w.noted(r)
		r.RequestId = "r2" // a later try of the device
		if again := w.noted(r); again.GetEntryId() != first.GetEntryId() {
			t.Errorf("the same client id made %s beside %s", again.GetEntryId(), first.GetEntryId())
		}
		other := proto.CloneOf(r)
		other.Pain, other.RequestId = proto.Int32(6), "r3"
		_, err := w.diary().CreateDiaryEntry(w.patient(), other)
		if f := refused(t, err, "CLIENT_ID_REUSED"); f.Kind != fault.AlreadyExists || f.Facts["entry_id"] != first.GetEntryId() {
			t.Errorf("%v", f)
		}
		batch := &plansv1.BatchCreateDiaryEntriesRequest{PatientId: patient, RequestId: "b1", Entries: []*plansv1.DiaryNote{
			{ClientId: "device-3", LocalDate: "2027-01-04", Pain: proto.Int32(3)},
			{ClientId: "device-1", LocalDate: "2027-01-02", Pain: proto.Int32(5)},
			{ClientId: "device-4", LocalDate: "2027-01-05", Pain: proto.Int32(3)}, // tomorrow
			{LocalDate: "2027-01-03", Pain: proto.Int32(3)},
			{ClientId: "device-2", LocalDate: "2027-01-03", Pain: proto.Int32(4), NotedTime: timestamppb.New(start.Add(-20 * time.Hour))},
		}}
		var wait sync.WaitGroup
		for range 8 {
			wait.Go(func() {
				got, err := w.diary().BatchCreateDiaryEntries(w.patient(), batch)
				if err != nil {
					t.Error(err)
					return
				}
				var said []string
				for _, x := range got.GetResults() {
					said = append(said, x.GetClientId()+" "+x.GetEntry().GetLocalDate()+x.GetReason()+" "+x.GetDetail())
				}
				want := []string{
					"device-3 2027-01-04 ", "device-1 2027-01-02 ", "device-4 INVALID_ARGUMENT local_date has not come yet",
					" INVALID_ARGUMENT client_id is needed", "device-2 2027-01-03 ",
				}
				if diff := cmp.Diff(want, said); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		}
		wait.Wait()
		if n := w.rows(`SELECT count(*) FROM diary_entries`); n != 3 {
			t.Errorf("%d entries, want 3", n)
		}
	})
}

// The civil date is that of the patient's zone.
func TestDiaryKnowsWhereThePatientIs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for zone, want := range map[string]string{"": "2027-01-04", "Pacific/Auckland": "2027-01-04", "Pacific/Honolulu": "2027-01-03", "Pacific/Kiritimati": "2027-01-04"} {
			r := &plansv1.CreateDiaryEntryRequest{PatientId: patient, TimeZone: zone, Pain: proto.Int32(1)}
			if got := w.noted(r).GetLocalDate(); got != want {
				t.Errorf("in %q it is %s, want %s", zone, got, want)
			}
		}
		w.clock.Set(time.Date(2027, 1, 4, 11, 30, 0, 0, time.UTC))
		r := note("2027-01-05", 1)
		r.TimeZone = "Pacific/Auckland" // where the fifth has come
		w.noted(r)
		r.TimeZone = "Europe/Berlin"
		_, err := w.diary().CreateDiaryEntry(w.patient(), r)
		refused(t, err, "INVALID_ARGUMENT")
	})
}

// An entry is never changed: another takes its place, once.
func TestDiaryIsAppendOnly(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		first := w.noted(note("2027-01-02", 9))
		better := note("", 5)
		better.CorrectsEntryId = first.GetEntryId()
		second := w.noted(better)
		if second.GetLocalDate() != "2027-01-02" {
			t.Errorf("the correction is about %s", second.GetLocalDate())
		}
		_, err := w.diary().CreateDiaryEntry(w.patient(), better)
		refused(t, err, "ALREADY_CORRECTED")
		better.CorrectsEntryId = "dia_missing"
		_, err = w.diary().CreateDiaryEntry(w.patient(), better)
		refused(t, err, "NOT_FOUND")
		list, err := w.diary().ListDiaryEntries(w.physio(), &plansv1.ListDiaryEntriesRequest{PatientId: patient})
		if err != nil || len(list.GetEntries()) != 2 {
			t.Fatalf("%v, %v", list, err)
		}
		for _, e := range list.GetEntries() {
			if e.GetCorrected() != (e.GetEntryId() == first.GetEntryId()) {
				t.Errorf("%v", e)
			}
		}
		trend, err := w.diary().GetDiaryTrend(w.physio(), &plansv1.GetDiaryTrendRequest{PatientId: patient})
		if err != nil || len(trend.GetDays()) != 1 || trend.GetDays()[0].GetPainMax() != 5 || trend.GetDays()[0].GetEntries() != 1 {
			t.Errorf("%v, %v", trend, err)
		}
	})
}

// What a clinician must look at becomes an issue, once; what is expected does not.
func TestDiaryRaisesIssues(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.noted(note("2026-12-30", 4))
		roller := note("2026-12-31", 4)
		roller.Done = []*plansv1.DoneItem{{Code: "FOAM_ROLL", Minutes: 10}}
		w.noted(roller)
		sore := note("2027-01-01", 6)
		sore.Tags = []string{"SORE_FROM_ROLLER"}
		if f := w.noted(sore).GetFindings(); len(f) != 1 || f[0].GetCode() != "EXPECTED_SORENESS" || len(w.open(patient)) != 0 {
			t.Errorf("F083: %v, issues %v", f, w.open(patient))
		}
		w.noted(note("2027-01-02", 8))
		w.noted(note("2027-01-02", 9))
		open := w.open(patient)
		if len(open) != 1 || open[0].GetRule() != "DIARY" || open[0].GetSeverity() != "HIGH" || open[0].GetCodes()[0] != "SEVERE_AND_WORSENING" {
			t.Errorf("issues %v", open)
		}
		fever := note("2027-01-03", 2)
		fever.Tags = []string{"FEVER"}
		w.noted(fever)
		if open = w.open(patient); len(open) != 2 || open[1].GetCodes()[0] != "RED_FLAG" {
			t.Errorf("issues %v", open)
		}
	})
}

// F127: what is worse for three days after an injection is expected, from the fourth urgent.
func TestF127DiaryAfterAnInjection(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		before := complete(patient, "2026-12-28")
		before.PainBefore = proto.Int32(6)
		w.recorded(before)
		for i, want := range []string{"", "EXPECTED_AFTER_INJECTION", "EXPECTED_AFTER_INJECTION", "EXPECTED_AFTER_INJECTION", "WORSE_AFTER_INJECTION"} {
			got := ""
			for _, f := range w.noted(note(daysAfter("2026-12-28", i), int32(6+min(i, 2)))).GetFindings() {
				got = f.GetCode()
			}
			if got != want {
				t.Errorf("day %d: %q, want %q", i, got, want)
			}
			if open := w.open(patient); len(open) != i/4 {
				t.Errorf("day %d: issues %v", i, open)
			}
		}
	})
}

func TestDiaryRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			change func(*plansv1.CreateDiaryEntryRequest)
			field  string
		}{
			"pain 11":           {func(r *plansv1.CreateDiaryEntryRequest) { r.Pain = proto.Int32(11) }, "pain"},
			"pain -1":           {func(r *plansv1.CreateDiaryEntryRequest) { r.Pain = proto.Int32(-1) }, "pain"},
			"interference 11":   {func(r *plansv1.CreateDiaryEntryRequest) { r.Interference = proto.Int32(11) }, "interference"},
			"nothing":           {func(r *plansv1.CreateDiaryEntryRequest) { r.Pain = nil }, "pain"},
			"no such day":       {func(r *plansv1.CreateDiaryEntryRequest) { r.LocalDate = "2027-02-30" }, "local_date"},
			"no date":           {func(r *plansv1.CreateDiaryEntryRequest) { r.LocalDate = "yesterday" }, "local_date"},
			"tomorrow":          {func(r *plansv1.CreateDiaryEntryRequest) { r.LocalDate = "2027-01-05" }, "local_date"},
			"last century":      {func(r *plansv1.CreateDiaryEntryRequest) { r.LocalDate = "1999-12-31" }, "local_date"},
			"noted in two days": {func(r *plansv1.CreateDiaryEntryRequest) { r.NotedTime = timestamppb.New(start.Add(48 * time.Hour)) }, "noted_time"},
			"no zone":           {func(r *plansv1.CreateDiaryEntryRequest) { r.TimeZone = "Mars/Olympus" }, "time_zone"},
			"this machine's":    {func(r *plansv1.CreateDiaryEntryRequest) { r.TimeZone = "Local" }, "time_zone"},
			"tag":               {func(r *plansv1.CreateDiaryEntryRequest) { r.Tags = []string{"HAPPY"} }, "tags[0]"},
			"tag twice":         {func(r *plansv1.CreateDiaryEntryRequest) { r.Tags = []string{"FEVER", "FEVER"} }, "tags"},
			"client id":         {func(r *plansv1.CreateDiaryEntryRequest) { r.ClientId = "a b" }, "client_id"},
			"long note":         {func(r *plansv1.CreateDiaryEntryRequest) { r.Note = strings.Repeat("x", 4001) }, "note"},
			"long activity":     {func(r *plansv1.CreateDiaryEntryRequest) { r.Activity = strings.Repeat("x", 501) }, "activity"},
			"long medicine":     {func(r *plansv1.CreateDiaryEntryRequest) { r.Medicine = strings.Repeat("x", 501) }, "medicine"},
			"item":              {func(r *plansv1.CreateDiaryEntryRequest) { r.Done = []*plansv1.DoneItem{{Code: "a b"}} }, "done[0].code"},
			"side":              {func(r *plansv1.CreateDiaryEntryRequest) { r.Done = []*plansv1.DoneItem{{Code: "CAT_COW", Side: "UP"}} }, "done[0].side"},
			"minutes":           {func(r *plansv1.CreateDiaryEntryRequest) { r.Done = []*plansv1.DoneItem{{Code: "BATH", Minutes: 601}} }, "done[0].minutes"},
			"no patient":        {func(r *plansv1.CreateDiaryEntryRequest) { r.PatientId = "" }, "patient_id"},
		} {
			r := note("2027-01-03", 3)
			c.change(r)
			_, err := w.diary().CreateDiaryEntry(w.physio(), r)
			if f := refused(t, err, "INVALID_ARGUMENT"); len(f.Fields) == 0 || f.Fields[0].Field != c.field {
				t.Errorf("%s: fields %v, want %s", name, f.Fields, c.field)
			}
		}
		for name, r := range map[string]*plansv1.GetDiaryTrendRequest{
			"backwards": {PatientId: patient, StartDate: "2027-01-03", EndDate: "2027-01-02"},
			"too long":  {PatientId: patient, StartDate: "2020-01-01"},
		} {
			if _, err := w.diary().GetDiaryTrend(w.physio(), r); !fault.Is(err, "INVALID_ARGUMENT") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := w.rows(`SELECT count(*) FROM diary_entries`); n != 0 {
			t.Errorf("%d entries were kept", n)
		}
	})
}

// Patients have their own diary, reception none; nothing of it is in events or the log.
func TestDiaryIsThePatients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		r := note("2027-01-03", 3)
		r.Note = "canary-note"
		w.noted(r)
		_, err := w.diary().ListDiaryEntries(w.reception(), &plansv1.ListDiaryEntriesRequest{PatientId: patient})
		if !fault.IsKind(err, fault.PermissionDenied) {
			t.Errorf("reception: %v", err)
		}
		_, err = w.diary().ListDiaryEntries(w.patient(), &plansv1.ListDiaryEntriesRequest{PatientId: "pat_other"})
		refused(t, err, "NOT_FOUND")
		r.PatientId = "pat_other"
		_, err = w.diary().CreateDiaryEntry(w.patient(), r)
		refused(t, err, "NOT_FOUND")
		if strings.Contains(w.logged.String(), "canary") || strings.Contains(fmt.Sprint(w.events()), "canary") {
			t.Error("a note left the database")
		}
		if n := w.rows(`SELECT count(*) FROM audit_log WHERE action LIKE 'diary.%' AND facts LIKE '%canary%'`); n != 0 {
			t.Error("a note is in the audit trail")
		}
	})
}

// A merge takes the diary and the outcomes along, and its undoing gives them back.
func TestDiaryFollowsMerges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		mine := note("2027-01-02", 3)
		w.noted(mine)
		theirs := note("2027-01-03", 7)
		theirs.PatientId = "pat_other"
		if _, err := w.diary().CreateDiaryEntry(w.physio(), theirs); err != nil {
			t.Fatal(err)
		}
		if _, err := w.outcomes().RecordOutcome(w.physio(), &plansv1.RecordOutcomeRequest{PatientId: "pat_other", Instrument: "NPRS", Score: proto.Float64(7)}); err != nil {
			t.Fatal(err)
		}
		count := func() string {
			d, err := w.diary().ListDiaryEntries(w.physio(), &plansv1.ListDiaryEntriesRequest{PatientId: patient})
			if err != nil {
				t.Fatal(err)
			}
			o, err := w.outcomes().ListOutcomes(w.physio(), &plansv1.ListOutcomesRequest{PatientId: patient})
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(len(d.GetEntries()), len(o.GetOutcomes()))
		}
		w.dir.tell(t, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: patient, MergedPatientId: "pat_other"})
		w.heard(w.dir.producer)
		if got := count(); got != "2 1" {
			t.Errorf("after the merge %s, want 2 1", got)
		}
		w.dir.tell(t, &directoryv1.PatientUnmerged{ClinicId: clinic, SurvivingPatientId: patient, RestoredPatientId: "pat_other"})
		w.heard(w.dir.producer)
		if got := count(); got != "1 0" {
			t.Errorf("after its undoing %s, want 1 0", got)
		}
	})
}
