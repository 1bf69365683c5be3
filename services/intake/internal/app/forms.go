package app

import (
	"slices"

	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Forms are the questionnaires that can be filled in, every version ever published: an
// intake is read with the version it answered.
type Forms struct {
	sets []*triage.Set // by id, then version
}

// NewForms returns the forms of the given versions.
func NewForms(sets []*triage.Set) *Forms { return &Forms{sets: slices.Clone(sets)} }

// Current returns the newest version of a form, the clinic's intake form for the empty id.
// It fails with NOT_FOUND when there is none.
func (f *Forms) Current(id string) (*triage.Set, error) {
	if id == "" {
		id = triage.DefaultID
	}
	var newest *triage.Set
	for _, s := range f.sets {
		if s.ID == id && (newest == nil || s.Version > newest.Version) {
			newest = s
		}
	}
	if newest == nil {
		return nil, fault.NotFoundf("questionnaire")
	}
	return newest, nil
}

// Version returns one version of a form, the newest for 0. It fails with NOT_FOUND when
// there is none.
func (f *Forms) Version(id string, version int64) (*triage.Set, error) {
	if version == 0 {
		return f.Current(id)
	}
	for _, s := range f.sets {
		if s.ID == id && s.Version == version {
			return s, nil
		}
	}
	return nil, fault.NotFoundf("questionnaire")
}

// List returns the newest version of every form, by id.
func (f *Forms) List() []*triage.Set {
	var out []*triage.Set
	for _, s := range f.sets {
		if newest, err := f.Current(s.ID); err == nil && newest == s {
			out = append(out, s)
		}
	}
	return out
}

// Facts returns the rule set that decides what speaks against treatments.
func (f *Forms) Facts() (*triage.Set, error) { return f.Current(triage.DefaultID) }

// language returns the language to use: the one wanted when the form has it, else English.
func language(s *triage.Set, wanted string) string {
	if slices.Contains(s.Languages, wanted) {
		return wanted
	}
	return "en"
}
