package app

import (
	"context"
	"encoding/json"
	"slices"

	"google.golang.org/protobuf/proto"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/gate"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// gateAggregate is the kind of thing that events which change a gate happen to: its id is
// the person's surviving record, its version the gate's.
const gateAggregate = "booking_gate"

// moveGate changes what the triage of one record says, gives the person's gate its next
// version and appends the event of it. Whoever holds the gate's lock decides alone, so
// versions and events follow each other without gaps.
//
// Every transaction that stores facts, releases or merges calls it after them, for each
// record that lives on: what follows from them is kept in the gate's row.
func (a *App) moveGate(ctx context.Context, tx *sqldb.Tx, clinicID string, who person, change func(*store.Gate), event func(version int64) proto.Message) error {
	root, err := store.LockGate(tx, clinicID, who.rootID)
	if err != nil {
		return err
	}
	if who.patientID == who.rootID {
		change(&root)
	} else {
		own, err := store.LockGate(tx, clinicID, who.patientID)
		if err != nil {
			return err
		}
		change(&own)
		if err := store.PutGate(tx, clinicID, own); err != nil {
			return err
		}
	}
	root.Version++
	if err := a.keepKnown(tx, clinicID, &root); err != nil {
		return err
	}
	if err := store.PutGate(tx, clinicID, root); err != nil {
		return err
	}
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: gateAggregate, AggregateID: who.rootID, AggregateVersion: root.Version, Message: event(root.Version),
	})
}

// noChange is for gates whose version grows because of something else than the triage.
func noChange(*store.Gate) {}

// factsChanged is the event that what is known against treatments changed.
func factsChanged(clinicID, patientID string) func(int64) proto.Message {
	return func(version int64) proto.Message {
		return &intakev1.FactsChanged{ClinicId: clinicID, PatientId: patientID, GateVersion: version}
	}
}

// kept is the stored form of what speaks against treatments.
type kept struct {
	Hard []triage.Block `json:"hard,omitempty"`
	Soft []triage.Block `json:"soft,omitempty"`
}

// keepKnown puts what follows from a person's facts and releases into the row of the gate.
// In the row of a record that was merged into another it does not count.
func (a *App) keepKnown(tx *sqldb.Tx, clinicID string, g *store.Gate) error {
	g.Known, g.KnownBy = "", ""
	set, err := a.forms.Facts(clinicID)
	if err != nil {
		return err
	}
	who, err := personOf(tx, clinicID, g.PatientID, false)
	if err != nil || who.rootID != g.PatientID {
		return err
	}
	k, err := a.knownOf(tx, clinicID, who)
	if err != nil {
		return err
	}
	g.KnownBy = set.RuleSetVersion()
	if len(k.against) == 0 {
		return nil
	}
	data, err := json.Marshal(kept{Hard: k.hard, Soft: k.soft})
	g.Known = string(data)
	return err
}

// keptKnown reads what keepKnown kept.
func keptKnown(g store.Gate) (k kept, err error) {
	if g.Known != "" {
		err = json.Unmarshal([]byte(g.Known), &k)
	}
	return k, err
}

// known is what is known about a person that bears on treatments.
type known struct {
	facts    []store.Fact // by question, newest first
	against  []triage.Against
	releases []store.Release // those that count
	hard     []triage.Block
	soft     []triage.Block
}

// knownOf reads a person's facts and what follows from them. The newest fact of a question
// counts. Of merged records each is judged with its own facts and those recorded since the
// merge, and whatever speaks against a treatment in one speaks against it in all.
func (a *App) knownOf(tx *sqldb.Tx, clinicID string, who person) (known, error) {
	var k known
	set, err := a.forms.Facts(clinicID)
	if err != nil {
		return k, err
	}
	if k.facts, err = store.Facts(tx, clinicID, who.rootID); err != nil {
		return k, err
	}
	releases, err := store.Releases(tx, clinicID, who.rootID)
	if err != nil {
		return k, err
	}
	released := map[string]bool{}
	for _, m := range membersOr(who) {
		answers, err := newest(k.facts, func(f store.Fact) bool {
			return f.PatientID == m || !who.mergedAt().IsZero() && !f.RecordedAt.Before(who.mergedAt())
		})
		if err != nil {
			return k, err
		}
		for _, x := range set.Against(answers) {
			r, ok, err := releaseOf(releases, x, k.facts)
			if err != nil {
				return k, err
			}
			if !ok {
				k.against = append(k.against, x)
			} else if !released[x.Contraindication.ID] {
				released[x.Contraindication.ID] = true
				k.releases = append(k.releases, r)
			}
		}
	}
	k.hard, k.soft = triage.Blocks(k.against)
	return k, nil
}

// membersOr returns the ids of a person's records, also when directory told of none yet.
func membersOr(who person) []string {
	if len(who.members) == 0 {
		return []string{who.patientID}
	}
	out := make([]string, len(who.members))
	for i, m := range who.members {
		out[i] = m.PatientID
	}
	return out
}

// newest returns the newest answer to each question among the facts that count.
func newest(facts []store.Fact, counts func(store.Fact) bool) (triage.Answers, error) {
	out := triage.Answers{}
	for _, f := range facts { // newest first within a question
		if _, ok := out[f.QuestionID]; ok || !counts(f) {
			continue
		}
		var a triage.Answer
		if err := json.Unmarshal([]byte(f.Value), &a); err != nil {
			return nil, err
		}
		out[f.QuestionID] = a
	}
	return out, nil
}

// releaseOf returns the release of a contraindication, if there is one for just these
// answers and nobody has said anything about them since: a release does not outlive what
// it was given for.
func releaseOf(releases []store.Release, x triage.Against, facts []store.Fact) (store.Release, bool, error) {
	because, err := becauseJSON(x.Because)
	if err != nil || x.Contraindication.Kind != triage.Soft {
		return store.Release{}, false, err
	}
	for _, r := range releases {
		if r.ContraindicationID != x.Contraindication.ID || r.Because != because {
			continue
		}
		saidSince := slices.ContainsFunc(facts, func(f store.Fact) bool {
			return f.RecordedAt.After(r.ReleasedAt) && slices.ContainsFunc(x.Because, func(g triage.GivenAnswer) bool { return g.Question == f.QuestionID })
		})
		if !saidSince {
			return r, true, nil
		}
	}
	return store.Release{}, false, nil
}

// gateOf reads the gate of a person as it stands now, with its version.
func (a *App) gateOf(tx *sqldb.Tx, clinicID string, who person) (gate.Gate, int64, error) {
	k, err := a.knownOf(tx, clinicID, who)
	if err != nil {
		return gate.Gate{}, 0, err
	}
	rows, err := store.Gates(tx, clinicID, who.rootID)
	if err != nil {
		return gate.Gate{}, 0, err
	}
	var version int64
	for _, r := range rows {
		if r.PatientID == who.rootID {
			version = r.Version
		}
	}
	own, err := ownOf(rows)
	return gate.Of(own, k.hard, k.soft, tx.Now()), version, err
}

// ownOf returns what the triage of each record says.
func ownOf(rows []store.Gate) (own []gate.Own, err error) {
	for _, r := range rows {
		o := gate.Own{
			Level: levelOf(r.Level), Provisional: r.Provisional, Voided: r.Voided, IntakeID: r.IntakeID, ExpireTime: r.ExpiresAt,
		}
		if r.TriageDate != "" {
			if o.Date, err = civil.Parse(r.TriageDate); err != nil {
				return nil, err
			}
		}
		own = append(own, o)
	}
	return own, nil
}
