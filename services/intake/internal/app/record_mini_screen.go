package app

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/gate"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// RecordMiniScreen gives the six answers before a visit, true is yes, or why they were not
// asked.
type RecordMiniScreen struct {
	PatientID   string
	Answers     map[string]bool
	NotAsked    string // a code of the contract
	Note        string // more about why
	Language    string // of the advice
	Fingerprint []byte
}

// MiniScreened is what follows from a mini-screen.
type MiniScreened struct {
	Set         *triage.Set
	Level       triage.Level // NoLevel when every answer was no
	TaskID      string
	GateVersion int64
	NotAsked    string
	Language    string // of the advice: the one wanted, when it is open to the clinic's patients
}

// RecordMiniScreen stores the six answers given before a visit (clinical reference 4.2,
// point 6). Any yes raises a task, is known as a fact, and voids the result in force: an
// emergency or urgent one takes its place, and what is stricter already stays. Staff may
// say why nothing was asked instead; that is kept, and changes nothing. It fails with
// NOT_FOUND for a patient whom the caller may not know of; with INVALID_ARGUMENT when an
// item is unknown or not answered, or answers come with a reason for not asking; and with
// PERMISSION_DENIED, STAFF_ONLY, when a patient gives a reason.
func (a *App) RecordMiniScreen(ctx context.Context, in RecordMiniScreen) (out MiniScreened, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return out, err
	}
	if out.Set, err = a.forms.Facts(p.ClinicID); err != nil {
		return out, err
	}
	out.Language, out.NotAsked = a.forms.openLanguage(p.ClinicID, out.Set, in.Language), in.NotAsked
	yes, err := checkMiniScreen(p, out.Set, in)
	if err != nil {
		return out, err
	}
	if err := a.knowPatient(ctx, p, in.PatientID); err != nil {
		return out, err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		who, err := personOf(tx, p.ClinicID, in.PatientID, true)
		if err != nil {
			return err
		}
		id, _, err := requestid.OnceAs(ctx, tx, "RecordMiniScreen", in.Fingerprint, ident.New("scr"), func() error { return nil })
		if err != nil {
			return err
		}
		m, ok, err := store.GetMiniScreen(tx, p.ClinicID, id)
		if err != nil {
			return err
		}
		if !ok {
			if m, err = a.screen(ctx, tx, p, who, id, in, out.Set, yes, zone); err != nil {
				return err
			}
		}
		out.Level, out.TaskID = levelOf(m.Level), m.TaskID
		_, out.GateVersion, err = a.gateOf(tx, p.ClinicID, who)
		return err
	})
	return out, err
}

// checkMiniScreen returns the items answered yes, sorted; none when nothing was asked.
func checkMiniScreen(p authn.Principal, set *triage.Set, in RecordMiniScreen) ([]string, error) {
	var yes []string
	answers := in.Answers
	switch {
	case in.NotAsked == "" && len(answers) == 0:
		return nil, fault.Invalid("answers", "must be given, or not_asked_because")
	case in.NotAsked == "":
	case audience(p) == Patients:
		return nil, fault.New(fault.PermissionDenied, "STAFF_ONLY", "Only the clinic may leave these questions out. Please answer them.")
	case len(answers) > 0:
		return nil, fault.Invalid("answers", "must be empty when nothing was asked")
	case in.NotAsked == "OTHER" && strings.TrimSpace(in.Note) == "":
		return nil, fault.Invalid("note", "must say why nothing was asked")
	default:
		return nil, nil
	}
	for _, m := range set.MiniScreen {
		value, ok := answers[m.ID]
		if !ok {
			return nil, fault.Invalid("answers."+m.ID, "must be answered")
		}
		if value {
			yes = append(yes, m.ID)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(answers)) {
		if !slices.ContainsFunc(set.MiniScreen, func(m triage.MiniScreenItem) bool { return m.ID == id }) {
			return nil, fault.Invalid("answers."+id, "is not a question of the mini-screen")
		}
	}
	slices.Sort(yes)
	return yes, nil
}

// screen stores a mini-screen and, when an answer was yes, everything that follows.
func (a *App) screen(ctx context.Context, tx *sqldb.Tx, p authn.Principal, who person, id string, in RecordMiniScreen, set *triage.Set, yes []string, zone *time.Location) (store.MiniScreen, error) {
	data, err := json.Marshal(in.Answers)
	if err != nil {
		return store.MiniScreen{}, err
	}
	m := store.MiniScreen{
		ScreenID: id, PatientID: in.PatientID, Answers: string(data), NotAsked: in.NotAsked, RecordedBy: p.Subject, RecordedAt: tx.Now(),
	}
	if in.NotAsked != "" {
		m.Answers, m.Note = "{}", strings.TrimSpace(in.Note)
	}
	if len(yes) > 0 {
		answers := set.MiniScreenAnswers(yes)
		level, err := a.levelOfScreen(tx, p.ClinicID, who, set, answers)
		if err != nil {
			return m, err
		}
		m.Level = int(level)
		if m.TaskID, err = a.followScreen(ctx, tx, p, who, in.PatientID, set, answers, level, zone); err != nil {
			return m, err
		}
	}
	if err := store.AddMiniScreen(tx, p.ClinicID, m); err != nil {
		return m, err
	}
	return m, audit.Write(ctx, tx, audit.Entry{
		Action: "mini_screen.record", Resource: id, PatientID: in.PatientID,
		Facts: map[string]string{"level": levelOf(m.Level).String(), "not_asked_because": m.NotAsked},
	})
}

// maxScreens is how many mini-screens of a patient are listed.
const maxScreens = 50

// ListMiniScreens returns what was answered before a patient's visits, newest first; looking
// is recorded. It fails with NOT_FOUND for a patient whom the caller may not know of.
func (a *App) ListMiniScreens(ctx context.Context, patientID string) (out []store.MiniScreen, err error) {
	p, err := chartReader(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.knowPatient(ctx, p, patientID); err != nil {
		return nil, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		who, err := personOf(tx, p.ClinicID, patientID, false)
		if err != nil {
			return err
		}
		out = nil
		for _, m := range who.members {
			list, err := store.MiniScreens(tx, p.ClinicID, m.PatientID, maxScreens)
			if err != nil {
				return err
			}
			out = append(out, list...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b store.MiniScreen) int { return strings.Compare(b.ScreenID, a.ScreenID) })
	out = out[:min(len(out), maxScreens)]
	return out, audit.Read(ctx, a.db, audit.Entry{Action: "mini_screen.list", Resource: patientID, PatientID: patientID})
}

// levelOfScreen is the highest level of the rules that the new answers fire, together with
// what is known, and at least a clinician's look.
func (a *App) levelOfScreen(tx *sqldb.Tx, clinicID string, who person, set *triage.Set, fresh triage.Answers) (triage.Level, error) {
	facts, err := store.Facts(tx, clinicID, who.rootID)
	if err != nil {
		return triage.NoLevel, err
	}
	answers, err := newest(facts, func(store.Fact) bool { return true })
	if err != nil {
		return triage.NoLevel, err
	}
	maps.Copy(answers, fresh)
	level := triage.ClinicianReview
	for _, f := range set.Evaluate(answers).Fired {
		if slices.ContainsFunc(f.Because, func(g triage.GivenAnswer) bool { _, ok := fresh[g.Question]; return ok }) {
			level = max(level, f.Level)
		}
	}
	return level, nil
}

// followScreen keeps the facts, raises the task and moves the gate.
func (a *App) followScreen(ctx context.Context, tx *sqldb.Tx, p authn.Principal, who person, patientID string, set *triage.Set, answers triage.Answers, level triage.Level, zone *time.Location) (string, error) {
	for _, id := range set.ContraindicationQuestions() {
		if _, ok := answers[id]; !ok {
			continue
		}
		if _, err := addFact(tx, p, store.Fact{PatientID: patientID, QuestionID: id, SaidBy: "PATIENT"}, answers[id]); err != nil {
			return "", err
		}
	}
	task, err := raiseTask(tx, set, work{
		clinicID: p.ClinicID, patientID: patientID, level: level, computed: level, provisional: true, raisedBy: ByMiniScreen,
	}, zone)
	if err != nil {
		return "", err
	}
	told := &intakev1.TriageOverridden{ClinicId: p.ClinicID, PatientId: who.rootID}
	err = a.moveGate(ctx, tx, p.ClinicID, who, func(g *store.Gate) {
		void(g, level, tx.Now(), set, zone)
		told.IntakeId, told.Level = g.IntakeID, typev1.TriageLevel(g.Level)
	}, func(version int64) proto.Message {
		told.GateVersion = version
		return told
	})
	return task, err
}

// void takes the result in force away: an emergency or urgent level takes its place; one
// that asks a doctor first stays, since asking again must not open what it closed.
func void(g *store.Gate, level triage.Level, now time.Time, set *triage.Set, zone *time.Location) {
	inForce := levelOf(g.Level)
	if now.After(g.ExpiresAt) || g.Voided {
		inForce = triage.NoLevel
	}
	switch {
	case level.ShownUnfinished() && level > inForce:
		g.Level, g.Provisional, g.Voided, g.IntakeID = int(level), true, false, ""
		g.TriageDate, g.ExpiresAt = civil.Of(now, zone).String(), gate.ValidUntil(now, set.Policy.ValidDays)
	case inForce >= triage.MedicalReferral:
	default:
		g.Voided = true
		if g.Level == 0 {
			g.Level, g.ExpiresAt, g.TriageDate = int(level), now, civil.Of(now, zone).String()
		}
	}
}
