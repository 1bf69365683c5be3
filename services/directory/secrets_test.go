package directory

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// The tables hold hashes only: no token, no password, no fast hash of a password, and outside
// of the people's own tables nothing of a person (reliability reference 8, tests 21 and 22).
func TestOnlyHashesInTables(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("clinic")
		secret := "the " + canary + " sings at dawn"
		registered, err := w.patients.RegisterPatient(t.Context(), &directoryv1.RegisterPatientRequest{
			RequestId: "register-1", Clinic: th.slug, GivenName: canary, FamilyName: canary, BirthDate: "1980-03-07",
			Phone: "0664 987654321", Email: canary + "@example.org", Password: secret,
		})
		ok(w, registered, err)
		in, err := w.accounts.SignIn(t.Context(), &directoryv1.SignInRequest{Email: canary + "@example.org", Password: secret, RequestId: "sign-in-1"})
		token := ok(w, in, err).GetToken()
		me := w.person(token)
		changed, err := w.accounts.ChangePassword(me, &directoryv1.ChangePasswordRequest{CurrentPassword: secret, NewPassword: secret + " again", RequestId: "change-1"})
		ok(w, changed, err)
		set, err := w.accounts.SetPassword(w.program(th.clinic), &directoryv1.SetPasswordRequest{AccountId: th.staff, Password: secret + " too", RequestId: "set-1"})
		ok(w, set, err)

		secrets := []string{token, strings.TrimPrefix(token, "ups_"), th.token}
		for _, password := range []string{secret, secret + " again", secret + " too", staffPassword, patientPassword} {
			sum := sha256.Sum256([]byte(password))
			secrets = append(secrets, password, hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:]), hex.EncodeToString([]byte(password)))
		}
		ownTables := regexp.MustCompile(`^(patients|patient_names|accounts|sign_in_names) \|`)
		for _, row := range w.tables() {
			for _, s := range secrets {
				if strings.Contains(row, s) {
					t.Errorf("a secret is stored: %s", row)
				}
			}
			if !ownTables.MatchString(row) && strings.Contains(strings.ToLower(row), strings.ToLower(canary)) {
				t.Errorf("something of a person is stored: %s", row)
			}
		}
		sum := sha256.Sum256([]byte(token))
		if !slices.ContainsFunc(w.tables(), func(row string) bool {
			return strings.HasPrefix(row, "sessions |") && strings.Contains(row, hex.EncodeToString(sum[:]))
		}) {
			t.Error("the token is not stored as its SHA-256")
		}
	})
}

// A request's fingerprint is a fast hash, so it is made without passwords: a retry with another
// password is the same request to it.
func TestFingerprintsLeavePasswordsOut(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("clinic")
		in, err := w.accounts.SignIn(t.Context(), &directoryv1.SignInRequest{Email: "anna@clinic.org", Password: patientPassword})
		anna := w.person(ok(w, in, err).GetToken())
		for name, call := range map[string]func(password string) error{
			"RegisterPatient": func(password string) error {
				_, err := w.patients.RegisterPatient(t.Context(), &directoryv1.RegisterPatientRequest{
					RequestId: "r", Clinic: th.slug, GivenName: "Rosa", FamilyName: "Neu", BirthDate: "1980-03-07", Email: "rosa@example.org", Password: password,
				})
				return err
			},
			"CreateAccount": func(password string) error {
				_, err := w.accounts.CreateAccount(w.program(th.clinic), &directoryv1.CreateAccountRequest{
					RequestId: "r", Account: &directoryv1.Account{Email: "bo@clinic.org", Roles: []string{"ADMIN"}}, Password: password,
				})
				return err
			},
			"SetPassword": func(password string) error {
				_, err := w.accounts.SetPassword(w.program(th.clinic), &directoryv1.SetPasswordRequest{RequestId: "r", AccountId: th.staff, Password: password})
				return err
			},
			"ChangePassword": func(password string) error {
				_, err := w.accounts.ChangePassword(anna, &directoryv1.ChangePasswordRequest{RequestId: "r", CurrentPassword: patientPassword, NewPassword: password})
				return err
			},
		} {
			for _, password := range []string{"eleven blue doors", "twelve red chairs"} {
				if err := call(password); err != nil {
					t.Errorf("%s with %q: %v", name, password, err)
				}
			}
		}
	})
}

// person is whoever a token is of, as the gateway would say.
func (w *world) person(token string) context.Context {
	w.t.Helper()
	r, err := w.accounts.ResolveSession(authn.WithService(w.t.Context(), "gateway", ""), &directoryv1.ResolveSessionRequest{Token: token})
	s := ok(w, r, err)
	return authn.With(w.t.Context(), authn.Principal{
		Subject: s.GetAccountId(), ClinicID: s.GetClinicId(), Roles: s.GetRoles(), Profession: s.GetProfession(),
		PractitionerID: s.GetPractitionerId(), PatientIDs: s.GetPatientIds(), SessionID: s.GetSessionId(),
	})
}

// Whatever is done with people of whom every fact is a canary, refusals and failures
// included: no line of the log has one, and no event.
func TestNothingOfAPatientInLogs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("clinic")
		ctx := w.as(th.clinic, typev1.Role_ROLE_RECEPTIONIST)
		n := 0
		bird := func() string { n++; return fmt.Sprintf("%s%d", canary, n) }
		p := &directoryv1.Patient{
			GivenName: bird(), FamilyName: bird(), PreferredName: bird(), FormerNames: bird(), BirthDate: "1980-03-07",
			Phone: "+43 664 99887766", Email: bird() + "@example.org", ExternalNumber: bird(),
			Address:          &directoryv1.PostalAddress{Lines: []string{bird()}, City: bird()},
			EmergencyContact: &directoryv1.EmergencyContact{Name: bird(), Relation: bird()},
		}
		made, err := w.patients.CreatePatient(ctx, &directoryv1.CreatePatientRequest{Patient: p, RequestId: "r-1"})
		id := ok(w, made, err).GetPatient().GetPatientId()
		found, err := w.patients.SearchPatients(ctx, &directoryv1.SearchPatientsRequest{Query: canary})
		if len(ok(w, found, err).GetPatients()) != 1 {
			t.Error("not found")
		}
		moved, err := w.patients.MergePatients(ctx, &directoryv1.MergePatientsRequest{PatientId: id, SurvivingPatientId: th.patient})
		ok(w, moved, err)
		p.FamilyName = bird()
		for _, call := range []func() error{
			func() error {
				_, err := w.patients.CreatePatient(ctx, &directoryv1.CreatePatientRequest{Patient: p, RequestId: "r-1"})
				return err
			},
			func() error {
				_, err := w.patients.GetPatient(ctx, &directoryv1.GetPatientRequest{PatientId: "pat_" + bird()})
				return err
			},
			func() error {
				_, err := w.accounts.SignIn(t.Context(), &directoryv1.SignInRequest{Email: bird() + "@example.org", Password: bird()})
				return err
			},
			func() error {
				_, err := w.accounts.ResolveSession(authn.WithService(t.Context(), "gateway", ""), &directoryv1.ResolveSessionRequest{Token: bird()})
				return err
			},
			func() error { // the context ends under way
				gone, cancel := context.WithCancel(ctx)
				cancel()
				_, err := w.patients.SearchPatients(gone, &directoryv1.SearchPatientsRequest{Query: bird()})
				return err
			},
		} {
			if call() == nil {
				t.Error("a refusal was expected")
			}
		}
		if err := w.db.Close(); err != nil { // now everything fails
			t.Fatal(err)
		}
		if _, err := w.patients.SearchPatients(ctx, &directoryv1.SearchPatientsRequest{Query: bird()}); !fault.IsKind(err, fault.Internal) && !fault.IsKind(err, fault.Unavailable) {
			t.Errorf("without a database: %v", err)
		}
		log := strings.ToLower(w.log.String())
		for _, c := range []string{canary, "99887766", "1980-03-07", patientPassword} {
			if strings.Contains(log, strings.ToLower(c)) {
				t.Errorf("%q was logged", c)
			}
		}
		if !strings.Contains(log, "session begun") {
			t.Error("nothing at all was logged, so this proves nothing")
		}
	})
}

// Signing in, asking who one is and signing out, over both transports.
func TestSignInOverEachTransport(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("clinic")
		w.harness.Each(t, func(t *testing.T, conn grpc.ClientConnInterface) {
			c := clientsOn(conn)
			in, err := c.accounts.SignIn(t.Context(), &directoryv1.SignInRequest{Email: "anna@clinic.org", Password: patientPassword})
			if err != nil || in.GetIdleTimeoutSeconds() != 1800 || in.GetAccount().GetPatientId() != th.patient {
				t.Fatalf("%v, %v", in, err)
			}
			anna := w.person(in.GetToken())
			p, _ := authn.From(anna)
			if !slices.Equal(p.PatientIDs, []string{th.patient, th.merged}) || !p.Is(typev1.Role_ROLE_PATIENT) || p.ClinicID != th.clinic {
				t.Errorf("%+v", p)
			}
			me, err := c.accounts.GetMe(anna, &directoryv1.GetMeRequest{})
			if err != nil || me.GetAccount().GetAccountId() != th.patientAccount || len(me.GetPatients()) != 1 || me.GetPatients()[0].GetDisplayName() != "Anna Müller" {
				t.Errorf("%v, %v", me, err)
			}
			if _, err := c.accounts.SignOut(anna, &directoryv1.SignOutRequest{}); err != nil {
				t.Error(err)
			}
			_, err = c.accounts.ResolveSession(authn.WithService(t.Context(), "gateway", ""), &directoryv1.ResolveSessionRequest{Token: in.GetToken()})
			if !fault.Is(err, "SESSION_INVALID") || !fault.IsKind(err, fault.Unauthenticated) {
				t.Errorf("after signing out: %v", err)
			}
		})
	})
}
