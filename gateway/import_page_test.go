package gateway_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

// imports is a small import service: the second row of everything is in conflict.
type imports struct {
	directoryv1.UnimplementedImportServiceServer
	requests []*directoryv1.ImportPatientsRequest
}

func (s *imports) ImportPatients(_ context.Context, in *directoryv1.ImportPatientsRequest) (*directoryv1.ImportPatientsResponse, error) {
	s.requests = append(s.requests, in)
	out := &directoryv1.ImportPatientsResponse{}
	for i, row := range in.GetRows() {
		o := &directoryv1.ImportOutcome{Row: row.GetRow(), ExternalId: row.GetExternalId(), Outcome: "IMPORTED"}
		if i == 1 {
			o.Outcome, o.Reason, o.OtherIds = "CONFLICT", "POSSIBLE_DUPLICATE", []string{"pat_2"}
		}
		out.Outcomes = append(out.Outcomes, o)
	}
	return out, nil
}

// uploadCSV sends a form with a file of people.
func (b *browser) uploadCSV(t *testing.T, path, file string, fields ...string) answer {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for i := 0; i+1 < len(fields); i += 2 {
		if err := form.WriteField(fields[i], fields[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if file != "" {
		part, err := form.CreateFormFile("file", "people.csv")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, file); err != nil {
			t.Fatal(err)
		}
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.w.url+path, &body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := b.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{res.StatusCode, res.Header, string(text)}
	checkHTML(t, "upload to "+path, a)
	return a
}

func TestImportPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(admin)
	b.get("/admin/import").wants(t, 200, "Import from another system", "Nothing is changed until you tick the last box.")
	const file = "id,given_name,family_name,birth_date,colour\n1,Ana,Secretname,1980-01-01,blue\n2,Bo,Stone,1980-01-02,\n3,Cy,Ford,3/4/1980,\n"
	b.uploadCSV(t, "/admin/import", "", "kind", "patient", "source", "CSV", "dates", "none").wants(t, 422, "Choose a file", `href="#file"`)
	b.uploadCSV(t, "/admin/import", "id\n1\n", "kind", "patient", "source", "CSV", "dates", "none").wants(t, 422, "no column for given_name")
	b.uploadCSV(t, "/admin/import", file, "kind", "patient", "source", "", "dates", "none").wants(t, 422, "Enter a code for the other system")
	b.uploadCSV(t, "/admin/import", file, "kind", "patient", "source", "CSV", "dates", "none").
		wants(t, 200, "Nothing was changed.", "1 imported, 0 here already, 1 in conflict, 1 refused", "POSSIBLE_DUPLICATE", "pat_2", "AMBIGUOUS_DATE birth_date", "colour").lacks(t, "Secretname")
	b.uploadCSV(t, "/admin/import", file, "kind", "patient", "source", "CSV", "dates", "dmy", "apply", "yes").wants(t, 200, "This is what was done.", "2 imported")
	dry, applied := w.dir.imports.requests[0], w.dir.imports.requests[1]
	if !dry.GetDryRun() || applied.GetDryRun() || len(dry.GetRows()) != 2 || len(applied.GetRows()) != 3 || applied.GetRows()[2].GetPatient().GetBirthDate() != "1980-04-03" {
		t.Errorf("dry %v, applied %v", dry, applied)
	}
	b.uploadCSV(t, "/admin/import", strings.Repeat("a", 2<<20), "kind", "patient").wants(t, 413, "That is too much")
	for _, token := range []string{reception, clinician, patient} {
		w.browser(token).get("/admin/import").wants(t, 403)
		w.browser(token).uploadCSV(t, "/admin/import", file, "kind", "patient", "source", "CSV").wants(t, 403)
	}
	b.uploadCSV(t, "/sign-out", file).wants(t, 415) // no other page takes files
}
