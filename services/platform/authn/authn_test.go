package authn_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
)

func TestContext(t *testing.T) {
	t.Parallel()
	if p, ok := authn.From(t.Context()); ok {
		t.Errorf("an empty context has the caller %+v", p)
	}
	want := authn.Principal{Subject: "acc_1", ClinicID: "cln_1", PatientIDs: []string{"pat_1"}}
	got, ok := authn.From(authn.With(t.Context(), want))
	if !ok || !cmp.Equal(want, got) {
		t.Errorf("got %+v, %t", got, ok)
	}
	service, ok := authn.From(authn.WithService(t.Context(), "booking", "cln_1"))
	if !ok || !service.IsService() || service.ClinicID != "cln_1" {
		t.Errorf("got %+v, %t", service, ok)
	}
}

func TestWhatAPrincipalMay(t *testing.T) {
	t.Parallel()
	patient := authn.Principal{
		Subject: "acc_1", Roles: []typev1.Role{typev1.Role_ROLE_PATIENT}, PatientIDs: []string{"pat_1"},
	}
	receptionist := authn.Principal{Subject: "acc_2", Roles: []typev1.Role{typev1.Role_ROLE_RECEPTIONIST}}
	both := authn.Principal{
		Subject: "acc_3", PatientIDs: []string{"pat_3"},
		Roles: []typev1.Role{typev1.Role_ROLE_PATIENT, typev1.Role_ROLE_CLINICIAN},
	}
	booking := authn.Principal{Subject: "booking", Service: "booking"}
	bookingForPatient := patient
	bookingForPatient.Service = "booking"
	tests := map[string]struct {
		principal                      authn.Principal
		staff, service, own, other, no bool // no: the empty patient id
	}{
		"nobody":                {authn.Principal{}, false, false, false, false, false},
		"patient":               {patient, false, false, true, false, false},
		"receptionist":          {receptionist, true, false, true, true, true},
		"clinician and patient": {both, true, false, true, true, true},
		"service alone":         {booking, false, true, true, true, true},
		"service for a patient": {bookingForPatient, false, false, true, false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := test.principal
			if p.IsStaff() != test.staff || p.IsService() != test.service {
				t.Errorf("staff %t, service %t", p.IsStaff(), p.IsService())
			}
			if p.SeesPatient("pat_1") != test.own || p.SeesPatient("pat_9") != test.other || p.SeesPatient("") != test.no {
				t.Errorf("sees own %t, other %t, none %t", p.SeesPatient("pat_1"), p.SeesPatient("pat_9"), p.SeesPatient(""))
			}
			if p.Is() {
				t.Error("has one of no roles")
			}
		})
	}
}
