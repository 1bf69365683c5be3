package app

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Steps of the form that are counted.
const (
	StepStarted   = "STARTED"
	StepPage      = "PAGE"
	StepCompleted = "COMPLETED"
)

// otherDevice is a kind of device that nobody named.
const otherDevice = "OTHER"

// scope names our instruments among those of libraries.
const scope = "github.com/upright-clinic/upright/services/intake"

// steps counts the steps of forms as metrics. The labels are codes of the form, a kind of
// device and a language: nothing of a patient, and not the clinic.
type steps struct{ counter metric.Int64Counter }

func newSteps() steps {
	counter, err := otel.Meter(scope).Int64Counter("upright.intake.steps",
		metric.WithDescription("Steps of intake forms: started, each page reached, completed."))
	if err != nil {
		otel.Handle(errors.Join(errors.New("intake: no counter of steps"), err))
	}
	return steps{counter}
}

// add counts steps that were committed.
func (s steps) add(ctx context.Context, counted ...store.Step) {
	if s.counter == nil {
		return
	}
	for _, c := range counted {
		s.counter.Add(ctx, 1, metric.WithAttributes(
			attribute.String("step", c.Step), attribute.String("page", c.PageID),
			attribute.String("device_kind", c.DeviceKind), attribute.String("language", c.Language)))
	}
}

// stepOf is a step of a form, on the day of now.
func stepOf(i store.Intake, step, pageID, device, lang string, now time.Time, zone *time.Location) store.Step {
	if device == "" {
		device = otherDevice
	}
	return store.Step{
		QuestionnaireID: i.QuestionnaireID, Day: civil.Of(now, zone).String(), Step: step, PageID: pageID, DeviceKind: device, Language: lang,
	}
}

// countStarted counts a form that was started. It is the last thing of its transaction: the
// row is one that others count in too.
func countStarted(tx *sqldb.Tx, i store.Intake, device string, zone *time.Location) (store.Step, error) {
	s := stepOf(i, StepStarted, "", device, i.Language, tx.Now(), zone)
	return s, store.CountStep(tx, i.ClinicID, s)
}

// countCompleted counts a form that was handed in, on the kind of device it was last filled
// in on, and forgets its way.
func countCompleted(tx *sqldb.Tx, i store.Intake, zone *time.Location) (store.Step, error) {
	device, _, err := store.LastDevice(tx, i.ClinicID, i.IntakeID)
	if err != nil {
		return store.Step{}, err
	}
	if err := store.ForgetMarks(tx, i.ClinicID, i.IntakeID); err != nil {
		return store.Step{}, err
	}
	s := stepOf(i, StepCompleted, "", device, i.Language, tx.Now(), zone)
	return s, store.CountStep(tx, i.ClinicID, s)
}
