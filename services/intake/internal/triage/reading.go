package triage

import (
	"fmt"
	"strings"
	"unicode"
)

// MaxGrade is the Flesch-Kincaid grade that the English text of a form may have as a whole:
// grade 6 is a reading age of 11 (Kincaid and others 1975; the NHS service manual asks for a
// reading age of 9 to 11).
const MaxGrade = 6.0

// minWords is how many words a grade is worth computing of.
const minWords = 100

// PatientTexts are all texts of the form that a patient reads, in a language, by place.
func (s *Set) PatientTexts(language string) map[string]string {
	out := map[string]string{"title": s.Title.In(language)}
	add := func(place string, t Texts) {
		if len(t) > 0 {
			out[place] = t.In(language)
		}
	}
	for _, l := range s.Levels {
		add(l.ID+".title", l.Title)
		add(l.ID+".text", l.Text)
		add(l.ID+".safety_net", l.SafetyNet)
	}
	for _, p := range s.Pages {
		add(p.ID+".title", p.Title)
		add(p.ID+".intro", p.Intro)
	}
	for i := range s.Questions {
		q := &s.Questions[i]
		add(q.ID+".text", q.Text)
		add(q.ID+".help", q.Help)
		for _, o := range q.Options {
			add(q.ID+"."+o.ID, o.Label)
		}
		for _, p := range q.Scale {
			add(fmt.Sprintf("%s.%d", q.ID, p.Value), p.Label)
		}
	}
	for _, r := range s.Rules {
		add(r.ID+".patient_action", r.PatientAction)
	}
	for _, m := range s.MiniScreen {
		add("mini."+m.ID, m.Text)
	}
	return out
}

// ease counts what the grade is made of.
type ease struct{ words, sentences, syllables int }

// grade is the Flesch-Kincaid grade.
func (e ease) grade() float64 {
	if e.words == 0 || e.sentences == 0 {
		return 0
	}
	w := float64(e.words)
	return 0.39*w/float64(e.sentences) + 11.8*float64(e.syllables)/w - 15.59
}

// add counts one text.
func (e *ease) add(text string) {
	for _, sentence := range sentences(text) {
		found := wordsOf(sentence)
		if len(found) == 0 {
			continue
		}
		e.sentences++
		e.words += len(found)
		for _, w := range found {
			e.syllables += syllables(w)
		}
	}
}

// Grade is the Flesch-Kincaid grade of the English text of the form as a whole.
func (s *Set) Grade() float64 {
	var e ease
	for _, text := range s.PatientTexts("en") {
		e.add(text)
	}
	return e.grade()
}

// checkReading refuses a form whose English text is too hard as a whole.
func (l *loader) checkReading() {
	var e ease
	for _, text := range l.set.PatientTexts("en") {
		e.add(text)
	}
	if g := e.grade(); e.words >= minWords && g > MaxGrade {
		l.wrong("texts.en", "Flesch-Kincaid grade %.1f, want %.0f or less: shorter sentences, shorter words", g, MaxGrade)
	}
}

// sentences splits a text at the signs that end a sentence, or part one in two.
func sentences(text string) []string {
	var out []string
	runes := []rune(text)
	start := 0
	for i, r := range runes {
		if strings.ContainsRune(".?!:;", r) && (i+1 == len(runes) || unicode.IsSpace(runes[i+1])) {
			out = append(out, string(runes[start:i]))
			start = i + 1
		}
	}
	return append(out, string(runes[start:]))
}

// wordsOf are the words of a text: they begin with a letter, and may have apostrophes and
// dashes inside.
func wordsOf(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '-' })
}

// syllables counts groups of vowels, a silent e at the end left out.
func syllables(word string) int {
	word = strings.ToLower(word)
	n, inside := 0, false
	for _, r := range word {
		vowel := strings.ContainsRune("aeiouy", r)
		if vowel && !inside {
			n++
		}
		inside = vowel
	}
	if strings.HasSuffix(word, "e") && !strings.HasSuffix(word, "le") && n > 1 {
		n--
	}
	return max(n, 1)
}
