package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/fault"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// directory is a small one: tokens and whom they belong to.
type directory struct {
	mu     sync.Mutex
	owners map[string]string
	down   error
	asked  int
	used   int
}

func (d *directory) resolve(_ context.Context, token string, background bool) (*Session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if !background {
		d.used++
	}
	if d.down != nil {
		return nil, d.down
	}
	owner, ok := d.owners[token]
	if !ok {
		return nil, SignedOut()
	}
	return &Session{Principal: authn.Principal{Subject: owner}, ExpireTime: noon.Add(12 * time.Hour)}, nil
}

func (d *directory) set(token, owner string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.owners[token] = owner
	if owner == "" {
		delete(d.owners, token)
	}
}

func setup() (*directory, *clock.Fake, *Cache) {
	d := &directory{owners: map[string]string{"t1": "acc_1", "t2": "acc_2"}}
	c := clock.NewFake(noon)
	return d, c, NewCache(d.resolve, c)
}

// who is the account of a token, or the reason why there is none.
func who(t *testing.T, c *Cache, token string) string {
	t.Helper()
	s, err := c.Resolve(t.Context(), token, false)
	if err != nil {
		return fault.From(err).Reason
	}
	return s.Principal.Subject
}

func TestAnswersAreKeptForOneSecond(t *testing.T) {
	t.Parallel()
	d, now, c := setup()
	for range 5 {
		if got := who(t, c, "t1"); got != "acc_1" {
			t.Fatal(got)
		}
		if got := who(t, c, "unknown"); got != "UNAUTHENTICATED" {
			t.Fatal(got)
		}
	}
	if d.asked != 2 {
		t.Errorf("asked %d times, want once for each token", d.asked)
	}
	d.set("t1", "") // revoked elsewhere, or the account was disabled
	now.Advance(TTL - time.Microsecond)
	if got := who(t, c, "t1"); got != "acc_1" {
		t.Errorf("before the second is over: %s", got)
	}
	now.Advance(time.Microsecond)
	if got := who(t, c, "t1"); got != "UNAUTHENTICATED" {
		t.Errorf("after the second: %s", got)
	}
}

func TestSigningOutHereIsFeltAtOnce(t *testing.T) {
	t.Parallel()
	d, now, c := setup()
	who(t, c, "t1")
	c.Forget("t1")
	if got := who(t, c, "t1"); got != "UNAUTHENTICATED" {
		t.Errorf("right after: %s", got)
	}
	if got := who(t, c, "t2"); got != "acc_2" {
		t.Errorf("another session: %s", got)
	}
	d.set("t1", "")
	now.Advance(time.Minute)
	if got := who(t, c, "t1"); got != "UNAUTHENTICATED" {
		t.Errorf("a minute later: %s", got)
	}
}

// TestAnswerUnderWayDoesNotBringASessionBack signs out while the directory is still about
// to say that the session is good.
func TestAnswerUnderWayDoesNotBringASessionBack(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan struct{}), make(chan struct{})
	c := NewCache(func(context.Context, string, bool) (*Session, error) {
		close(asked)
		<-goOn
		return &Session{Principal: authn.Principal{Subject: "acc_1"}, ExpireTime: noon.Add(time.Hour)}, nil
	}, clock.NewFake(noon))
	got := make(chan error)
	go func() {
		_, err := c.Resolve(t.Context(), "t1", false)
		got <- err
	}()
	<-asked
	c.Forget("t1")
	close(goOn)
	if err := <-got; !fault.IsKind(err, fault.Unauthenticated) {
		t.Errorf("the one who waited got %v", err)
	}
	if reason := who(t, c, "t1"); reason != "UNAUTHENTICATED" {
		t.Errorf("the next one got %s", reason)
	}
}

func TestNobodyIsLetInWhenTheDirectoryIsDown(t *testing.T) {
	t.Parallel()
	d, now, c := setup()
	who(t, c, "t1")
	d.down = fault.New(fault.Unavailable, "UNAVAILABLE", "down")
	if got := who(t, c, "t1"); got != "acc_1" {
		t.Errorf("within the second: %s", got)
	}
	now.Advance(TTL)
	if got := who(t, c, "t1"); got != "UNAVAILABLE" {
		t.Errorf("after it: %s", got)
	}
	d.down = nil
	if got := who(t, c, "t1"); got != "acc_1" {
		t.Errorf("once it is back: %s", got)
	}
}

func TestSessionEndsWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	now := clock.NewFake(noon)
	c := NewCache(func(context.Context, string, bool) (*Session, error) {
		if now.Now().Before(noon.Add(100 * time.Millisecond)) {
			return &Session{ExpireTime: noon.Add(100 * time.Millisecond)}, nil
		}
		return nil, SignedOut()
	}, now)
	who(t, c, "t1")
	now.Advance(100 * time.Millisecond)
	if got := who(t, c, "t1"); got != "UNAUTHENTICATED" {
		t.Errorf("expired: %s", got)
	}
}

func TestManyAtOnceAskOnce(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	goOn := make(chan struct{})
	c := NewCache(func(context.Context, string, bool) (*Session, error) {
		asked.Add(1)
		<-goOn
		return &Session{ExpireTime: noon.Add(time.Hour)}, nil
	}, clock.NewFake(noon))
	var done sync.WaitGroup
	for range 32 {
		done.Go(func() {
			if _, err := c.Resolve(t.Context(), "t1", false); err != nil {
				t.Error(err)
			}
		})
	}
	close(goOn)
	done.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestWhoGivesUpDoesNotTakeTheOthersAlong(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan struct{}), make(chan struct{})
	c := NewCache(func(ctx context.Context, _ string, _ bool) (*Session, error) {
		close(asked)
		<-goOn
		return &Session{ExpireTime: noon.Add(time.Hour)}, ctx.Err()
	}, clock.NewFake(noon))
	first, cancel := context.WithCancel(t.Context())
	got := make(chan error, 2)
	go func() {
		_, err := c.Resolve(first, "t1", false)
		got <- err
	}()
	<-asked
	cancel()
	if err := <-got; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	go func() {
		_, err := c.Resolve(t.Context(), "t1", false)
		got <- err
	}()
	close(goOn)
	if err := <-got; err != nil {
		t.Errorf("who stayed got %v", err)
	}
}

func TestBackgroundIsNoUseAndHidesNone(t *testing.T) {
	t.Parallel()
	d, now, c := setup()
	background := func() {
		if _, err := c.Resolve(t.Context(), "t1", true); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		now.Advance(TTL)
		background()
		background()
	}
	if d.asked != 3 || d.used != 0 {
		t.Errorf("a screen alone: asked %d, used %d; want 3, 0", d.asked, d.used)
	}
	who(t, c, "t1") // within the second of the background's answer
	if d.used != 1 {
		t.Error("the directory was not told of the person")
	}
	background()
	who(t, c, "t1")
	if d.asked != 4 {
		t.Errorf("asked %d times, want 4", d.asked)
	}
}

func TestFloodOfTokensIsBounded(t *testing.T) {
	t.Parallel()
	_, now, c := setup()
	for i := range shards*maxEntries + 10_000 {
		if i%5000 == 0 {
			now.Advance(TTL / 100)
		}
		_, _ = c.Resolve(t.Context(), fmt.Sprint("guess", i), false)
	}
	if n := c.size(); n > shards*maxEntries {
		t.Errorf("%d entries", n)
	}
}

func BenchmarkResolve(b *testing.B) {
	_, _, c := setup()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Resolve(b.Context(), "t1", false); err != nil {
			b.Fatal(err)
		}
	}
}
