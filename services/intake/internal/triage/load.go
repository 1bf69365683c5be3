package triage

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/upright-clinic/upright/services/intake/internal/triage/celrule"
)

// Schema names the form of the content documents that this package reads.
const Schema = "upright-questionnaire/1"

// Problem is one thing wrong with a content document.
type Problem struct {
	Place string // for example rules[E01].when
	What  string
}

// LoadError lists everything that is wrong with a content document. It says nothing about
// patients: content holds none.
type LoadError struct{ Problems []Problem }

// Error lists the problems, one a line.
func (e *LoadError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.Place + ": " + p.What
	}
	return "questionnaire not usable:\n" + strings.Join(lines, "\n")
}

// loader checks one document and collects what is wrong with it.
type loader struct {
	set      *Set
	compiler *celrule.Compiler
	todo     []job
	problems []Problem
	mu       sync.Mutex // guards problems while conditions compile side by side
	old      bool       // the document was approved before: see Reload
}

func (l *loader) wrong(place, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.problems = append(l.problems, Problem{Place: place, What: fmt.Sprintf(format, args...)})
}

// Load reads a content document, checks all of it and compiles its conditions. It fails
// with *LoadError naming every place that is wrong: unknown fields, questions, options,
// operators and types, missing texts and sources, ids given twice, questions on no page,
// questions asked before what they depend on, conditions that nothing can fulfil, no
// questions to ask again before a visit, English that is too hard to read.
func Load(data []byte) (*Set, error) { return load(data, &loader{set: &Set{}}) }

// Reload is Load for a document that a clinic approved before, and that patients may have
// answered: it must stay readable, so it need not have what Load has asked for only since,
// which is the mini-screen.
func Reload(data []byte) (*Set, error) { return load(data, &loader{set: &Set{}, old: true}) }

func load(data []byte, l *loader) (*Set, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(l.set); err != nil {
		return nil, &LoadError{Problems: []Problem{{Place: "document", What: err.Error()}}}
	}
	sum := sha256.Sum256(data)
	l.set.hash, l.set.data = hex.EncodeToString(sum[:]), data
	l.checkDocument()
	l.checkQuestions()
	if len(l.problems) == 0 {
		l.checkSets()
		l.checkPages()
		l.checkLevels()
		l.checkRules()
		l.checkOthers()
	}
	if len(l.problems) == 0 {
		l.compile()
	}
	if len(l.problems) == 0 {
		l.checkReach()
		l.checkReading()
	}
	if len(l.problems) > 0 {
		return nil, &LoadError{Problems: sorted(l.problems)}
	}
	return l.set, nil
}

// job is one condition to compile.
type job struct {
	place string
	raw   json.RawMessage
	into  *rule
}

// jobs lists every condition of the document with its place.
func (l *loader) jobs() []job {
	var out []job
	s := l.set
	for i := range s.Questions {
		q := &s.Questions[i]
		if len(q.AskWhen) > 0 {
			q.ask = &rule{}
			out = append(out, job{"questions[" + q.ID + "].ask_when", q.AskWhen, q.ask})
		}
	}
	for i := range s.Rules {
		out = append(out, job{"rules[" + s.Rules[i].ID + "].when", s.Rules[i].When, &s.Rules[i].rule})
	}
	for i := range s.Contraindications {
		c := &s.Contraindications[i]
		out = append(out, job{"contraindications[" + c.ID + "].when", c.When, &c.rule})
	}
	for i := range s.Modalities {
		out = append(out, job{"modalities[" + s.Modalities[i].Modality + "].when", s.Modalities[i].When, &s.Modalities[i].rule})
	}
	for i := range s.HomeMeasures {
		out = append(out, job{"home_measures[" + s.HomeMeasures[i].ID + "].when", s.HomeMeasures[i].When, &s.HomeMeasures[i].rule})
	}
	for i := range s.CauseHints {
		if len(s.CauseHints[i].When) > 0 {
			out = append(out, job{"cause_hints[" + s.CauseHints[i].Cause + "].when", s.CauseHints[i].When, &s.CauseHints[i].rule})
		}
	}
	return out
}

// compilers is how many conditions compile side by side: parsing dominates the start.
const compilers = 4

// compile parses every condition, and compiles it to CEL.
func (l *loader) compile() {
	fields := make([]celrule.Field, len(l.set.Questions))
	for i := range l.set.Questions {
		fields[i] = l.set.Questions[i].field()
	}
	compiler, err := celrule.New(fields)
	if err != nil {
		l.wrong("document", "CEL: %v", err)
		return
	}
	l.compiler = compiler
	queue := make(chan job)
	var group sync.WaitGroup
	for range compilers {
		group.Go(func() {
			for j := range queue {
				if err := l.compileOne(j); err != nil {
					l.wrong(j.place, "%v", err)
				}
			}
		})
	}
	l.todo = l.jobs()
	for _, j := range l.todo {
		queue <- j
	}
	close(queue)
	group.Wait()
}

// compileOne compiles a condition: a text is CEL as it stands, a list is an operator list.
func (l *loader) compileOne(j job) error {
	var text string
	if j.raw[0] == '"' {
		if err := json.Unmarshal(j.raw, &text); err != nil {
			return err
		}
	} else {
		p := conditionParser{index: l.set.index, questions: l.set.Questions}
		cond, err := p.parse(j.raw)
		if err != nil {
			return err
		}
		j.into.cond = cond
		text = cond.celText(l.set.Questions)
	}
	prog, err := l.compiler.Compile(text)
	if err != nil {
		return fmt.Errorf("CEL: %w", err)
	}
	j.into.prog = prog
	return nil
}

// field describes the question to the type checker.
func (q *Question) field() celrule.Field {
	f := celrule.Field{Name: q.ID, Kind: celrule.Int}
	switch q.Type {
	case TypeChoice:
		f.Kind = celrule.Text
	case TypeMulti:
		f.Kind = celrule.List
	case TypeMarks: // no rule reads marks: rules read the question that they set
		return celrule.Field{Name: q.ID, Kind: celrule.List}
	case TypeInt:
	}
	for _, o := range q.Options {
		f.Options = append(f.Options, o.ID)
	}
	return f
}
