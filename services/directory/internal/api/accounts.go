package api

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/people"
)

// accountServer serves AccountService.
type accountServer struct {
	directoryv1.UnimplementedAccountServiceServer
	app *app.App
}

var accountCodec = codec[people.Account, *directoryv1.Account]{
	encode: encodeAccount, decode: decodeAccount,
	serverSet: []string{"account_id", "clinic_id", "profession", "create_time", "update_time", "etag"},
}

func encodeAccount(a people.Account) *directoryv1.Account {
	return &directoryv1.Account{
		AccountId: a.ID, ClinicId: a.ClinicID, Email: a.Email, DisplayName: a.DisplayName, Roles: a.Roles,
		PractitionerId: a.PractitionerID, PatientId: a.PatientID, State: a.State, Profession: a.Profession,
		CreateTime: stamp(a.CreatedAt), UpdateTime: stamp(a.UpdatedAt), Etag: etag(a.Version),
	}
}

func decodeAccount(a people.Account, m *directoryv1.Account) (people.Account, error) {
	a.Email, a.DisplayName, a.Roles = m.GetEmail(), m.GetDisplayName(), m.GetRoles()
	a.PractitionerID, a.PatientID, a.State = m.GetPractitionerId(), m.GetPatientId(), m.GetState()
	return a, nil
}

func (s accountServer) CreateAccount(ctx context.Context, r *directoryv1.CreateAccountRequest) (*directoryv1.CreateAccountResponse, error) {
	account, err := decodeAccount(people.Account{}, r.GetAccount())
	if err != nil {
		return nil, err
	}
	made, err := s.app.CreateAccount(ctx, fingerprint(r, "password"), account, r.GetPassword())
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreateAccountResponse{Account: encodeAccount(made)}, nil
}

func (s accountServer) GetAccount(ctx context.Context, r *directoryv1.GetAccountRequest) (*directoryv1.GetAccountResponse, error) {
	account, err := s.app.GetAccount(ctx, r.GetAccountId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.GetAccountResponse{Account: encodeAccount(account)}, nil
}

func (s accountServer) ListAccounts(ctx context.Context, r *directoryv1.ListAccountsRequest) (*directoryv1.ListAccountsResponse, error) {
	accounts, next, err := s.app.ListAccounts(ctx, r.GetRole(), app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListAccountsResponse{Accounts: each(accounts, encodeAccount), NextPageToken: next}, nil
}

func (s accountServer) UpdateAccount(ctx context.Context, r *directoryv1.UpdateAccountRequest) (*directoryv1.UpdateAccountResponse, error) {
	m := r.GetAccount()
	change, err := accountCodec.change(m.GetAccountId(), m.GetEtag(), m, r.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	account, err := s.app.UpdateAccount(ctx, fingerprint(r), change)
	if err != nil {
		return nil, err
	}
	return &directoryv1.UpdateAccountResponse{Account: encodeAccount(account)}, nil
}

func (s accountServer) SetPassword(ctx context.Context, r *directoryv1.SetPasswordRequest) (*directoryv1.SetPasswordResponse, error) {
	account, err := s.app.SetPassword(ctx, fingerprint(r, "password"), r.GetAccountId(), r.GetPassword())
	if err != nil {
		return nil, err
	}
	return &directoryv1.SetPasswordResponse{Account: encodeAccount(account)}, nil
}

func (s accountServer) ChangePassword(ctx context.Context, r *directoryv1.ChangePasswordRequest) (*directoryv1.ChangePasswordResponse, error) {
	account, err := s.app.ChangePassword(ctx, fingerprint(r, "current_password", "new_password"),
		r.GetCurrentPassword(), r.GetNewPassword(), clientAddress(ctx))
	if err != nil {
		return nil, err
	}
	return &directoryv1.ChangePasswordResponse{Account: encodeAccount(account)}, nil
}

func encodeProxy(p people.Proxy) *directoryv1.Proxy {
	return &directoryv1.Proxy{
		AccountId: p.AccountID, PatientId: p.PatientID, Relation: p.Relation, ExpireDate: p.ExpireDate.String(), CreateTime: stamp(p.CreatedAt),
	}
}

func (s accountServer) GrantProxy(ctx context.Context, r *directoryv1.GrantProxyRequest) (*directoryv1.GrantProxyResponse, error) {
	expire, err := people.ParseDate("expire_date", r.GetExpireDate())
	if err != nil {
		return nil, err
	}
	proxy, err := s.app.GrantProxy(ctx, fingerprint(r), people.Proxy{
		AccountID: r.GetAccountId(), PatientID: r.GetPatientId(), Relation: r.GetRelation(), ExpireDate: expire,
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.GrantProxyResponse{Proxy: encodeProxy(proxy)}, nil
}

func (s accountServer) RevokeProxy(ctx context.Context, r *directoryv1.RevokeProxyRequest) (*directoryv1.RevokeProxyResponse, error) {
	return &directoryv1.RevokeProxyResponse{}, s.app.RevokeProxy(ctx, r.GetAccountId(), r.GetPatientId())
}

func (s accountServer) ListProxies(ctx context.Context, r *directoryv1.ListProxiesRequest) (*directoryv1.ListProxiesResponse, error) {
	proxies, err := s.app.ListProxies(ctx, r.GetAccountId(), r.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListProxiesResponse{Proxies: each(proxies, encodeProxy)}, nil
}
