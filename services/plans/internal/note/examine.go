package note

import (
	"slices"
	"strconv"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Kinds of examinations.
const (
	RangeOfMotion = "RANGE_OF_MOTION"
	ForwardBend   = "FORWARD_BEND"
	Neuro         = "NEURO"
)

// Findings.
const (
	ScoliosisRefer   = "SCOLIOSIS_REFER"
	ScoliosisRecheck = "SCOLIOSIS_RECHECK"
	ScoliosisMeasure = "SCOLIOSIS_MEASURE"
	NeuroAbnormal    = "NEURO_ABNORMAL"
	Limited          = "LIMITED_MOVEMENT"
)

// Results of a neurological check.
const (
	Normal    = "NORMAL"
	Abnormal  = "ABNORMAL"
	NotTested = "NOT_TESTED"
)

// Moved is how far a joint moves.
type Moved struct {
	Joint    string `json:"joint"`
	Movement string `json:"movement"`
	Side     string `json:"side,omitempty"`
	Degrees  int    `json:"degrees"`
	Painful  bool   `json:"painful,omitempty"`
	Usual    int    `json:"usual,omitempty"`
}

// Bend is the patient bending forward.
type Bend struct {
	Side     string `json:"side"` // LEFT, RIGHT or NONE
	RibHump  bool   `json:"rib_hump"`
	Rotation *int   `json:"rotation_degrees,omitempty"`
	HighBMI  bool   `json:"high_bmi,omitempty"`
}

// Nerves are the three checks.
type Nerves struct {
	Strength  string `json:"strength"`
	Sensation string `json:"sensation"`
	Reflexes  string `json:"reflexes"`
}

// Examination is what was measured: the part that its kind names.
type Examination struct {
	Kind  string  `json:"kind"`
	Moved []Moved `json:"moved,omitempty"`
	Bend  *Bend   `json:"bend,omitempty"`
	Nerve *Nerves `json:"nerve,omitempty"`
}

// Result is what follows from an examination.
type Result struct {
	Findings []string
	// Blocking: it forbids the care of Rules.NeuroBlocks until it is cleared.
	Blocking bool
	// Clears: it lifts earlier ones that do.
	Clears bool
}

// Examine checks an examination and draws the conclusions. INVALID_ARGUMENT names the part
// that is missing or makes no sense.
func (r Rules) Examine(e *Examination) (Result, error) {
	parts := map[string]bool{RangeOfMotion: len(e.Moved) > 0, ForwardBend: e.Bend != nil, Neuro: e.Nerve != nil}
	fields := map[string]string{RangeOfMotion: "movements", ForwardBend: "forward_bend", Neuro: "neuro"}
	for kind, there := range parts {
		if kind == e.Kind && !there {
			return Result{}, fault.Invalid(fields[kind], "is needed")
		}
	}
	for _, kind := range []string{RangeOfMotion, ForwardBend, Neuro} {
		if kind != e.Kind && parts[kind] {
			return Result{}, fault.Invalid(fields[kind], "belongs to another kind of examination")
		}
	}
	switch e.Kind {
	case RangeOfMotion:
		return r.motion(e.Moved)
	case ForwardBend:
		return r.bend(*e.Bend)
	case Neuro:
		return nerves(*e.Nerve)
	}
	return Result{}, fault.Invalid("kind", "is no kind of examination")
}

// motion compares movements with what is usual, and fills that in.
func (r Rules) motion(list []Moved) (Result, error) {
	var out Result
	seen := map[Moved]bool{}
	for n := range list {
		m := &list[n]
		at := "movements[" + strconv.Itoa(n) + "]"
		i := slices.IndexFunc(r.Movements, func(k Movement) bool { return k.Joint == m.Joint && k.Movement == m.Movement })
		switch {
		case i < 0:
			return out, fault.Invalid(at+".movement", "is no movement of that joint")
		case r.Movements[i].Sides != (m.Side == "LEFT" || m.Side == "RIGHT") || !r.Movements[i].Sides && m.Side != "":
			return out, fault.Invalid(at+".side", "is LEFT or RIGHT for a movement with sides, else empty")
		case m.Degrees < 0 || m.Degrees > 2*r.Movements[i].Usual:
			return out, fault.Invalid(at+".degrees", "is from 0 to "+strconv.Itoa(2*r.Movements[i].Usual))
		case seen[Moved{Joint: m.Joint, Movement: m.Movement, Side: m.Side}]:
			return out, fault.Invalid(at, "is there twice")
		}
		seen[Moved{Joint: m.Joint, Movement: m.Movement, Side: m.Side}] = true
		m.Usual = r.Movements[i].Usual
		if m.Degrees*100 < r.LimitedPercent*m.Usual {
			out.Findings = []string{Limited}
		}
	}
	return out, nil
}

// bend judges a curve (F107): refer at 7 degrees, or at 5 where the limit is lower; recheck at
// 5 and 6. Ribs that stick out are to be measured when nobody has.
func (r Rules) bend(b Bend) (Result, error) {
	switch {
	case !slices.Contains([]string{"LEFT", "RIGHT", "NONE"}, b.Side):
		return Result{}, fault.Invalid("forward_bend.side", "is LEFT, RIGHT or NONE")
	case b.RibHump == (b.Side == "NONE"):
		return Result{}, fault.Invalid("forward_bend.side", "is the side on which ribs stick out, NONE when none do")
	case b.Rotation != nil && (*b.Rotation < 0 || *b.Rotation > 90):
		return Result{}, fault.Invalid("forward_bend.rotation_degrees", "is from 0 to 90")
	}
	refer := r.Bend.Refer
	if b.HighBMI {
		refer = r.Bend.ReferHighBMI
	}
	switch {
	case b.Rotation != nil && *b.Rotation >= refer:
		return Result{Findings: []string{ScoliosisRefer}}, nil
	case b.Rotation != nil && *b.Rotation >= r.Bend.Recheck:
		return Result{Findings: []string{ScoliosisRecheck}}, nil
	case b.Rotation == nil && b.RibHump:
		return Result{Findings: []string{ScoliosisMeasure}}, nil
	}
	return Result{}, nil
}

// nerves judges the three checks (F108): one that is abnormal blocks; all three normal clears.
func nerves(n Nerves) (Result, error) {
	checks := []struct{ field, value string }{{"strength", n.Strength}, {"sensation", n.Sensation}, {"reflexes", n.Reflexes}}
	tested, normal := 0, 0
	var out Result
	for _, c := range checks {
		switch c.value {
		case Abnormal:
			tested++
			out = Result{Findings: []string{NeuroAbnormal}, Blocking: true}
		case Normal:
			tested, normal = tested+1, normal+1
		case NotTested:
		default:
			return Result{}, fault.Invalid("neuro."+c.field, "is NORMAL, ABNORMAL or NOT_TESTED")
		}
	}
	if tested == 0 {
		return Result{}, fault.Invalid("neuro", "nothing was tested")
	}
	out.Clears = normal == len(checks)
	return out, nil
}
