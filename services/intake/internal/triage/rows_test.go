package triage

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// Rows of clinical reference section 1 of the services INTAKE and HOME. Each is a test named
// by its id, here or in the package intake, or listed with where it goes.
var (
	intakeRows = []string{
		"F001", "F002", "F003", "F004", "F005", "F006", "F007", "F008", "F009", "F011", "F012", "F020", "F021", "F022", "F023", "F024",
		"F025", "F026", "F027", "F028", "F029", "F030", "F031", "F035", "F036", "F037", "F038", "F105", "F106", "F184",
	}
	homeRows = []string{
		"F039", "F045", "F046", "F047", "F048", "F049", "F050", "F051", "F052", "F053", "F055", "F056", "F057", "F058", "F059", "F060",
		"F061", "F062", "F065", "F066", "F067", "F068", "F070", "F071", "F072", "F073", "F074", "F075", "F076", "F080", "F081", "F082",
		"F083", "F084", "F129", "F133", "F151", "F155", "F171", "F172",
	}
)

// elsewhere says where a row goes that is not intake's to prove.
var elsewhere = map[string]string{
	"F039": "plans, home programme: the disclaimer and its version are on the document that plans renders",
	"F049": "plans, pain diary: the daily question",
	"F050": "notify: prompts in working time; the item POSTURE is suggested here",
	"F052": "plans: the closing summary of a plan",
	"F056": "plans, home programme: the schedule of the ICE item",
	"F057": "plans, home programme: the schedule after day 3",
	"F058": "plans, home programme: the text of the ICE item",
	"F059": "plans, home programme: the line that no template may lose",
	"F060": "plans, home programme: the BATH item",
	"F061": "plans, home programme: the ceiling of the BATH item",
	"F062": "plans, home programme: COLD_AFTER_BATH",
	"F065": "plans, home programme: defaults of stretches",
	"F066": "plans, exercise library", "F067": "plans, exercise library", "F068": "plans, exercise library", "F070": "plans, exercise library",
	"F071": "plans, exercise library", "F072": "plans, exercise library", "F073": "plans, exercise library", "F074": "plans, exercise library",
	"F075": "plans, exercise library", "F076": "plans, exercise library",
	"F081": "plans, home programme: steps of the FOAM_ROLL item", "F082": "plans, home programme: steps of the FOAM_ROLL item",
	"F083": "plans, pain diary: soreness after the first day",
	"F129": "plans, outcomes: relief on the day of an injection",
	"F133": "notify: the message after a massage",
	"F151": "plans: exercises of a physiotherapy course",
	"F155": "plans, exercise library: locked until the injury is resolved",
	"F171": "plans, pain diary",
	"F172": "plans, exercise library: stress items",
}

// testedIDs finds the ids that tests of some packages are named by: a function, a subtest
// or a row of a table.
func testedIDs(t *testing.T, folders ...string) []string {
	t.Helper()
	named := regexp.MustCompile(`(?:func Test|t\.Run\("|id: ")(F\d{3})`)
	var out []string
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no tests in %s: %v", folder, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range named.FindAllStringSubmatch(string(text), -1) {
				out = append(out, m[1])
			}
		}
	}
	return out
}

func TestEveryRowIsTestedOrListed(t *testing.T) {
	t.Parallel()
	tested := testedIDs(t, ".", "../..")
	for _, id := range slices.Concat(intakeRows, homeRows) {
		_, listed := elsewhere[id]
		if has := slices.Contains(tested, id); has == listed {
			t.Errorf("%s: tested %v, listed %v", id, has, listed)
		}
	}
	for _, id := range intakeRows {
		if _, listed := elsewhere[id]; listed {
			t.Errorf("%s is intake's own", id)
		}
	}
}

// F023: stiffness makes the questions about inflammation part of the form.
func TestF023StiffnessAsksAboutInflammation(t *testing.T) {
	t.Parallel()
	set := shipped(t)
	var asked []string
	for _, p := range set.PagesOf(Answers{"stiffness": Choice("yes")}) {
		asked = append(asked, p.Questions...)
	}
	needs(t, "questions", asked, []string{"inflammatory", "joint_swelling"}, nil)
}
