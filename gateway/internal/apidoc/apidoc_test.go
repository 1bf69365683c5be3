package apidoc_test

import (
	"strings"
	"testing"

	"github.com/upright-clinic/upright/gateway/internal/apidoc"
	openapi "github.com/upright-clinic/upright/proto"
)

func TestParseTheDocument(t *testing.T) {
	t.Parallel()
	api, err := apidoc.Parse(openapi.Document)
	if err != nil {
		t.Fatal(err)
	}
	g := api.Group("AppointmentService")
	if g == nil || g.Description == "" {
		t.Fatalf("no AppointmentService in %d groups", len(api.Groups))
	}
	for _, op := range g.Operations {
		if op.Method == "POST" && op.Path == "/v1/appointments" {
			checkCreate(t, g, op)
			return
		}
	}
	t.Error("POST /v1/appointments is missing")
}

func checkCreate(t *testing.T, g *apidoc.Group, op apidoc.Operation) {
	t.Helper()
	if op.Answer != "upright.booking.v1.Appointment" || len(op.Access) == 0 {
		t.Errorf("%+v", op)
	}
	fields := map[string]apidoc.Field{}
	for _, f := range append(op.Body, op.Parameters...) {
		fields[f.Name] = f
	}
	if f := fields["appointment_type_id"]; !f.Required || f.Type != "string" || f.Description == "" {
		t.Errorf("appointment_type_id: %+v", f)
	}
	if f := fields["mode"]; f.Type != "one of IN_PERSON, ONLINE, TELEPHONE" {
		t.Errorf("mode: %+v", f)
	}
	if f := fields["Idempotency-Key"]; f.In != "header" {
		t.Errorf("Idempotency-Key: %+v", f)
	}
	for _, s := range g.Schemas {
		for _, f := range s.Fields {
			if strings.ToLower(f.Name) != f.Name {
				t.Errorf("%s.%s is not named as in the proto", s.Name, f.Name)
			}
		}
	}
}

func TestParseRefusesOther(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{"", "{}", `{"openapi":"2.0"}`} {
		if _, err := apidoc.Parse([]byte(doc)); err == nil {
			t.Errorf("%q was taken", doc)
		}
	}
}
