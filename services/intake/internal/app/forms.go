package app

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Forms are the questionnaires that can be filled in, every version ever published: an
// intake is read with the version it answered. Those of clinics are read from the database
// into memory, since every booking asks which rules are in force.
type Forms struct {
	shipped []*triage.Set // by id, then version
	clock   clock.Clock
	own     atomic.Pointer[clinicForms]
	reading sync.Mutex // one reads anew at a time
}

// clinicForms are the approved forms of clinics at a revision. It is never changed.
type clinicForms struct {
	revision  int64
	versions  map[formKey]*ownForm
	switches  map[string][]store.Switch // by clinic, oldest first
	languages map[formKey][]store.FormLanguage
}

// formKey names one version of one clinic.
type formKey struct {
	clinicID string
	id       string
	version  int64
}

// ownForm is an approved version, compiled when it is first used.
type ownForm struct {
	load func() (*triage.Set, error)
}

// NewForms returns the forms that ship with the program; Refresh adds those of clinics.
func NewForms(sets []*triage.Set, c clock.Clock) *Forms {
	f := &Forms{shipped: slices.Clone(sets), clock: c}
	f.own.Store(&clinicForms{})
	return f
}

// Refresh reads the forms of clinics anew if any approval or switch happened since the last
// time. It fails when the database does.
func (f *Forms) Refresh(ctx context.Context, db *sqldb.DB) error {
	f.reading.Lock()
	defer f.reading.Unlock()
	before := f.own.Load()
	return db.Read(ctx, func(tx *sqldb.Tx) error {
		revision, err := store.FormRevision(tx)
		if err != nil || revision == before.revision {
			return err
		}
		next, err := readForms(tx, before)
		if err != nil {
			return err
		}
		next.revision = revision
		f.own.Store(next)
		return nil
	})
}

// readForms reads every approved form; one that was there before stays compiled.
func readForms(tx *sqldb.Tx, before *clinicForms) (*clinicForms, error) {
	next := &clinicForms{
		versions: map[formKey]*ownForm{}, switches: map[string][]store.Switch{}, languages: map[formKey][]store.FormLanguage{},
	}
	forms, err := store.ApprovedForms(tx)
	if err != nil {
		return nil, err
	}
	for _, v := range forms {
		key := formKey{v.ClinicID, v.QuestionnaireID, v.Version}
		if next.versions[key] = before.versions[key]; next.versions[key] == nil {
			document := []byte(v.Document)
			next.versions[key] = &ownForm{load: sync.OnceValues(func() (*triage.Set, error) { return triage.Reload(document) })}
		}
	}
	switches, err := store.Switches(tx)
	if err != nil {
		return nil, err
	}
	for _, s := range switches {
		next.switches[s.ClinicID] = append(next.switches[s.ClinicID], s)
	}
	languages, err := store.FormLanguages(tx)
	for _, l := range languages {
		key := formKey{l.ClinicID, l.QuestionnaireID, l.Version}
		next.languages[key] = append(next.languages[key], l)
	}
	return next, err
}

// inForce returns what the clinic has switched on; false when that is the form that ships.
func (f *Forms) inForce(clinicID string) (store.Switch, bool) {
	now := f.clock.Now()
	switches := f.own.Load().switches[clinicID]
	for i := len(switches) - 1; i >= 0; i-- {
		if !switches[i].StartAt.After(now) {
			return switches[i], true
		}
	}
	return store.Switch{}, false
}

// Current returns the version of a form that is in force at a clinic; the clinic's intake
// form for the empty id. It fails with NOT_FOUND when there is none.
func (f *Forms) Current(clinicID, id string) (*triage.Set, error) {
	on, switched := f.inForce(clinicID)
	if id == "" && switched || switched && on.QuestionnaireID == id {
		return f.Version(clinicID, on.QuestionnaireID, on.Version)
	}
	if id == "" {
		id = triage.DefaultID
	}
	var newest *triage.Set
	for _, s := range f.shipped {
		if s.ID == id && (newest == nil || s.Version > newest.Version) {
			newest = s
		}
	}
	if newest != nil {
		return newest, nil
	}
	var version int64
	for key := range f.own.Load().versions {
		if key.clinicID == clinicID && key.id == id {
			version = max(version, key.version)
		}
	}
	if version == 0 {
		return nil, fault.NotFoundf("questionnaire")
	}
	return f.Version(clinicID, id, version)
}

// Version returns one version of a form, the one in force for 0. It fails with NOT_FOUND
// when the clinic has none such, or it is not approved.
func (f *Forms) Version(clinicID, id string, version int64) (*triage.Set, error) {
	if version == 0 || id == "" {
		return f.Current(clinicID, id)
	}
	for _, s := range f.shipped {
		if s.ID == id && s.Version == version {
			return s, nil
		}
	}
	own, ok := f.own.Load().versions[formKey{clinicID, id, version}]
	if !ok {
		return nil, fault.NotFoundf("questionnaire")
	}
	return own.load()
}

// List returns the forms in force at a clinic.
func (f *Forms) List(clinicID string) ([]*triage.Set, error) {
	set, err := f.Current(clinicID, "")
	if err != nil {
		return nil, err
	}
	return []*triage.Set{set}, nil
}

// Facts returns the rule set that decides at a clinic what speaks against treatments.
func (f *Forms) Facts(clinicID string) (*triage.Set, error) { return f.Current(clinicID, "") }

// Shipped reports whether an id is that of a form that ships with the program.
func (f *Forms) Shipped(id string) bool {
	return slices.ContainsFunc(f.shipped, func(s *triage.Set) bool { return s.ID == id })
}

// Open are the languages of a form in which a clinic's patients may fill it in: English, and
// those that a named clinician has approved.
func (f *Forms) Open(clinicID string, s *triage.Set) []string {
	approved := f.own.Load().languages[formKey{clinicID, s.ID, s.Version}]
	return slices.DeleteFunc(slices.Clone(s.Languages), func(lang string) bool {
		return lang != english && !slices.ContainsFunc(approved, func(l store.FormLanguage) bool { return l.Language == lang && l.Open })
	})
}

// english is the language that every form has, and that is open wherever the form is.
const english = "en"

// openLanguage returns the language to fill a form in: the one wanted when it is open, else
// English.
func (f *Forms) openLanguage(clinicID string, s *triage.Set, wanted string) string {
	if slices.Contains(f.Open(clinicID, s), wanted) {
		return wanted
	}
	return english
}
