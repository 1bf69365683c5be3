// Package referral has the rules of referrals: to whom and for what, what a rule of triage
// proposes, who may order a test, what must have been tried before surgery, and how a
// referral goes from proposal to its end.
//
// To whom, for what and the numbers are data (catalogue.json) with their sources. The rules
// are pure: they look at no clock and no database, and a refusal says what is missing.
package referral

import (
	"slices"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// State is where a referral stands.
type State string

// The states of a referral. A rule or a clinician proposes, a physician accepts where the
// target asks for one, then it is sent, and it ends closed or withdrawn.
const (
	Proposed  State = "PROPOSED"
	Accepted  State = "ACCEPTED"
	Sent      State = "SENT"
	Closed    State = "CLOSED"
	Withdrawn State = "WITHDRAWN"
)

// Open reports whether something still comes of it.
func (s State) Open() bool { return s == Proposed || s == Accepted || s == Sent }

// Referral is a request to somebody outside the clinic.
type Referral struct {
	ID              string    `json:"-"`
	PatientID       string    `json:"-"`
	OriginPatientID string    `json:"-"`
	State           State     `json:"-"`
	CreatedAt       time.Time `json:"-"`
	Version         int64     `json:"-"`

	Target  string   `json:"target"`
	Reasons []string `json:"reasons"`
	Urgency string   `json:"urgency"`
	// Trigger is TRIAGE, REVIEW, EXAMINATION or CLINICIAN.
	Trigger  string   `json:"trigger"`
	RuleIDs  []string `json:"rule_ids,omitempty"`
	IntakeID string   `json:"intake_id,omitempty"`
	PlanID   string   `json:"plan_id,omitempty"`
	Summary  string   `json:"summary,omitempty"`
	Orders   []Order  `json:"orders,omitempty"`
	// Indication and Bypass are for surgery.
	Indication   string     `json:"indication,omitempty"`
	Bypass       string     `json:"bypass,omitempty"`
	BypassReason string     `json:"bypass_reason,omitempty"`
	Consent      *Signature `json:"consent,omitempty"`
	Recipient    string     `json:"recipient,omitempty"`
	SentOn       civil.Date `json:"sent_on,omitzero"`
	Outcome      string     `json:"outcome,omitempty"`
	OutcomeNote  string     `json:"outcome_note,omitempty"`
	Reason       string     `json:"withdraw_reason,omitempty"`
	Steps        []Step     `json:"steps"`
}

// Order is a test that is asked for within a referral.
type Order struct {
	ID     string   `json:"order_id"`
	Kind   string   `json:"kind"` // IMAGING or LAB
	Code   string   `json:"code"`
	Region string   `json:"region,omitempty"`
	Reason string   `json:"reason"`
	Note   string   `json:"note,omitempty"`
	Alerts []string `json:"alerts,omitempty"`
	By     string   `json:"by"`
	// Prefilled: a rule has filled it in.
	Prefilled bool `json:"prefilled,omitempty"`
}

// Signature is a consent that was signed.
type Signature struct {
	Version       string     `json:"version"`
	Complications []string   `json:"complications"`
	SignedBy      string     `json:"signed_by"`
	SignedOn      civil.Date `json:"signed_on"`
	Note          string     `json:"note,omitempty"`
	RecordedBy    string     `json:"recorded_by"`
}

// Step is one move of a referral, with who made it.
type Step struct {
	State State     `json:"state"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
}

// Trial is what became of one kind of conservative care.
type Trial struct {
	Modality string
	// INEFFECTIVE, EFFECTIVE, CONTRAINDICATED or DECLINED.
	Outcome string
	Reason  string
	// Computed: from delivered sessions of plans; the outcome may then be one of tried.go's too.
	Computed  bool
	PlanID    string // the newest of them
	Delivered int    // sessions
}

// Missing is one thing that the surgery gate still asks for.
type Missing struct {
	Modality string
	// NO_RECORD, EFFECTIVE or NO_REASON; of sessions that were delivered TOO_FEW_SESSIONS or
	// NO_OUTCOME.
	Why string
}

// String says it in words, for example "acupuncture: no record".
func (m Missing) String() string {
	return strings.ToLower(strings.ReplaceAll(m.Modality, "_", " ")) + ": " + strings.ToLower(strings.ReplaceAll(m.Why, "_", " "))
}

// Gate gives what is missing before surgery, in the order of the catalogue: every kind of
// conservative care must be on record as tried without effect, or as contraindicated or
// declined with the reason. Of several records of one kind the last of the list counts.
func (s Surgery) Gate(trials []Trial) []Missing {
	last := map[string]Trial{}
	for _, t := range trials {
		last[t.Modality] = t
	}
	var out []Missing
	for _, m := range s.Modalities {
		t, ok := last[m]
		switch {
		case !ok:
			out = append(out, Missing{m, "NO_RECORD"})
		case t.Outcome == "INEFFECTIVE":
		case t.Outcome == "CONTRAINDICATED" || t.Outcome == "DECLINED":
			if strings.TrimSpace(t.Reason) == "" {
				out = append(out, Missing{m, "NO_REASON"})
			}
		default: // EFFECTIVE, or what delivered sessions lack
			out = append(out, Missing{m, t.Outcome})
		}
	}
	return out
}

// Check says what is wrong with a referral that somebody writes: INVALID_ARGUMENT with the
// field, PROFESSION_REQUIRED for tests and bypasses that no physician asks for, and
// SURGERY_GATE with what is missing before surgery.
func (c Catalogue) Check(r Referral, physician bool, trials []Trial) error {
	target, ok := c.Target(r.Target)
	if !ok {
		return fault.Invalid("target", "is not one that the clinic refers to")
	}
	if len(r.Reasons) == 0 {
		return fault.Invalid("reasons", "at least one is needed")
	}
	for _, reason := range r.Reasons {
		if !c.HasReason(reason) {
			return fault.Invalid("reasons", "has one that the clinic does not know")
		}
	}
	if !slices.Contains(urgencies, r.Urgency) {
		return fault.Invalid("urgency", "is not one")
	}
	if len(r.Orders) > 0 && !physician {
		return needsPhysician("Tests are ordered by a physician, inside the referral.")
	}
	for _, o := range r.Orders {
		if err := c.CheckOrder(o, r); err != nil {
			return err
		}
	}
	if !target.Surgical {
		if r.Indication != "" || r.Bypass != "" {
			return fault.Invalid("indication", "is for surgery")
		}
		return nil
	}
	return c.checkSurgical(r, physician, trials)
}

// needsPhysician is PERMISSION_DENIED / PROFESSION_REQUIRED.
func needsPhysician(message string) error {
	return fault.New(fault.PermissionDenied, "PROFESSION_REQUIRED", message).With("profession", "PHYSICIAN")
}

func (c Catalogue) checkSurgical(r Referral, physician bool, trials []Trial) error {
	if r.Bypass != "" {
		switch {
		case !slices.Contains(c.Surgery.Bypasses, r.Bypass):
			return fault.Invalid("bypass", "is not one")
		case strings.TrimSpace(r.BypassReason) == "":
			return fault.Invalid("bypass_reason", "is needed with bypass")
		case !physician:
			return needsPhysician("What comes before surgery is skipped by a physician only.")
		}
	}
	if !slices.Contains(c.Surgery.Indications, r.Indication) && (r.Indication != "" || r.Bypass == "") {
		return fault.Invalid("indication", "is not one for which surgery is considered")
	}
	if r.Bypass != "" {
		return nil
	}
	missing := c.Surgery.Gate(trials)
	if len(missing) == 0 {
		return nil
	}
	said := make([]string, len(missing))
	for i, m := range missing {
		said[i] = m.String()
	}
	return fault.New(fault.FailedPrecondition, "SURGERY_GATE",
		"Surgery comes last. Not yet on record as tried without effect, contraindicated or declined: "+strings.Join(said, "; ")+".").
		With("rule", "F109").With("missing", strings.Join(said, "; "))
}

// CheckOrder says what is wrong with a test: INVALID_ARGUMENT with the field.
func (c Catalogue) CheckOrder(o Order, r Referral) error {
	if !slices.Contains(r.Reasons, o.Reason) {
		return fault.Invalid("reason", "is not among the reasons of the referral")
	}
	switch o.Kind {
	case "IMAGING":
		if slices.Contains(c.Imaging, o.Code) {
			return nil
		}
	case "LAB":
		lab, ok := c.Lab(o.Code)
		if ok && !slices.Contains(lab.Reasons, o.Reason) {
			return fault.Invalid("reason", "does not go with the panel")
		}
		if ok {
			return nil
		}
	default:
		return fault.Invalid("kind", "is IMAGING or LAB")
	}
	return fault.Invalid("code", "is not one of that kind")
}

// Prefill gives the panels that go with the reasons of a referral that rules have proposed,
// and that are not ordered yet.
func (c Catalogue) Prefill(r Referral, by string, newID func() string) []Order {
	if r.Trigger == "CLINICIAN" {
		return nil
	}
	var out []Order
	for _, lab := range c.Labs {
		for _, reason := range r.Reasons {
			had := slices.ContainsFunc(append(slices.Clone(r.Orders), out...), func(o Order) bool { return o.Code == lab.Lab })
			if slices.Contains(lab.Prefill, reason) && !had {
				out = append(out, Order{ID: newID(), Kind: "LAB", Code: lab.Lab, Reason: reason, By: by, Prefilled: true})
			}
		}
	}
	return out
}

// Propose gives the referrals that rules propose, one for each target, the most urgent of
// their urgencies.
func (c Catalogue) Propose(ruleIDs []string) []Referral {
	var out []Referral
	for _, p := range c.Proposals {
		var fired []string
		for _, id := range p.RuleIDs {
			if slices.Contains(ruleIDs, id) {
				fired = append(fired, id)
			}
		}
		if len(fired) == 0 {
			continue
		}
		i := slices.IndexFunc(out, func(r Referral) bool { return r.Target == p.Target })
		if i < 0 {
			out = append(out, Referral{Target: p.Target, Urgency: p.Urgency, State: Proposed})
			i = len(out) - 1
		}
		r := &out[i]
		r.RuleIDs = append(r.RuleIDs, fired...)
		for _, reason := range p.Reasons {
			if !slices.Contains(r.Reasons, reason) {
				r.Reasons = append(r.Reasons, reason)
			}
		}
		if slices.Index(urgencies, p.Urgency) > slices.Index(urgencies, r.Urgency) {
			r.Urgency = p.Urgency
		}
	}
	return out
}

// Covers reports whether a referral that is open already asks for what another proposes.
func (r Referral) Covers(o Referral) bool {
	return r.State.Open() && r.Target == o.Target && !slices.ContainsFunc(o.Reasons, func(reason string) bool { return !slices.Contains(r.Reasons, reason) })
}

// Move takes a referral to another state. REFERRAL_STATE says where it stands.
func (r *Referral) Move(to State, by string, at time.Time) error {
	from := map[State][]State{
		Accepted: {Proposed}, Sent: {Accepted}, Closed: {Sent, Accepted}, Withdrawn: {Proposed, Accepted, Sent},
	}[to]
	if !slices.Contains(from, r.State) {
		return fault.New(fault.FailedPrecondition, "REFERRAL_STATE", "The referral is "+strings.ToLower(string(r.State))+" and cannot be "+strings.ToLower(string(to))+".").
			With("state", string(r.State)).With("wanted", string(to))
	}
	r.State = to
	r.Steps = append(r.Steps, Step{State: to, By: by, At: at})
	return nil
}

// WithoutOperation are the outcomes of a surgical referral that need no signed consent.
var WithoutOperation = []string{"NOT_INDICATED", "DECLINED"}

// CheckClose says whether a referral may be closed with an outcome: CONSENT_MISSING before
// an operation that nobody has signed for.
func (c Catalogue) CheckClose(r Referral, outcome string) error {
	target, _ := c.Target(r.Target)
	if !target.Surgical || slices.Contains(WithoutOperation, outcome) {
		return nil
	}
	signed := r.Consent != nil && (r.Consent.SignedBy == NotObtainable || len(c.Consent.Missing(r.Consent.Complications)) == 0)
	if !signed {
		return fault.New(fault.FailedPrecondition, "CONSENT_MISSING", "The consent that names every complication is not signed yet.").With("rule", "F112")
	}
	return nil
}

// NotObtainable is who signed when nobody could: only in an emergency.
const NotObtainable = "NOT_OBTAINABLE"
