package app

import (
	"context"
	"log/slog"
	"strings"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// intakeAggregate is the kind of thing that events of a form happen to.
const intakeAggregate = "intake"

// CreateIntake starts a form.
type CreateIntake struct {
	PatientID       string
	QuestionnaireID string // "" is the clinic's intake form
	Language        string
	DeviceKind      string // for the funnel; "" is OTHER
	Fingerprint     []byte
}

// CreateIntake starts a form for a patient, tied to the newest version of the
// questionnaire, in a language that is open to patients. It fails with NOT_FOUND for a patient
// or a questionnaire that the caller's clinic does not have, and, for a patient, with
// FAILED_PRECONDITION, FORM_CLOSED, naming what is not there, while the clinic has no
// emergency number or no named clinical safety officer. Staff fill a form in with the patient
// before them, and may.
func (a *App) CreateIntake(ctx context.Context, in CreateIntake) (IntakeView, error) {
	p, err := callerOf(ctx)
	if err != nil {
		return IntakeView{}, err
	}
	set, err := a.forms.Current(p.ClinicID, in.QuestionnaireID)
	if err != nil {
		return IntakeView{}, err
	}
	if err := a.knowPatient(ctx, p, in.PatientID); err != nil {
		return IntakeView{}, err
	}
	if err := a.formOpen(ctx, p); err != nil {
		return IntakeView{}, err
	}
	zone, lang := a.zoneOf(ctx, p.ClinicID), a.forms.openLanguage(p.ClinicID, set, in.Language)
	var view IntakeView
	var counted []store.Step
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		counted = nil
		id, _, err := requestid.OnceAs(ctx, tx, "CreateIntake", in.Fingerprint, ident.New("int"), func() error { return nil })
		if err != nil {
			return err
		}
		i, ok, err := store.GetIntake(tx, p.ClinicID, id)
		if err != nil {
			return err
		}
		if !ok {
			if i, err = startIntake(ctx, tx, p, id, in.PatientID, set, lang); err != nil {
				return err
			}
			step, err := countStarted(tx, i, in.DeviceKind, zone)
			if err != nil {
				return err
			}
			counted = append(counted, step)
		}
		view, err = a.fullView(tx, p, i)
		return err
	})
	if err == nil {
		a.steps.add(ctx, counted...)
	}
	return view, err
}

// formOpen refuses a patient while the clinic's form is not open to the public. While
// directory is away forms go on: its patients could not have registered before the clinic
// had said both, and whoever may have an emergency is not sent away for want of an answer.
func (a *App) formOpen(ctx context.Context, p authn.Principal) error {
	if audience(p) != Patients {
		return nil
	}
	lacks, err := a.directory.FormLacks(ctx)
	if fault.IsKind(err, fault.Unavailable) {
		a.log.WarnContext(ctx, "form opened without asking whether the clinic has opened it", slog.String("clinic_id", p.ClinicID), slog.Any("error", err))
		return nil
	}
	if err != nil || len(lacks) == 0 {
		return err
	}
	return fault.New(fault.FailedPrecondition, "FORM_CLOSED", "The clinic has not opened its form yet. Call the clinic; in an emergency call the emergency number.").
		With("missing", strings.Join(lacks, ","))
}

// startIntake adds a draft with its event and audit row.
func startIntake(ctx context.Context, tx *sqldb.Tx, p authn.Principal, id, patientID string, set *triage.Set, lang string) (store.Intake, error) {
	i := store.Intake{
		ClinicID: p.ClinicID, IntakeID: id, PatientID: patientID, QuestionnaireID: set.ID, QuestionnaireVersion: set.Version,
		Language: lang, State: Draft, CreatedBy: p.Subject, CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Version: 1,
	}
	if err := store.InsertIntake(tx, i); err != nil {
		return i, err
	}
	err := eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: intakeAggregate, AggregateID: id, AggregateVersion: i.Version,
		Message: &intakev1.IntakeStarted{ClinicId: p.ClinicID, IntakeId: id, PatientId: patientID},
	})
	if err != nil {
		return i, err
	}
	return i, audit.Write(ctx, tx, audit.Entry{Action: "intake.create", Resource: id, PatientID: patientID})
}
