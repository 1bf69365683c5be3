package app

import (
	"testing"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

func TestCreateAccount(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		prac, err := b.CreatePractitioner(b.admin, nil, people.Practitioner{FamilyName: "Feld", Profession: "PHYSIOTHERAPIST", Active: true})
		if err != nil {
			t.Fatal(err)
		}
		patient := b.newPatient("Anna", "Müller")
		create := func(a people.Account, password string) (people.Account, error) {
			return b.CreateAccount(b.admin, nil, a, password)
		}
		physio := people.Account{Email: "physio@demo.clinic", Roles: []string{"CLINICIAN"}, PractitionerID: prac.ID}
		made, err := create(physio, staffPassword)
		if err != nil || made.Profession != "PHYSIOTHERAPIST" || made.Version != 1 {
			t.Fatalf("%+v, %v", made, err)
		}
		who, err := b.ResolveSession(t.Context(), b.signIn("physio@demo.clinic", staffPassword).Token, false)
		if err != nil || who.Account.Profession != "PHYSIOTHERAPIST" || who.Account.PractitionerID != prac.ID {
			t.Errorf("%+v, %v", who.Account, err)
		}
		anna := people.Account{Email: "anna@example.org", Roles: []string{"PATIENT"}, PatientID: patient.ID}
		if _, err := create(anna, patientPassword); err != nil {
			t.Error(err)
		}
		for name, test := range map[string]struct {
			account  people.Account
			password string
			want     string
		}{
			"address taken":         {people.Account{Email: "PHYSIO@demo.clinic", Roles: []string{"ADMIN"}}, staffPassword, "EMAIL_TAKEN"},
			"practitioner has one":  {people.Account{Email: "p2@demo.clinic", Roles: []string{"CLINICIAN"}, PractitionerID: prac.ID}, staffPassword, "ACCOUNT_EXISTS"},
			"patient has one":       {people.Account{Email: "a2@example.org", Roles: []string{"PATIENT"}, PatientID: patient.ID}, patientPassword, "ACCOUNT_EXISTS"},
			"no such practitioner":  {people.Account{Email: "p2@demo.clinic", Roles: []string{"CLINICIAN"}, PractitionerID: "prac_x"}, staffPassword, "INVALID_ARGUMENT"},
			"no such patient":       {people.Account{Email: "p2@demo.clinic", Roles: []string{"PATIENT"}, PatientID: "pat_x"}, staffPassword, "INVALID_ARGUMENT"},
			"too short for staff":   {people.Account{Email: "p2@demo.clinic", Roles: []string{"ADMIN"}}, "ten: chars", "PASSWORD_WEAK"},
			"patient mixed in":      {people.Account{Email: "p2@demo.clinic", Roles: []string{"ADMIN", "PATIENT"}, PatientID: patient.ID}, staffPassword, "INVALID_ARGUMENT"},
			"name of the clinic":    {people.Account{Email: "p2@demo.clinic", Roles: []string{"ADMIN"}}, "backclinic12", "PASSWORD_WEAK"},
			"address as a password": {people.Account{Email: "wolfgang@demo.clinic", Roles: []string{"ADMIN"}}, "wolfgang1234", "PASSWORD_WEAK"},
		} {
			if _, err := create(test.account, test.password); err == nil {
				t.Errorf("%s passed", name)
			} else {
				b.refused(err, test.want)
			}
		}
		_, err = b.GetAccount(b.stranger, made.ID)
		b.refused(err, "NOT_FOUND")
		list, _, err := b.ListAccounts(b.admin, "", Page{})
		if err != nil || len(list) != 1 || list[0].ID != made.ID {
			t.Errorf("staff: %v, %v", list, err)
		}
		if list, _, err = b.ListAccounts(b.admin, "PATIENT", Page{}); err != nil || len(list) != 1 {
			t.Errorf("patients: %v, %v", list, err)
		}
	})
}

func TestCreateAccountOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		ctx := requestid.With(b.admin, "account-1")
		errs := make([]error, 8)
		parallel(len(errs), func(i int) {
			_, errs[i] = b.CreateAccount(ctx, []byte("same"), people.Account{Email: "ida@demo.clinic", Roles: []string{"ADMIN"}}, staffPassword)
		})
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		parallel(len(errs), func(i int) {
			_, errs[i] = b.CreateAccount(b.admin, nil, people.Account{Email: "ida@demo.clinic", Roles: []string{"ADMIN"}}, staffPassword)
		})
		for _, err := range errs {
			if !fault.IsKind(err, fault.AlreadyExists) {
				t.Errorf("%v, want EMAIL_TAKEN or ACCOUNT_EXISTS", err)
			}
		}
		if n := b.count(`select count(*) from accounts`); n != 1 {
			t.Errorf("%d accounts", n)
		}
	})
}

// However they try at once, the clinic keeps an admin.
func TestLastAdmin(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		var ids []string
		for _, email := range []string{"a@demo.clinic", "b@demo.clinic", "c@demo.clinic"} {
			ids = append(ids, b.newStaff(email, "ADMIN").ID)
		}
		errs := make([]error, len(ids))
		parallel(len(ids), func(i int) {
			_, errs[i] = b.UpdateAccount(b.admin, nil, Change[people.Account]{ID: ids[i], Apply: func(a people.Account) (people.Account, error) {
				if i == 0 {
					a.State = people.StateDisabled
				} else {
					a.Roles = []string{"RECEPTIONIST"}
				}
				return a, nil
			}})
		})
		refused := 0
		for _, err := range errs {
			if err != nil {
				b.refused(err, "LAST_ADMIN")
				refused++
			}
		}
		if n := b.count(`select count(*) from accounts where roles = 'ADMIN' and state = 'ACTIVE'`); n != 1 || refused != 1 {
			t.Errorf("%d admins are left, %d were refused", n, refused)
		}
	})
}

func TestUpdateAccountIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("a@demo.clinic", "ADMIN")
		account := b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		patient := b.newPatient("Anna", "Müller")
		for name, test := range map[string]struct {
			etag  string
			apply func(a *people.Account)
			want  string
		}{
			"old version":       {"7", func(*people.Account) {}, "VERSION_MISMATCH"},
			"address taken":     {"1", func(a *people.Account) { a.Email = "A@demo.clinic" }, "EMAIL_TAKEN"},
			"becomes a patient": {"1", func(a *people.Account) { a.Roles, a.PatientID = []string{"PATIENT"}, patient.ID }, "INVALID_ARGUMENT"},
			"no roles":          {"1", func(a *people.Account) { a.Roles = nil }, "INVALID_ARGUMENT"},
			"clinician":         {"1", func(a *people.Account) { a.Roles = []string{"CLINICIAN"} }, "INVALID_ARGUMENT"},
		} {
			_, err := b.UpdateAccount(b.admin, nil, Change[people.Account]{ID: account.ID, Etag: test.etag, Apply: func(a people.Account) (people.Account, error) {
				test.apply(&a)
				return a, nil
			}})
			if err == nil {
				t.Errorf("%s passed", name)
			} else {
				b.refused(err, test.want)
			}
		}
		_, err := b.UpdateAccount(b.stranger, nil, Change[people.Account]{ID: account.ID})
		b.refused(err, "NOT_FOUND")
		_, err = b.SetPassword(b.stranger, nil, account.ID, "eleven blue doors")
		b.refused(err, "NOT_FOUND")
	})
}

func TestGrantProxyIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		staff := b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		rosa := b.register("rosa@example.org")
		account := b.signIn("rosa@example.org", patientPassword).Account
		child, gone := b.newPatient("Kim", "Neu"), b.newPatient("Kim", "Alt")
		if _, err := b.MergePatients(b.reception, nil, gone.ID, child.ID, ""); err != nil {
			t.Fatal(err)
		}
		theirs, err := b.CreatePatient(b.stranger, nil, muster("Cy", "Clay"))
		if err != nil {
			t.Fatal(err)
		}
		for name, test := range map[string]struct {
			proxy people.Proxy
			want  string
		}{
			"staff acts":                {people.Proxy{AccountID: staff.ID, PatientID: child.ID}, "INVALID_ARGUMENT"},
			"for oneself":               {people.Proxy{AccountID: account.ID, PatientID: rosa.ID}, "INVALID_ARGUMENT"},
			"for a merged record":       {people.Proxy{AccountID: account.ID, PatientID: gone.ID}, "PATIENT_MERGED"},
			"for nobody":                {people.Proxy{AccountID: account.ID, PatientID: "pat_x"}, "INVALID_ARGUMENT"},
			"for another clinic's":      {people.Proxy{AccountID: account.ID, PatientID: theirs.ID}, "INVALID_ARGUMENT"},
			"nobody acts":               {people.Proxy{AccountID: "acc_x", PatientID: child.ID}, "NOT_FOUND"},
			"ended yesterday in Vienna": {people.Proxy{AccountID: account.ID, PatientID: child.ID, ExpireDate: rosa.BirthDate}, "INVALID_ARGUMENT"},
		} {
			if _, err := b.GrantProxy(b.admin, nil, test.proxy); err == nil {
				t.Errorf("%s passed", name)
			} else {
				b.refused(err, test.want)
			}
		}
		_, err = b.GrantProxy(b.stranger, nil, people.Proxy{AccountID: account.ID, PatientID: child.ID})
		b.refused(err, "NOT_FOUND")
		if list, err := b.ListProxies(b.admin, "", child.ID); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		_, err = b.ListProxies(b.admin, "", "")
		b.refused(err, "INVALID_ARGUMENT")
	})
}
