package note

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/fault"
)

func n(v int) *int { return &v }

// What follows from an examination, in words a clinician can check.
func TestExaminations(t *testing.T) {
	t.Parallel()
	bend := func(side string, hump bool, degrees *int) Examination {
		return Examination{Kind: ForwardBend, Bend: &Bend{Side: side, RibHump: hump, Rotation: degrees}}
	}
	nerve := func(strength, sensation, reflexes string) Examination {
		return Examination{Kind: Neuro, Nerve: &Nerves{strength, sensation, reflexes}}
	}
	moved := func(joint, movement, side string, degrees int) Examination {
		return Examination{Kind: RangeOfMotion, Moved: []Moved{{Joint: joint, Movement: movement, Side: side, Degrees: degrees}}}
	}
	high := bend("LEFT", true, n(5))
	high.Bend.HighBMI = true
	for name, c := range map[string]struct {
		e    Examination
		want string
	}{
		"F107 7 degrees: refer":                       {bend("RIGHT", true, n(7)), ScoliosisRefer},
		"F107 12 degrees: refer":                      {bend("RIGHT", true, n(12)), ScoliosisRefer},
		"F107 6 degrees: look again":                  {bend("RIGHT", true, n(6)), ScoliosisRecheck},
		"F107 5 degrees: look again":                  {bend("LEFT", true, n(5)), ScoliosisRecheck},
		"F107 4 degrees: nothing":                     {bend("LEFT", true, n(4)), ""},
		"F107 5 degrees, high body mass index: refer": {high, ScoliosisRefer},
		"F107 ribs stick out, not measured: measure":  {bend("LEFT", true, nil), ScoliosisMeasure},
		"F107 nothing to be seen":                     {bend("NONE", false, nil), ""},
		"F107 nothing to be seen, and yet 7 degrees":  {bend("NONE", false, n(7)), ScoliosisRefer},
		"F108 reflexes abnormal: blocks":              {nerve(Normal, Normal, Abnormal), NeuroAbnormal + " blocking"},
		"F108 strength abnormal: blocks":              {nerve(Abnormal, NotTested, NotTested), NeuroAbnormal + " blocking"},
		"F108 sensation abnormal: blocks":             {nerve(Normal, Abnormal, Normal), NeuroAbnormal + " blocking"},
		"F108 all normal: clears":                     {nerve(Normal, Normal, Normal), " clears"},
		"F108 one not tested clears nothing":          {nerve(Normal, Normal, NotTested), ""},
		"ask 11 thoracic rotation 15 of 30: limited":  {moved("THORACIC_SPINE", "ROTATION", "LEFT", 15), Limited},
		"ask 11 thoracic rotation 25 of 30":           {moved("THORACIC_SPINE", "ROTATION", "LEFT", 25), ""},
		"ask 11 neck flexion 20 of 50: limited":       {moved("CERVICAL_SPINE", "FLEXION", "", 20), Limited},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := Standard().Examine(&c.e)
			got := strings.Join(r.Findings, ",")
			if r.Blocking {
				got += " blocking"
			}
			if r.Clears {
				got += " clears"
			}
			if err != nil || got != c.want {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func TestExaminationsWithDefects(t *testing.T) {
	t.Parallel()
	one := Moved{Joint: "SHOULDER", Movement: "FLEXION", Side: "LEFT", Degrees: 90}
	for name, c := range map[string]struct {
		e     Examination
		field string
	}{
		"no kind":                       {Examination{Kind: "GUESS"}, "kind"},
		"nothing measured":              {Examination{Kind: RangeOfMotion}, "movements"},
		"no bend":                       {Examination{Kind: ForwardBend}, "forward_bend"},
		"no nerves":                     {Examination{Kind: Neuro}, "neuro"},
		"two kinds":                     {Examination{Kind: Neuro, Nerve: &Nerves{Normal, Normal, Normal}, Bend: &Bend{Side: "NONE"}}, "forward_bend"},
		"nothing tested":                {Examination{Kind: Neuro, Nerve: &Nerves{NotTested, NotTested, NotTested}}, "neuro"},
		"reflexes unsaid":               {Examination{Kind: Neuro, Nerve: &Nerves{Normal, Normal, ""}}, "neuro.reflexes"},
		"side of the bend":              {Examination{Kind: ForwardBend, Bend: &Bend{Side: "UP", RibHump: true}}, "forward_bend.side"},
		"a hump on no side":             {Examination{Kind: ForwardBend, Bend: &Bend{Side: "NONE", RibHump: true}}, "forward_bend.side"},
		"a side without a hump":         {Examination{Kind: ForwardBend, Bend: &Bend{Side: "LEFT"}}, "forward_bend.side"},
		"rotation of 91 degrees":        {Examination{Kind: ForwardBend, Bend: &Bend{Side: "LEFT", RibHump: true, Rotation: n(91)}}, "forward_bend.rotation_degrees"},
		"a joint that there is not":     {Examination{Kind: RangeOfMotion, Moved: []Moved{{Joint: "TAIL", Movement: "FLEXION"}}}, "movements[0].movement"},
		"a side that there is not":      {Examination{Kind: RangeOfMotion, Moved: []Moved{{Joint: "LUMBAR_SPINE", Movement: "FLEXION", Side: "LEFT"}}}, "movements[0].side"},
		"a side that is missing":        {Examination{Kind: RangeOfMotion, Moved: []Moved{{Joint: "SHOULDER", Movement: "FLEXION"}}}, "movements[0].side"},
		"more than twice what is usual": {Examination{Kind: RangeOfMotion, Moved: []Moved{{Joint: "LUMBAR_SPINE", Movement: "FLEXION", Degrees: 121}}}, "movements[0].degrees"},
		"twice the same":                {Examination{Kind: RangeOfMotion, Moved: []Moved{one, one}}, "movements[1]"},
	} {
		_, err := Standard().Examine(&c.e)
		if f := fault.From(err); err == nil || f.Reason != "INVALID_ARGUMENT" || f.Fields[0].Field != c.field {
			t.Errorf("%s: %v %v, want the field %s", name, err, f.Fields, c.field)
		}
	}
}

func TestProcedures(t *testing.T) {
	t.Parallel()
	r := Standard()
	for name, c := range map[string]struct {
		discipline           string
		procedures, adjuncts []string
		known                map[string][]string
		want                 string
	}{
		"F142 traction at chiropractic":          {"CHIROPRACTIC", []string{"TRACTION"}, nil, nil, ""},
		"F142 traction at physiotherapy":         {"PHYSIOTHERAPY", []string{"TRACTION"}, nil, nil, ""},
		"F142 no traction at acupuncture":        {"ACUPUNCTURE", []string{"TRACTION"}, nil, nil, "procedures[0]"},
		"F154 ultrasound and stimulation":        {"PHYSIOTHERAPY", []string{"US_THERAPY", "EMS"}, nil, nil, ""},
		"F154 EMS with a pacemaker: X-ELEC-1":    {"PHYSIOTHERAPY", []string{"EMS"}, nil, map[string][]string{"implant": {"pacemaker_icd"}}, "X-ELEC-1"},
		"F154 ultrasound in pregnancy: X-ELEC-1": {"PHYSIOTHERAPY", []string{"US_THERAPY"}, nil, map[string][]string{"pregnancy": {"possible"}}, "X-ELEC-1"},
		"F154 EMS after cancer: X-ELEC-1":        {"PHYSIOTHERAPY", []string{"EMS"}, nil, map[string][]string{"cancer": {"past"}}, "X-ELEC-1"},
		"F156 massage beside physiotherapy":      {"PHYSIOTHERAPY", nil, []string{"MASSAGE", "HEAT", "COLD"}, nil, ""},
		"F156 massage with fever: X-MASS-1":      {"PHYSIOTHERAPY", nil, []string{"MASSAGE"}, map[string][]string{"fever": {"yes"}}, "X-MASS-1"},
		"F156 an adjunct is no procedure":        {"PHYSIOTHERAPY", []string{"MASSAGE"}, nil, nil, "procedures[0]"},
		"F156 a procedure is no adjunct":         {"PHYSIOTHERAPY", nil, []string{"TRACTION"}, nil, "adjuncts[0]"},
		"a code that there is not":               {"PHYSIOTHERAPY", []string{"LEECHES"}, nil, nil, "procedures[0]"},
	} {
		err := r.Check(c.discipline, c.procedures, c.adjuncts, c.known)
		got := ""
		if f := fault.From(err); err != nil && len(f.Fields) > 0 {
			got = f.Fields[0].Field
		} else if err != nil {
			got = f.Facts["rule"]
		}
		if got != c.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, c.want)
		}
	}
	for _, code := range []string{"TRACTION", "US_THERAPY", "EMS"} {
		if p, ok := r.Procedure(code); !ok || p.EvidenceNote == "" {
			t.Errorf("F142 F154 %s has no evidence note", code)
		}
	}
}

func TestF132LighterPressure(t *testing.T) {
	t.Parallel()
	r := Standard()
	if len(r.Prompts(n(9))) != 1 || len(r.Prompts(n(7))) != 0 || len(r.Prompts(nil)) != 0 {
		t.Error("F132 a prompt above 7 of 10, and only then")
	}
}

func TestRulesWithDefects(t *testing.T) {
	t.Parallel()
	good := string(standard)
	for name, bad := range map[string]string{
		"nothing blocked":      strings.Replace(good, `["CHIROPRACTIC", "MASSAGE", "ACUPUNCTURE", "FACET_JOINT_INJECTION"]`, `[]`, 1),
		"nobody clears":        strings.Replace(good, `["PHYSICIAN", "PHYSIOTHERAPIST", "CHIROPRACTOR"]`, `[]`, 1),
		"refer before recheck": strings.Replace(good, `"refer_degrees": 7`, `"refer_degrees": 4`, 1),
		"pressure":             strings.Replace(good, `"pressure_limit": 7`, `"pressure_limit": 11`, 1),
		"no source":            strings.Replace(good, `"source": "S4 (F142)"`, `"source": ""`, 1),
		"a code twice":         strings.Replace(good, `"code": "EMS"`, `"code": "TRACTION"`, 1),
	} {
		if bad == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := ParseRules([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// One abnormal check always blocks, and nothing clears while one is not normal.
func TestNeuroProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		word := func(name string) string {
			return rapid.SampledFrom([]string{Normal, Abnormal, NotTested}).Draw(t, name)
		}
		v := Nerves{word("strength"), word("sensation"), word("reflexes")}
		r, err := Standard().Examine(&Examination{Kind: Neuro, Nerve: &v})
		if err != nil {
			return
		}
		abnormal := v.Strength == Abnormal || v.Sensation == Abnormal || v.Reflexes == Abnormal
		if r.Blocking != abnormal || r.Clears != (v == Nerves{Normal, Normal, Normal}) {
			t.Fatalf("%+v: %+v", v, r)
		}
	})
}
