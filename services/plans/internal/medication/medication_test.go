package medication

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/civil"
)

var monday = civil.MustParse("2027-01-04")

func TestRecognise(t *testing.T) {
	t.Parallel()
	r := Standard()
	for _, c := range []struct {
		text    string
		mg      float64
		name    string
		classes string
	}{
		{"ibuprofen", 0, "ibuprofen", "NSAID"},
		{"Ibuprofen 400 mg, tablets", 400, "ibuprofen", "NSAID"},
		{"NUROFEN", 0, "ibuprofen", "NSAID"},
		{"naproxen sodium 220", 0, "naproxen", "NSAID"},
		{"aspirin", 0, "aspirin", "NSAID"},
		{"aspirin", 100, "low-dose aspirin", "ANTIPLATELET"},
		{"aspirin", 300, "aspirin", "NSAID"},
		{"Aspirin 75mg", 0, "low-dose aspirin", "ANTIPLATELET"},
		{"low-dose aspirin", 0, "low-dose aspirin", "ANTIPLATELET"},
		{"paracetamol", 0, "acetaminophen", "ACETAMINOPHEN"},
		{"ibuprofen and paracetamol", 0, "ibuprofen with acetaminophen", "NSAID ACETAMINOPHEN"},
		{"codeine with ibuprofen", 0, "codeine and ibuprofen", "OPIOID NSAID"},
		{"co-codamol 8/500", 0, "co-codamol", "ACETAMINOPHEN OPIOID"},
		{"cyclobenzaprine", 0, "cyclobenzaprine", "MUSCLE_RELAXANT"},
		{"ibuprofenish", 0, "ibuprofenish", ""},
		{"", 0, "", ""},
	} {
		m := r.Recognise(c.text, c.mg)
		if m.Name != c.name || strings.Join(m.Classes, " ") != c.classes || m.Known() != (c.classes != "") {
			t.Errorf("%q: %q %v", c.text, m.Name, m.Classes)
		}
	}
}

// Each kind of defect is refused with the place.
func TestParseRefusesDefects(t *testing.T) {
	t.Parallel()
	for place, change := range map[string]func(r map[string]any){
		"classes[0]":            func(r map[string]any) { list(r, "classes")[0]["source"] = "" },
		"drugs[0].drug":         func(r map[string]any) { list(r, "drugs")[0]["drug"] = "Ibuprofen" },
		"drugs[0].classes":      func(r map[string]any) { list(r, "drugs")[0]["classes"] = []string{"NICE"} },
		"drugs[1]":              func(r map[string]any) { list(r, "drugs")[1]["drug"] = "ibuprofen" },
		"drugs[0].label.source": func(r map[string]any) { list(r, "drugs")[0]["label"] = map[string]any{"max_day_mg": 3} },
		"drugs[0].label":        func(r map[string]any) { list(r, "drugs")[0]["label"] = map[string]any{"max_day_mg": -3, "source": "x"} },
		"drugs[0].label.max_single_mg": func(r map[string]any) {
			list(r, "drugs")[0]["label"] = map[string]any{"max_day_mg": 3, "max_single_mg": 4, "source": "x"}
		},
		"form_classes[0]":          func(r map[string]any) { list(r, "form_classes")[0]["class"] = "X" },
		"rules[0].mode":            func(r map[string]any) { list(r, "rules")[0]["mode"] = "maybe" },
		"rules[0].kind":            func(r map[string]any) { list(r, "rules")[0]["kind"] = "HUNCH" },
		"rules[0]: needs":          func(r map[string]any) { list(r, "rules")[0]["source"] = "" },
		"rules[1].rule_id":         func(r map[string]any) { list(r, "rules")[1]["rule_id"] = "MED-01" },
		"rules[0].class":           func(r map[string]any) { list(r, "rules")[0]["class"] = "X" },
		"rules[0].with":            func(r map[string]any) { list(r, "rules")[0]["with"] = []string{"X"} },
		"rules[0].checks.TOGETHER": func(r map[string]any) { list(r, "rules")[0]["checks"] = map[string]any{} },
		"rules[1].block_from_day":  func(r map[string]any) { list(r, "rules")[1]["block_from_day"] = 11 },
		"rules[2].conflicts":       func(r map[string]any) { list(r, "rules")[2]["conflicts"] = []any{} },
		"rules[2].conflicts[0]":    func(r map[string]any) { list(r, "rules")[2]["conflicts"] = []any{map[string]any{"question": "organ"}} },
		"rules[3].single_max_mg":   func(r map[string]any) { list(r, "rules")[3]["single_max_mg"] = 5000 },
		"rules[3].drug":            func(r map[string]any) { list(r, "rules")[3]["drug"] = "tea" },
		"rules[5].task_at":         func(r map[string]any) { list(r, "rules")[5]["task_at"] = 0 },
		"rules[8].adult_age":       func(r map[string]any) { list(r, "rules")[8]["adult_age"] = 0 },
		`unknown field "unknown"`:  func(r map[string]any) { r["unknown"] = 1 },
	} {
		var r map[string]any
		if err := json.Unmarshal(standard, &r); err != nil {
			t.Fatal(err)
		}
		change(r)
		data, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(data); err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: %v", place, err)
		}
	}
}

func list(r map[string]any, name string) []map[string]any {
	all, _ := r[name].([]any)
	out := make([]map[string]any, len(all))
	for i := range all {
		out[i], _ = all[i].(map[string]any)
	}
	return out
}

// bruteRun counts days one by one, in both directions, over an array.
func bruteRun(days []bool, at int) int {
	if at < 0 || at >= len(days) || !days[at] {
		return 0
	}
	n := 1
	for i := at - 1; i >= 0 && days[i]; i-- {
		n++
	}
	for i := at + 1; i < len(days) && days[i]; i++ {
		n++
	}
	return n
}

// checkRuns compares the counter with brute force: bytes are days on which a drug is taken,
// in the order in which they are entered.
func checkRuns(t interface{ Fatalf(string, ...any) }, data []byte) {
	r := Standard()
	drugs := []string{"ibuprofen", "naproxen", "aspirin", "acetaminophen"}
	const span = 64
	c := Case{Today: monday}
	var nsaid [span]bool
	for i, b := range data {
		day, drug := int(b)%span, drugs[int(b)/span]
		d := Dose{ID: string(rune('a' + i)), Drug: drug, Date: monday.AddDays(day - span + 1)}
		d.At = d.Date.At(12, 0, time.UTC)
		c.Doses = append(c.Doses, d)
		nsaid[day] = nsaid[day] || drug != "acetaminophen"
		want := 0
		if drug != "acetaminophen" {
			want = bruteRun(nsaid[:], day)
		}
		check := ""
		for _, issue := range r.OfDose(c, d.ID) {
			if issue.RuleID == "MED-02" {
				check = issue.Check
				if issue.Blocking != (check == "BLOCK") || check == "BLOCK" && issue.Severity != "HIGH" {
					t.Fatalf("%v", issue)
				}
			}
		}
		if (check == "BLOCK") != (want >= 15) || (check == "ADVISE") != (want >= 11 && want < 15) {
			t.Fatalf("day %d of %d in a row says %q: %v", day, want, check, nsaid)
		}
	}
	run := r.Days(c, "NSAID")
	want := bruteRun(nsaid[:], span-1)
	if want == 0 {
		want = bruteRun(nsaid[:], span-2)
	}
	if run.Days != want {
		t.Fatalf("up to today %d, brute force %d", run.Days, want)
	}
	// A medicine taken daily over the same days is counted the same.
	daily := Case{Today: monday}
	for day, took := range nsaid {
		if took {
			on := monday.AddDays(day - span + 1)
			daily.Items = append(daily.Items, Item{ID: on.String(), Drug: "ibuprofen", State: Stopped, Daily: true, Start: on, Stop: on})
		}
	}
	if again := r.Days(daily, "NSAID"); again != run {
		t.Fatalf("daily %v, by doses %v", again, run)
	}
}

// FuzzNSAIDDays reads bytes as doses of four medicines over 64 days.
func FuzzNSAIDDays(f *testing.F) {
	f.Add([]byte("0123456789:;<=>?"))
	f.Add([]byte{49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 123, 124, 125, 126, 127})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) <= 120 {
			checkRuns(t, data)
		}
	})
}

func TestNSAIDDays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { checkRuns(t, rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "doses")) })
}

// The sum of 24 hours and the interval are what trying every pair and window says.
func TestDosesWithin24Hours(t *testing.T) {
	t.Parallel()
	r := Standard()
	rapid.Check(t, func(t *rapid.T) {
		c := Case{Today: monday}
		n := rapid.IntRange(1, 8).Draw(t, "doses")
		for i := range n {
			at := monday.At(0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 60*60).Draw(t, "minute")) * time.Minute)
			c.Doses = append(c.Doses, Dose{
				ID: string(rune('a' + i)), Drug: "ibuprofen", At: at, Date: civil.Of(at, time.UTC),
				Mg: float64(rapid.SampledFrom([]int{200, 300, 400}).Draw(t, "mg")),
			})
		}
		for _, d := range c.Doses {
			soon, most := false, 0.0
			for _, o := range c.Doses {
				gap := o.At.Sub(d.At)
				soon = soon || o.ID != d.ID && gap > -4*time.Hour && gap < 4*time.Hour
			}
			for minute := range 24 * 60 { // every window of 24 hours that has the dose in it
				from := d.At.Add(-time.Duration(minute) * time.Minute)
				sum := 0.0
				for _, o := range c.Doses {
					if !o.At.Before(from) && o.At.Before(from.Add(24*time.Hour)) {
						sum += o.Mg
					}
				}
				most = max(most, sum)
			}
			issues := r.OfDose(c, d.ID)
			if has(issues, "INTERVAL") != soon || has(issues, "DAY") != (most > 1200) || has(issues, "LABEL_DAY") != (most > 1200) || has(issues, "SINGLE") {
				t.Fatalf("%v: soon %v, most %g: %v", d, soon, most, issues)
			}
		}
	})
}

func has(issues []Issue, check string) bool {
	return slices.ContainsFunc(issues, func(i Issue) bool { return i.Check == check })
}

// Whatever is on the list: off says nothing, advise never blocks, and an acknowledgement of
// everything leaves nothing that blocks.
func TestModesAndAcknowledgements(t *testing.T) {
	t.Parallel()
	names := []string{"ibuprofen", "naproxen", "paracetamol", "cyclobenzaprine", "tramadol", "warfarin", "nuromol", "tea", "aspirin 75"}
	rapid.Check(t, func(t *rapid.T) {
		c := Case{Today: monday, Conditions: Conditions{Answers: map[string][]string{
			"organ":     rapid.SliceOfDistinct(rapid.SampledFrom([]string{"kidney", "liver", "stomach_ulcer"}), rapid.ID[string]).Draw(t, "organ"),
			"medicines": rapid.SliceOfDistinct(rapid.SampledFrom([]string{"nsaid", "acetaminophen", "ssri"}), rapid.ID[string]).Draw(t, "medicines"),
			"age":       {rapid.SampledFrom([]string{"12", "40", "70"}).Draw(t, "age")},
		}}}
		for i := range rapid.IntRange(1, 5).Draw(t, "items") {
			c.Items = append(c.Items, Item{
				ID: string(rune('a' + i)), Drug: rapid.SampledFrom(names).Draw(t, "drug"), Start: monday.AddDays(-rapid.IntRange(0, 20).Draw(t, "start")),
				State: rapid.SampledFrom([]State{Reported, Active, Blocked, Stopped, InError}).Draw(t, "state"), Daily: rapid.Bool().Draw(t, "daily"),
			})
		}
		r := Standard()
		mode := func(m Mode) Rules {
			modes := map[string]Mode{}
			for _, rule := range r.Rules {
				modes[rule.ID] = m
			}
			return r.ForClinic(modes, nil)
		}
		if n := len(mode(Off).Of(c)); n != 0 {
			t.Fatalf("off says %d things", n)
		}
		for _, i := range mode(Advise).Of(c) {
			if i.Blocking {
				t.Fatalf("advise blocks: %v", i)
			}
		}
		for _, i := range r.Of(c) {
			if strings.ContainsAny(i.Patient+i.Clinician, "{}[]") {
				t.Fatalf("words: %q %q", i.Patient, i.Clinician)
			}
			for at := range c.Items {
				if c.Items[at].ID == i.ItemID {
					c.Items[at].Acks = append(c.Items[at].Acks, Ack{RuleID: i.RuleID, Codes: i.Codes})
				}
			}
		}
		for _, i := range r.Of(c) {
			if i.Blocking || i.Task {
				t.Fatalf("acknowledged, and blocks: %v", i)
			}
		}
	})
}
