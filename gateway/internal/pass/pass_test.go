package pass

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	now   = time.Date(2026, 11, 24, 18, 0, 0, 0, time.UTC)
	grant = Grant{ClinicID: "cln_1", PatientID: "pat_1", AppointmentID: "apt_1", ExpireTime: now.Add(time.Hour)}
)

func sealer(t interface {
	Helper()
	Fatal(args ...any)
}, fill byte,
) *Sealer {
	t.Helper()
	s, err := New(bytes.Repeat([]byte{fill}, KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, word := sealer(t, 7), rapid.StringMatching(`[a-z]{0,4}_?[A-Z0-9]{0,26}`)
		g := Grant{
			ClinicID: word.Draw(t, "clinic"), PatientID: word.Draw(t, "patient"), AppointmentID: word.Draw(t, "appointment"),
			TypeID: word.Draw(t, "type"), PlanID: word.Draw(t, "plan"), CourseID: word.Draw(t, "course"), OfferID: word.Draw(t, "offer"),
			ExpireTime: now.Add(time.Duration(rapid.IntRange(1, 1e6).Draw(t, "seconds")) * time.Second),
		}
		text := s.Seal(g)
		got, err := s.Open(text, now)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(g, got); diff != "" {
			t.Fatal(diff)
		}
		if g.PatientID != "" && len(g.PatientID) > 3 && strings.Contains(text, g.PatientID) {
			t.Fatal("the link shows the patient")
		}
	})
}

// TestNoOtherLinkWorks edits a link in every place, and tries what else somebody may try: all
// of it gets the one answer.
func TestNoOtherLinkWorks(t *testing.T) {
	t.Parallel()
	s := sealer(t, 7)
	text := s.Seal(grant)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	var tried []string
	for i := range raw {
		for bit := range 8 {
			edited := bytes.Clone(raw)
			edited[i] ^= 1 << bit
			tried = append(tried, base64.RawURLEncoding.EncodeToString(edited))
		}
	}
	for n := range text {
		tried = append(tried, text[:n])
	}
	tried = append(tried, "", "x", text+"A", text+"=", strings.ToUpper(text), strings.Repeat("A", 5000), sealer(t, 8).Seal(grant), text+"/../x")
	for _, edited := range tried {
		if edited == text {
			continue
		}
		if g, err := s.Open(edited, now); !errors.Is(err, ErrBad) || g != (Grant{}) {
			t.Fatalf("%q is read as %v, %v", edited, g, err)
		}
	}
	if _, err := s.Open(text, grant.ExpireTime); !errors.Is(err, ErrBad) {
		t.Errorf("expired: %v", err)
	}
	if _, err := s.Open(text, grant.ExpireTime.Add(-time.Second)); err != nil {
		t.Errorf("a second before: %v", err)
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	other, later := grant, grant
	other.AppointmentID = "apt_2"
	later.ExpireTime = now.Add(9 * time.Hour)
	if grant.Subject() == other.Subject() || grant.Subject() != later.Subject() {
		t.Error("a subject stands for one thing, however long its link is good")
	}
	if strings.Contains(grant.Subject(), "pat_1") {
		t.Error("the subject names the patient")
	}
}

func TestKeySize(t *testing.T) {
	t.Parallel()
	if _, err := New([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}

func FuzzOpen(f *testing.F) {
	s := sealer(f, 7)
	f.Add(s.Seal(grant))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := s.Open(text, now)
		if err == nil && g != grant { // nobody can make a link but with the key
			t.Errorf("%q is read as %v", text, g)
		}
	})
}

// TestLinksOfBefore: a link that was made before offers had links still opens.
func TestLinksOfBefore(t *testing.T) {
	t.Parallel()
	s := sealer(t, 7)
	g := grant
	note := binary.AppendVarint([]byte{withoutOffer}, g.ExpireTime.Unix())
	for _, field := range []string{g.ClinicID, g.PatientID, g.AppointmentID, g.TypeID, g.PlanID, g.CourseID} {
		note = append(binary.AppendUvarint(note, uint64(len(field))), field...)
	}
	text := base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, note, purpose))
	got, err := s.Open(text, now)
	if err != nil || got != g || got.Subject() != g.Subject() {
		t.Errorf("opened %v: %v", got, err)
	}
}
