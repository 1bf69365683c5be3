package api

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
)

func (s accountServer) SignIn(ctx context.Context, r *directoryv1.SignInRequest) (*directoryv1.SignInResponse, error) {
	in, err := s.app.SignIn(ctx, app.Credentials{
		Email: r.GetEmail(), Password: r.GetPassword(), Clinic: r.GetClinic(), Address: clientAddress(ctx),
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.SignInResponse{
		Token: in.Token, ExpireTime: stamp(in.Session.ExpireAt), Account: encodeAccount(in.Account),
		SessionId: in.Session.ID, IdleTimeoutSeconds: s.app.IdleLimit(in.Account),
	}, nil
}

func (s accountServer) SignOut(ctx context.Context, _ *directoryv1.SignOutRequest) (*directoryv1.SignOutResponse, error) {
	return &directoryv1.SignOutResponse{}, s.app.SignOut(ctx)
}

func (s accountServer) GetMe(ctx context.Context, _ *directoryv1.GetMeRequest) (*directoryv1.GetMeResponse, error) {
	me, err := s.app.GetMe(ctx)
	if err != nil {
		return nil, err
	}
	return &directoryv1.GetMeResponse{
		Account: encodeAccount(me.Account), SessionId: me.SessionID,
		Patients: each(me.ActsFor, func(p app.ActingFor) *directoryv1.ActingFor {
			return &directoryv1.ActingFor{PatientId: p.PatientID, DisplayName: p.DisplayName, Relation: p.Relation}
		}),
	}, nil
}

func (s accountServer) ResolveSession(ctx context.Context, r *directoryv1.ResolveSessionRequest) (*directoryv1.ResolveSessionResponse, error) {
	resolved, err := s.app.ResolveSession(ctx, r.GetToken(), r.GetBackground())
	if err != nil {
		return nil, err
	}
	a := resolved.Account
	return &directoryv1.ResolveSessionResponse{
		AccountId: a.ID, ClinicId: a.ClinicID, PractitionerId: a.PractitionerID, PatientIds: resolved.PatientIDs,
		Roles: each(a.Roles, func(role string) typev1.Role { return typev1.Role(typev1.Role_value["ROLE_"+role]) }),
		// The number 0, PROFESSION_UNSPECIFIED, for an account without practitioner.
		Profession: typev1.Profession(typev1.Profession_value["PROFESSION_"+a.Profession]),
		SessionId:  resolved.Session.ID, ExpireTime: stamp(resolved.Session.ExpireAt), IdleExpireTime: stamp(resolved.IdleAt),
	}, nil
}

func (s accountServer) ListSessions(ctx context.Context, r *directoryv1.ListSessionsRequest) (*directoryv1.ListSessionsResponse, error) {
	sessions, err := s.app.ListSessions(ctx, r.GetAccountId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListSessionsResponse{Sessions: each(sessions, func(v app.SessionView) *directoryv1.Session {
		return &directoryv1.Session{
			SessionId: v.ID, AccountId: v.AccountID, CreateTime: stamp(v.CreatedAt), LastUseTime: stamp(v.LastUsedAt),
			ExpireTime: stamp(v.ExpireAt), IdleExpireTime: stamp(v.IdleAt), Current: v.Current,
		}
	})}, nil
}

func (s accountServer) RevokeSession(ctx context.Context, r *directoryv1.RevokeSessionRequest) (*directoryv1.RevokeSessionResponse, error) {
	return &directoryv1.RevokeSessionResponse{}, s.app.RevokeSession(ctx, fingerprint(r), r.GetSessionId())
}
