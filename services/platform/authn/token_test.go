package authn

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/clock"
)

var noon = time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)

// clinician is a principal with every field in use.
func clinician() Principal {
	return Principal{
		Subject: "acc_1", ClinicID: "cln_1",
		Roles:      []typev1.Role{typev1.Role_ROLE_CLINICIAN, typev1.Role_ROLE_PATIENT},
		Profession: typev1.Profession_PROFESSION_PHYSICIAN, PractitionerID: "prac_1",
		PatientIDs: []string{"pat_1", "pat_2"}, SessionID: "ses_1",
	}
}

// bench is a ring of three services and a clock that stands at noon.
type bench struct {
	clock *clock.Fake
	ring  *Keyring
}

func newBench(t testing.TB) bench {
	t.Helper()
	ring, err := GenerateKeyring("gateway", "booking", "plans")
	if err != nil {
		t.Fatal(err)
	}
	return bench{clock: clock.NewFake(noon), ring: ring}
}

func (b bench) signer(t testing.TB, service string) *Signer {
	t.Helper()
	s, err := b.ring.Signer(service, b.clock)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (b bench) sign(t testing.TB, s *Signer, p Principal, audience string) string {
	t.Helper()
	token, err := s.Sign(p, audience)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestWhoATokenShows(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	edge, err := b.ring.EdgeSigner("gateway", b.clock)
	if err != nil {
		t.Fatal(err)
	}
	forwarded := clinician()
	forwarded.Service = "gateway" // as a handler of the gateway would have received it
	tests := map[string]struct {
		signer *Signer
		in     Principal
		want   func(Principal) Principal
	}{
		"a service for a person names both": {b.signer(t, "booking"), clinician(), func(p Principal) Principal {
			p.Service = "booking"
			return p
		}},
		"a service passing on takes the place of the one before": {b.signer(t, "booking"), forwarded, func(p Principal) Principal {
			p.Service = "booking"
			return p
		}},
		"a service alone is subject and service": {b.signer(t, "booking"), Principal{ClinicID: "cln_1"}, func(p Principal) Principal {
			p.Subject, p.Service = "booking", "booking"
			return p
		}},
		"at the edge a person's call is the person's": {edge, forwarded, func(p Principal) Principal {
			p.Service = ""
			return p
		}},
		"the edge in its own name": {edge, Principal{}, func(p Principal) Principal {
			p.Subject, p.Service = "gateway", "gateway"
			return p
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := test.want(test.in)
			want.Audience, want.ExpireTime = "plans", noon.Add(Lifetime)
			token := b.sign(t, test.signer, test.in, "plans")
			verifier := b.ring.Verifier("plans", b.clock)
			for _, try := range []string{"first", "from the cache"} {
				got, err := verifier.Verify(token)
				if err != nil {
					t.Fatalf("%s: %v", try, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", try, diff)
				}
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	b, other := newBench(t), newBench(t)
	booking := b.signer(t, "booking")
	claim := func(issuer string, change func(*Principal)) string { // signed by booking's key, whatever it says
		p := clinician()
		p.Audience = "plans"
		change(&p)
		return string(sealed(appendClaims(nil, issuer, &p), noon.Add(Lifetime), booking.key))
	}
	lifelong := func() string {
		p := clinician()
		p.Audience = "plans"
		return string(sealed(appendClaims(nil, "booking", &p), noon.Add(time.Hour), booking.key))
	}
	more := func() string {
		p := clinician()
		p.Audience = "plans"
		return string(sealed(append(appendClaims(nil, "booking", &p), 0), noon.Add(Lifetime), booking.key))
	}
	good := b.sign(t, booking, clinician(), "plans")
	tests := map[string]struct {
		token string
		want  error
	}{
		"empty":                         {"", ErrMalformed},
		"one byte":                      {"\x01", ErrMalformed},
		"another version":               {"\x02" + good[1:], ErrMalformed},
		"cut short":                     {good[:len(good)-1], ErrMalformed},
		"a byte more":                   {good + "\x00", ErrMalformed},
		"too long":                      {good + strings.Repeat("x", maxToken), ErrMalformed},
		"for another service":           {b.sign(t, booking, clinician(), "directory"), ErrAudience},
		"key of another installation":   {other.sign(t, other.signer(t, "booking"), clinician(), "plans"), ErrIssuer},
		"issuer nobody knows":           {claim("mallory", func(*Principal) {}), ErrIssuer},
		"issuer whose key it is not":    {claim("gateway", func(*Principal) {}), ErrIssuer},
		"service that it is not":        {claim("booking", func(p *Principal) { p.Service = "plans" }), ErrIssuer},
		"claims and a signed byte more": {more(), ErrMalformed},
		"nobody":                        {claim("booking", func(p *Principal) { p.Subject = "" }), ErrMalformed},
		"a lifetime above the longest":  {lifelong(), ErrExpired},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := b.ring.Verifier("plans", b.clock).Verify(test.token)
			if err == nil {
				t.Fatalf("accepted as %+v", p)
			}
			// Cutting or adding a byte moves the signature, so either is a fair name for it.
			if !errors.Is(err, test.want) && !errors.Is(err, ErrIssuer) {
				t.Errorf("err = %v, want %v", err, test.want)
			}
		})
	}
}

func TestNoBitOfATokenCanBeChanged(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	good := b.sign(t, b.signer(t, "booking"), clinician(), "plans")
	verifier := b.ring.Verifier("plans", b.clock)
	for i := range len(good) {
		for bit := range 8 {
			forged := []byte(good)
			forged[i] ^= 1 << bit
			if _, err := verifier.Verify(string(forged)); err == nil {
				t.Fatalf("byte %d bit %d may be changed", i, bit)
			}
		}
	}
}

func TestTokensExpireAlsoFromTheCache(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	verifier := b.ring.Verifier("plans", b.clock)
	token := b.sign(t, b.signer(t, "booking"), clinician(), "plans")
	if _, err := verifier.Verify(token); err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(Lifetime - time.Microsecond)
	if _, err := verifier.Verify(token); err != nil {
		t.Fatalf("a moment before the end: %v", err)
	}
	b.clock.Advance(time.Microsecond)
	if _, err := verifier.Verify(token); !errors.Is(err, ErrExpired) {
		t.Errorf("at the end, cached: err = %v", err)
	}
	if _, err := b.ring.Verifier("plans", b.clock).Verify(token); !errors.Is(err, ErrExpired) {
		t.Errorf("at the end, never seen: err = %v", err)
	}
}

func TestSignRepeatsATokenOnlyWhileItIsFresh(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	signer := b.signer(t, "booking")
	first := b.sign(t, signer, clinician(), "plans")
	b.clock.Advance(Lifetime/2 - time.Microsecond)
	if b.sign(t, signer, clinician(), "plans") != first {
		t.Error("a fresh token was not used again")
	}
	b.clock.Advance(time.Microsecond)
	second := b.sign(t, signer, clinician(), "plans")
	if second == first {
		t.Error("a token in the second half of its life was sent")
	}
	p, err := b.ring.Verifier("plans", b.clock).Verify(second)
	if err != nil {
		t.Fatal(err)
	}
	if want := noon.Add(Lifetime / 2).Add(Lifetime); !p.ExpireTime.Equal(want) {
		t.Errorf("expires %s, want %s", p.ExpireTime, want)
	}
	changed := clinician()
	changed.PatientIDs = changed.PatientIDs[:1]
	if b.sign(t, signer, changed, "plans") == second || b.sign(t, signer, clinician(), "intake") == second {
		t.Error("another principal or audience got the same token")
	}
}

func TestAPrincipalThatDoesNotFit(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := clinician()
	p.PatientIDs = make([]string, 300)
	for i := range p.PatientIDs {
		p.PatientIDs[i] = fmt.Sprintf("pat_%032d", i)
	}
	if _, err := b.signer(t, "booking").Sign(p, "plans"); !errors.Is(err, ErrTooLarge) {
		t.Errorf("err = %v", err)
	}
}

func TestCachesAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	signer, verifier := b.signer(t, "booking"), b.ring.Verifier("plans", b.clock)
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			for i := range cacheSize {
				p := clinician()
				p.Subject = fmt.Sprintf("acc_%d_%d", worker, i)
				token, err := signer.Sign(p, "plans")
				if err != nil {
					t.Error(err)
				}
				if got, err := verifier.Verify(token); err != nil || got.Subject != p.Subject {
					t.Errorf("got %q, %v", got.Subject, err)
				}
			}
		})
	}
	wg.Wait()
	if got := max(signer.cache.size(), verifier.cache.size()); got > 2*cacheSize {
		t.Errorf("a cache grew to %d", got)
	}
}

func FuzzVerify(f *testing.F) {
	b := newBench(f)
	verifier := b.ring.Verifier("plans", b.clock)
	good := b.sign(f, b.signer(f, "booking"), clinician(), "plans")
	f.Add([]byte(good))
	f.Add([]byte(good[:80]))
	f.Add(append([]byte{tokenVersion, 0xff, 0xff, 0xff, 0xff, 0x0f}, good...))
	f.Fuzz(func(t *testing.T, token []byte) {
		if p, err := verifier.Verify(string(token)); err == nil && string(token) != good {
			t.Fatalf("a token that nobody signed shows %+v", p)
		}
	})
}

func BenchmarkSignAgain(b *testing.B) {
	bench := newBench(b)
	signer := bench.signer(b, "booking")
	p := clinician()
	b.ReportAllocs()
	for b.Loop() {
		bench.sign(b, signer, p, "plans")
	}
}

func BenchmarkVerifyAgain(b *testing.B) {
	bench := newBench(b)
	token := bench.sign(b, bench.signer(b, "booking"), clinician(), "plans")
	verifier := bench.ring.Verifier("plans", bench.clock)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verifier.Verify(token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignAndVerifyFirst(b *testing.B) {
	bench := newBench(b)
	p := clinician()
	b.ReportAllocs()
	for b.Loop() {
		token := bench.sign(b, bench.signer(b, "booking"), p, "plans")
		if _, err := bench.ring.Verifier("plans", bench.clock).Verify(token); err != nil {
			b.Fatal(err)
		}
	}
}
