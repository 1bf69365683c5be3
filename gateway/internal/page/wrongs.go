package page

import (
	"net/http"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/gateway/internal/words"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// wrongs collects what is wrong with a form: what the page can see by itself, such as an
// empty field, and what a service refused.
type wrongs struct {
	cat    *words.Catalog
	list   []mistake
	fields map[string]string
	refuse *fault.Error
}

func (c *call) wrongs() *wrongs { return &wrongs{cat: c.cat, fields: map[string]string{}} }

// field notes a mistake in a field, whose id is its name.
func (w *wrongs) field(name, text string) {
	if _, had := w.fields[name]; had {
		return
	}
	w.fields[name] = text
	w.list = append(w.list, mistake{Field: name, Text: text})
}

// need notes that a field is empty.
func (w *wrongs) need(name, value, key string) {
	if strings.TrimSpace(value) == "" {
		w.field(name, w.cat.T(key))
	}
}

// of returns what is wrong with a field, or "".
func (w *wrongs) of(name string) string {
	if w == nil {
		return ""
	}
	return w.fields[name]
}

// any reports whether something is wrong.
func (w *wrongs) any() bool { return w != nil && len(w.list) > 0 }

// refused takes in what a service refused and reports true, or reports false for an error
// that no other input would cure: that one is for the error page. names maps fields of
// the request message to fields of the form, where they differ.
func (w *wrongs) refused(err error, names map[string]string) bool {
	f := fault.From(err)
	switch f.Kind { //nolint:exhaustive // the others are for the error page
	case fault.InvalidArgument, fault.FailedPrecondition, fault.Aborted, fault.AlreadyExists, fault.ResourceExhausted, fault.Unauthenticated:
	default:
		return false
	}
	if f.Kind == fault.Unauthenticated && f.Reason == "UNAUTHENTICATED" {
		return false // the session ended: sign in again
	}
	w.refuse = f
	for _, v := range f.Fields {
		name := v.Field
		if mapped, ok := names[name]; ok {
			name = mapped
		} else if i := strings.LastIndexByte(name, '.'); i >= 0 {
			name = name[i+1:]
		}
		text := w.cat.Or("reason."+f.Reason, "")
		if text == "" || f.Reason == "INVALID_ARGUMENT" {
			text = sentence(v.Description)
		}
		w.field(name, text)
	}
	if len(f.Fields) == 0 {
		w.list = append(w.list, mistake{Text: w.reason(f)})
	}
	return true
}

// reason says a refusal in a sentence, with the date from which it would be allowed.
func (w *wrongs) reason(f *fault.Error) string {
	return reasonText(w.cat, f.Reason, f.Message, f.Facts)
}

// reasonText says a refusal in a sentence: the catalogue's words for the reason, else the
// service's own.
func reasonText(cat *words.Catalog, reason, message string, facts map[string]string) string {
	text := cat.Or("reason."+reason, sentence(message))
	// When all sessions are used no date alone would do: one must be added or freed first.
	if next := facts["next_eligible_date"]; next != "" && reason != "PLAN_LIMIT" {
		text += " " + cat.T("refused.next", "date", cat.DateText(next))
	}
	return text
}

// status is the HTTP status of a form that was not accepted.
func (w *wrongs) status() int {
	if w.refuse != nil {
		return problem.Status(w.refuse)
	}
	return http.StatusUnprocessableEntity
}

// sentence makes a description that services write in lower case look like one.
func sentence(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	r[0] = []rune(strings.ToUpper(string(r[0])))[0]
	s = string(r)
	if !slices.Contains([]rune{'.', '?', '!'}, r[len(r)-1]) {
		s += "."
	}
	return s
}
