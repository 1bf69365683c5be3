package triage

import (
	"maps"
	"slices"
	"testing"
)

// seedFact is one row of clinical reference section 1 (services INTAKE and HOME) as far as
// it is about rules. Rows about what a service does over time are tests of that service:
// F009, F029, F031 and F037 in the package intake; F013 and F039 and the exercise library,
// schedules, diary and messages of F045 to F084 belong to plans and notify.
type seedFact struct {
	id      string
	answers Answers
	level   Level    // NoLevel: not checked
	rules   []string // must fire
	not     []string // must not fire
	causes  []string
	suggest []string
	home    []string
	nothome []string
}

var seedFacts = []seedFact{
	{id: "F003", answers: Answers{"trigger": Choice("desk_posture")}, causes: []string{"POSTURE"}, home: []string{"ERGONOMICS", "POSTURE"}},
	{id: "F003", answers: Answers{"trigger": Choice("desk_posture"), "interference": Num(6)}, level: ConservativeCare, suggest: []string{"ERGONOMICS"}},
	{id: "F004", answers: Answers{"trigger": Choice("heavy_lifting")}, causes: []string{"OVERUSE"}},
	{id: "F005", answers: Answers{"trigger": Choice("sport")}, home: []string{"SPORTS_THERAPIST"}},
	{id: "F006", answers: Answers{"trauma": Choice("major"), "trauma_days": Num(1), "trauma_assessed": Choice("no")}, level: EmergencyNow, rules: []string{"E10"}},
	{id: "F007", answers: Answers{"radiation": Choice("around_chest")}, level: ClinicianReview, rules: []string{"C12"}, causes: []string{"DISC"}},
	{id: "F008", answers: Answers{"tender_knots": Choice("yes"), "recurrent": Choice("yes")}, level: ConservativeCare, causes: []string{"MYOFASCIAL"}, suggest: []string{"MASSAGE"}},
	{id: "F009", answers: Answers{"joint_swelling": Choice("yes")}, causes: []string{"RA"}},
	{id: "F009", answers: Answers{"fever": Choice("yes")}, causes: []string{"INFECTION"}},
	{id: "F009", answers: Answers{"cancer": Choice("past")}, causes: []string{"TUMOUR"}},
	{id: "F011", answers: Answers{"scoliosis_signs": Multi("uneven_hips")}, level: ClinicianReview, rules: []string{"C14"}, causes: []string{"SCOLIOSIS"}},
	{id: "F020", answers: Answers{"radiation": Choice("none")}, not: []string{"C12"}},
	{id: "F021", answers: Answers{"quality": Multi("sharp")}, causes: []string{"DISC", "STRAIN"}},
	{id: "F022", answers: Answers{"quality": Multi("dull_ache")}, causes: []string{"POSTURE", "OVERUSE"}},
	{id: "F023", answers: Answers{"stiffness": Choice("yes")}, causes: []string{"OA"}},
	{id: "F024", answers: Answers{"tender_knots": Choice("yes")}, causes: []string{"STRAIN", "MYOFASCIAL"}},
	{id: "F025", answers: Answers{"aggravators": Multi("sitting_desk")}, causes: []string{"STRAIN", "DISC"}, home: []string{"ERGONOMICS"}},
	{id: "F026", answers: Answers{"night_pain": Choice("worse_at_night")}, level: ClinicianReview, rules: []string{"C03"}},
	{id: "F027", answers: Answers{"limb_numbness": Choice("present")}, level: UrgentSameDay, rules: []string{"U01"}},
	{id: "F028", answers: Answers{"headache": Choice("severe")}, level: UrgentSameDay, rules: []string{"U02"}},
	{id: "F028", answers: Answers{"headache": Choice("thunderclap")}, level: EmergencyNow, rules: []string{"E08"}},
	{id: "F030", answers: Answers{"breathing_difficulty": Choice("yes")}, level: EmergencyNow, rules: []string{"E02"}},
	{id: "F035", answers: Answers{"duration": Choice("2to6w"), "self_care_weeks": Num(3), "nrs": Num(3)}, level: ConservativeCare, rules: []string{"A01"}},
	{id: "F036", answers: Answers{"nrs": Num(9), "course": Choice("worsening")}, level: UrgentSameDay, rules: []string{"U15"}},
	{id: "F036", answers: Answers{"nrs": Num(7)}, level: ClinicianReview, rules: []string{"C01"}},
	{id: "F037", answers: Answers{"trauma": Choice("minor"), "trauma_days": Num(1), "trauma_assessed": Choice("yes")}, level: ClinicianReview, rules: []string{"C02"}},
	{id: "F038", answers: Answers{"interference": Num(6), "nrs": Num(5)}, level: ConservativeCare, rules: []string{"A03"}},
	{id: "F045", answers: Answers{"trigger": Choice("heavy_lifting"), "duration": Choice("lt48h")}, home: []string{"REST_FROM_TRIGGER", "LIGHT_MOVEMENT"}},
	{id: "F046", answers: Answers{"onset": Choice("repetitive_work")}, home: []string{"ERGONOMICS"}},
	{id: "F047", answers: Answers{"trigger": Choice("sport"), "recurrent": Choice("yes")}, level: ConservativeCare, suggest: []string{"SPORTS_THERAPIST"}},
	{id: "F048", answers: Answers{}, home: []string{"LIGHT_MOVEMENT"}, nothome: []string{"BED_REST"}},
	{id: "F051", answers: Answers{"trigger": Choice("sleep")}, home: []string{"SLEEP_CHECK"}},
	{id: "F053", answers: Answers{"cold_intolerance": Choice("yes"), "duration": Choice("lt48h")}, nothome: []string{"ICE"}},
	{id: "F055", answers: Answers{"duration": Choice("lt48h")}, home: []string{"ICE"}, nothome: []string{"HEAT"}},
	{id: "F055", answers: Answers{"duration": Choice("2to14d")}, home: []string{"HEAT"}, nothome: []string{"ICE"}},
	{id: "F080", answers: Answers{"nrs": Num(8)}, nothome: []string{"FOAM_ROLL"}},
	{id: "F080", answers: Answers{"nrs": Num(4)}, home: []string{"FOAM_ROLL"}},
	{id: "F084", answers: Answers{"location": Multi("between_shoulder_blades")}, home: []string{"BALL_ROLL"}},
	{id: "F091", answers: Answers{"medicines": Multi("nsaid"), "nsaid_days": Num(15)}, level: ClinicianReview, rules: []string{"C16"}},
	{id: "F098", answers: Answers{"medicines": Multi("opioid")}, level: ClinicianReview, rules: []string{"C16"}},
	{id: "F105", answers: Answers{"age": Num(14), "scoliosis_signs": Multi("rib_prominence_on_bending")}, level: MedicalReferral, rules: []string{"R08"}},
	{id: "F106", answers: Answers{"scoliosis_signs": Multi("known_curve"), "curve_change": Choice("yes")}, level: MedicalReferral, rules: []string{"R08"}},
	{id: "F127", answers: Answers{"recent_procedure": Multi("spinal_injection_6w"), "recent_procedure_days": Num(6), "course": Choice("worsening")}, level: UrgentSameDay, rules: []string{"U18"}},
	{id: "F130", answers: Answers{"nrs": Num(5), "tender_knots": Choice("yes"), "interference": Num(5)}, level: ConservativeCare, suggest: []string{"MASSAGE"}},
	{id: "F140", answers: Answers{"stiffness": Choice("yes"), "interference": Num(5)}, level: ConservativeCare, suggest: []string{"MANIPULATION"}},
	{id: "F140 sharp", answers: Answers{"quality": Multi("sharp"), "aggravators": Multi("movement"), "interference": Num(5)}, level: ConservativeCare, suggest: []string{"MANIPULATION"}},
	{id: "F150", answers: Answers{"recurrent": Choice("yes")}, level: ConservativeCare, suggest: []string{"PHYSIOTHERAPY"}},
	{id: "F160", answers: Answers{"duration": Choice("2to14d"), "interference": Num(5)}, level: ConservativeCare, suggest: []string{"ACUPUNCTURE"}},
	{id: "F170", answers: Answers{"interference": Num(5), "phq4_1": Num(2), "phq4_2": Num(2), "phq4_3": Num(2), "phq4_4": Num(1)}, level: ConservativeCare, suggest: []string{"CBT_STRESS"}},
}

func TestSeedFacts(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	_, base := readVignettes(t)
	for _, f := range seedFacts {
		t.Run(f.id, func(t *testing.T) {
			t.Parallel()
			answers := maps.Clone(base)
			maps.Copy(answers, f.answers)
			got := set.Evaluate(answers)
			if !got.Complete || (f.level != NoLevel && got.Disposition != f.level) {
				t.Errorf("level %v, complete %v", got.Disposition, got.Complete)
			}
			var causes, suggested []string
			for _, h := range got.Hints {
				causes = append(causes, h.Cause)
				if len(h.Because) == 0 {
					t.Errorf("cause %s without a reason", h.Cause)
				}
			}
			for _, m := range got.Suggested {
				suggested = append(suggested, m.Modality)
			}
			needs(t, "rules", ruleIDs(got.Fired), f.rules, f.not)
			needs(t, "causes", causes, f.causes, nil)
			needs(t, "suggestions", suggested, f.suggest, nil)
			needs(t, "home measures", got.HomeMeasures, f.home, f.nothome)
		})
	}
}

func needs(t *testing.T, what string, have, want, not []string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(have, w) {
			t.Errorf("%s %v lack %s", what, have, w)
		}
	}
	for _, n := range not {
		if slices.Contains(have, n) {
			t.Errorf("%s %v have %s", what, have, n)
		}
	}
}

// F001: a thoracic region makes the questions about chest pain, breathing and tearing pain
// compulsory (they are for everybody).
func TestF001ThoracicQuestionsAreRequired(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	missing := set.Evaluate(Answers{"location": Multi("between_shoulder_blades")}).Missing
	needs(t, "missing", missing, []string{"chest_pain", "breathing_difficulty", "sudden_tearing"}, nil)
}

// F002: that upper back pain is less common never lowers a level: a thoracic region added
// to any vignette keeps or raises it.
func TestF002PrevalenceNeverLowers(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	all, _ := readVignettes(t)
	for _, v := range all {
		before := set.Evaluate(v.Answers)
		answers := maps.Clone(v.Answers)
		answers["location"] = Multi(slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(answers["location"].list), "mid_back"))))...)
		if after := set.Evaluate(answers); after.Disposition < before.Disposition {
			t.Errorf("%s: %v lowers to %v", v.ID, before.Disposition, after.Disposition)
		}
	}
}

// F012: with a strain and severe pain, deep massage is not suggested (F130).
func TestF012SeverePainGetsNoMassage(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	_, base := readVignettes(t)
	for pain, want := range map[float64]bool{6: true, 7: false, 8: false} {
		answers := maps.Clone(base)
		maps.Copy(answers, Answers{"nrs": Num(pain), "tender_knots": Choice("yes"), "interference": Num(5), "duration": Choice("6to12w")})
		got := slices.ContainsFunc(set.Evaluate(answers).Suggested, func(m *Modality) bool { return m.Modality == "MASSAGE" })
		if got != want {
			t.Errorf("pain %v: massage suggested %v", pain, got)
		}
	}
}
