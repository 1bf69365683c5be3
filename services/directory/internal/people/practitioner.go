package people

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Practitioner is somebody who treats patients at a clinic.
type Practitioner struct {
	ID          string
	Title       string
	GivenName   string
	FamilyName  string
	Profession  string
	Disciplines []string
	// Credentials are in the order of their kinds, of which there is one each.
	Credentials []Credential
	Languages   []string
	Active      bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64
}

// Credential is a licence or certificate of a practitioner.
type Credential struct {
	Kind   string
	Number string
	Issuer string
	// ExpireDate is the last civil date on which it is good, in the clinic's zone; zero when
	// it does not expire.
	ExpireDate civil.Date
}

// DisplayName is how a practitioner is called.
func (p Practitioner) DisplayName() string {
	return strings.Join(strings.Fields(p.Title+" "+p.GivenName+" "+p.FamilyName), " ")
}

// physicianOnly are kinds of care that only physicians give (architecture, section 7, and the
// clinical reference, section 3: an injection is a medical procedure).
var physicianOnly = []string{"FACET_JOINT_INJECTION", "MEDICAL"}

// CleanPractitioner checks a practitioner and gives it as it is stored. INVALID_ARGUMENT names
// the field, with prefix before it.
func CleanPractitioner(prefix string, p Practitioner) (Practitioner, error) {
	f := fields{prefix: prefix}
	f.text(&p.Title, "title")
	f.name(&p.GivenName, "given_name", false)
	f.name(&p.FamilyName, "family_name", true)
	if p.Profession == "" {
		f.check(fault.Invalid(prefix+"profession", "must be given"))
	}
	p.Disciplines = slices.Clone(p.Disciplines)
	slices.Sort(p.Disciplines)
	for _, discipline := range p.Disciplines {
		if slices.Contains(physicianOnly, discipline) && p.Profession != "PHYSICIAN" {
			f.check(fault.Invalid(prefix+"disciplines", discipline+" is given by physicians only"))
		}
	}
	p.Languages = slices.Clone(p.Languages)
	for i := range p.Languages {
		f.language(&p.Languages[i], "languages["+strconv.Itoa(i)+"]")
	}
	p.Credentials = slices.Clone(p.Credentials)
	for i := range p.Credentials {
		at := "credentials[" + strconv.Itoa(i) + "]."
		f.text(&p.Credentials[i].Number, at+"number")
		f.text(&p.Credentials[i].Issuer, at+"issuer")
		for _, other := range p.Credentials[:i] {
			if other.Kind == p.Credentials[i].Kind {
				f.check(fault.Invalid(prefix+at+"kind", "must be given once"))
			}
		}
	}
	slices.SortFunc(p.Credentials, func(a, b Credential) int { return cmp.Compare(a.Kind, b.Kind) })
	return p, f.err
}

// ChangedCredentials gives the kinds that were added, withdrawn or have another expiry,
// number or issuer, in order.
func ChangedCredentials(before, after []Credential) []string {
	old := map[string]Credential{}
	for _, c := range before {
		old[c.Kind] = c
	}
	var kinds []string
	for _, c := range after {
		if was, ok := old[c.Kind]; !ok || was != c {
			kinds = append(kinds, c.Kind)
		}
		delete(old, c.Kind)
	}
	for kind := range old {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}
