// Command ruledoc prints the shipped form and its rules as a page that a clinician can
// read and review: every question, rule, contraindication and suggestion, with its
// condition in words and its source.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/upright-clinic/upright/services/intake/internal/triage"
)

func main() {
	if err := run(os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run writes the newest shipped form. It fails when the form is not usable or w is not.
func run(w io.Writer) error {
	sets, err := triage.Shipped()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	page(out, sets[len(sets)-1])
	return out.Flush()
}

func page(w io.Writer, s *triage.Set) {
	line(w, "# %s, version %d", s.Title.In("en"), s.Version)
	line(w, "Generated from the content document `%s`; do not edit. %s", s.ID, s.Review.Note)
	line(w, "Conditions: a comparison with an answer that is missing is false, and `!=` is then true. Every rule is evaluated and the highest level wins.")
	line(w, "## Levels")
	table(w, "level", "the patient reads", "then", "source")
	for _, l := range s.Levels {
		row(w, l.ID, l.Title.In("en")+". "+l.Text.In("en"), l.SafetyNet.In("en"), l.Source)
	}
	questions(w, s)
	line(w, "\n## Rules")
	table(w, "id", "level", "condition", "why", "action", "source")
	for i := range s.Rules {
		r := &s.Rules[i]
		row(w, r.ID, r.Level, s.RuleWords(r), r.Why, r.Action, r.Source)
	}
	line(w, "\n## Contraindications")
	line(w, "HARD blocks until the fact changes; SOFT waits for a named clinician's release.")
	table(w, "id", "kind of care", "kind", "condition", "why", "source")
	for i := range s.Contraindications {
		c := &s.Contraindications[i]
		row(w, c.ID, c.Modality, c.Kind, s.ContraindicationWords(c), c.Why, c.Source)
	}
	line(w, "\n## Suggestions")
	line(w, "Only at CONSERVATIVE_CARE, and only what no contraindication speaks against.")
	table(w, "kind of care", "when", "dose", "source")
	for i := range s.Modalities {
		m := &s.Modalities[i]
		row(w, m.Modality, s.ModalityWords(m), m.Dose, m.Source)
	}
}

func questions(w io.Writer, s *triage.Set) {
	line(w, "\n## Questions")
	for i := range s.Pages {
		p := &s.Pages[i]
		line(w, "\n### %s", p.Title.In("en"))
		if intro := p.Intro.In("en"); intro != "" {
			line(w, "%s", intro)
		}
		table(w, "id", "question", "answers", "asked")
		for _, id := range p.Questions {
			q, ok := s.Question(id)
			if !ok {
				continue
			}
			row(w, q.ID, strings.TrimSpace(q.Text.In("en")+" "+q.Help.In("en")), answers(q), s.AskWords(q))
		}
	}
}

func answers(q *triage.Question) string {
	if q.Type == triage.TypeInt {
		return fmt.Sprintf("%d to %d (%s)", q.Min, q.Max, q.Unit)
	}
	labels := make([]string, 0, len(q.Options)+1)
	for _, o := range q.Options {
		labels = append(labels, fmt.Sprintf("`%s` %s", o.ID, o.Label.In("en")))
	}
	if q.Type == triage.TypeMulti {
		labels = append(labels, q.NoneLabel.In("en"))
	}
	return strings.Join(labels, "; ")
}

func line(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n\n", args...) // a bufio.Writer keeps the error for Flush
}

func table(w io.Writer, heads ...string) {
	row(w, heads...)
	row(w, strings.Split(strings.Repeat("---,", len(heads)-1)+"---", ",")...)
}

func row(w io.Writer, cells ...string) {
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(c, "|", "\\|")
	}
	_, _ = fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
}
