package api

import (
	"context"
	"strconv"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// settings serves TriageSettingsService.
type settings struct {
	intakev1.UnimplementedTriageSettingsServiceServer
	app *app.App
}

// GetTriageSettings: see app.TriageSettings.
func (s *settings) GetTriageSettings(ctx context.Context, _ *intakev1.GetTriageSettingsRequest) (*intakev1.GetTriageSettingsResponse, error) {
	got, err := s.app.TriageSettings(ctx)
	if err != nil {
		return nil, err
	}
	return &intakev1.GetTriageSettingsResponse{Settings: triageSettings(got)}, nil
}

// UpdateTriageSettings: see app.UpdateTriageSettings.
func (s *settings) UpdateTriageSettings(ctx context.Context, in *intakev1.UpdateTriageSettingsRequest) (*intakev1.UpdateTriageSettingsResponse, error) {
	w := in.GetSettings()
	got, err := s.app.UpdateTriageSettings(ctx, store.Settings{
		Owners: w.GetOwnerAccountIds(), SafetyOfficer: w.GetSafetyOfficerAccountId(), EmergencyMinutes: int(w.GetEmergencyMinutes()),
		UrgentMinutes: int(w.GetUrgentMinutes()), ChaseAfterHours: int(w.GetChaseAfterHours()), ChaseOff: w.GetChaseOff(),
		ConsentRequired: w.GetConsentRequired(),
	}, w.GetEtag(), requestid.Fingerprint(in))
	if err != nil {
		return nil, err
	}
	return &intakev1.UpdateTriageSettingsResponse{Settings: triageSettings(got)}, nil
}

// ListIntakeMessages: see app.ListMessages.
func (s *settings) ListIntakeMessages(ctx context.Context, in *intakev1.ListIntakeMessagesRequest) (*intakev1.ListIntakeMessagesResponse, error) {
	rows, next, err := s.app.ListMessages(ctx, in.GetPageToken(), pageSize(in.GetPageSize(), 50))
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListIntakeMessagesResponse{NextPageToken: next}
	for _, m := range rows {
		out.Messages = append(out.Messages, &intakev1.IntakeMessage{
			MessageId: m.MessageID, Kind: m.Kind, PatientId: m.PatientID, AccountId: m.AccountID, IntakeId: m.IntakeID, TaskId: m.TaskID,
			LanguageCode: m.Language, CreateTime: timestamp(m.CreatedAt), LinkExpireTime: timestamp(m.ExpiresAt),
		})
	}
	return out, nil
}

func triageSettings(s store.Settings) *intakev1.TriageSettings {
	return &intakev1.TriageSettings{
		OwnerAccountIds: s.Owners, SafetyOfficerAccountId: s.SafetyOfficer, EmergencyMinutes: int32(s.EmergencyMinutes),
		UrgentMinutes: int32(s.UrgentMinutes), ChaseAfterHours: int32(s.ChaseAfterHours), ChaseOff: s.ChaseOff,
		ConsentRequired: s.ConsentRequired,
		Etag:            strconv.FormatInt(s.Version, 10),
	}
}
