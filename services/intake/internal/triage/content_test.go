package triage

import (
	"strings"
	"testing"
)

// patientTexts are all texts that a patient reads, in English, by place.
func patientTexts(s *Set) map[string]string { return s.PatientTexts("en") }

// The text is for a reading age of 11 or under (Flesch-Kincaid grade 6), with sentences of
// at most 20 words but for lists of signs. The PHQ-4 is kept word for word.
func TestPatientTextIsPlainEnglish(t *testing.T) {
	t.Parallel()
	lists := map[string]bool{"saddle_numbness.text": true, "bladder_change.text": true, "cardiac_associated.text": true, "mini.bladder_bowel_saddle": true}
	for place, text := range patientTexts(shipped(t)) {
		if strings.ContainsAny(text, "{}<>") || text != strings.TrimSpace(text) || strings.Contains(text, "_") {
			t.Errorf("%s: stray characters in %q", place, text)
		}
		for _, s := range sentences(text) {
			if found := wordsOf(s); len(found) > 20 && !lists[place] {
				t.Errorf("%s: a sentence of %d words: %q", place, len(found), s)
			}
		}
	}
	if grade := shipped(t).Grade(); grade > MaxGrade || grade < 2 {
		t.Errorf("Flesch-Kincaid grade %.1f, want 6 or less", grade)
	} else {
		t.Logf("Flesch-Kincaid grade %.1f", grade)
	}
}

// The PHQ-4 in its published wording (Kroenke, Spitzer, Williams, Löwe 2009).
func TestPHQ4IsWordForWord(t *testing.T) {
	t.Parallel()
	texts := patientTexts(shipped(t))
	for place, want := range map[string]string{
		"feelings.intro": "Over the last 2 weeks, how often have you been bothered by the following problems?",
		"phq4_1.text":    "Feeling nervous, anxious or on edge",
		"phq4_2.text":    "Not being able to stop or control worrying",
		"phq4_3.text":    "Little interest or pleasure in doing things",
		"phq4_4.text":    "Feeling down, depressed, or hopeless",
		"phq4_1.0":       "Not at all",
		"phq4_2.1":       "Several days",
		"phq4_3.2":       "More than half the days",
		"phq4_4.3":       "Nearly every day",
	} {
		if texts[place] != want {
			t.Errorf("%s is %q", place, texts[place])
		}
	}
}

// No patient text names a disease as the patient's (F009): the words stay in why and
// source, which only clinicians read. Words in questions are what the patient is asked.
func TestResultsNameNoDisease(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	for place, text := range patientTexts(s) {
		if !strings.Contains(place, "action") && !strings.HasPrefix(place, strings.ToUpper(place[:2])) {
			continue
		}
		for _, bad := range []string{"cancer", "infection", "embolism", "heart attack", "stroke", "fracture", "tumour", "cauda", "meningitis", "arthritis"} {
			if strings.Contains(strings.ToLower(text), bad) {
				t.Errorf("%s names %q", place, bad)
			}
		}
	}
}

func TestPagesFollowTheAnswers(t *testing.T) {
	t.Parallel()
	s := shipped(t)
	state := func(answers Answers, page string) Progress {
		for _, p := range s.PagesOf(answers) {
			if p.Page == page {
				return p
			}
		}
		t.Fatalf("no page %s", page)
		return Progress{}
	}
	if p := state(Answers{}, "injury_procedure"); p.State != PageOpen || len(p.Questions) != 2 {
		t.Errorf("nothing answered: %+v", p)
	}
	hurt := Answers{"trauma": Choice("minor"), "recent_procedure": Multi()}
	if p := state(hurt, "injury_procedure"); p.State != PageOpen || len(p.Questions) != 4 {
		t.Errorf("hurt: %+v", p)
	}
	hurt["trauma_days"], hurt["trauma_assessed"] = Num(1), Choice("unsure")
	if p := state(hurt, "injury_procedure"); p.State != PageDone {
		t.Errorf("follow-ups answered: %+v", p)
	}
	if p := state(Answers{"trauma": Choice("none"), "recent_procedure": Multi("needling_72h")}, "injury_procedure"); len(p.Questions) != 3 {
		t.Errorf("needles: %+v", p)
	}
}
