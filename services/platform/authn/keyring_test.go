package authn_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
)

// writePairs makes key files for services in a new folder.
func writePairs(t *testing.T, services ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, service := range services {
		if err := authn.WriteKeyPair(dir, service); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestKeyringFromAFolder(t *testing.T) {
	t.Parallel()
	dir := writePairs(t, "booking", "plans")
	// As on the machine of plans: its own private key, everyone's public one.
	if err := os.Remove(filepath.Join(dir, "booking.key")); err != nil {
		t.Fatal(err)
	}
	all, err := authn.LoadKeyring(writePairs(t, "booking"))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := authn.LoadKeyring(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"booking", "plans"}, ring.Trusted()); diff != "" {
		t.Errorf("trusted (-want +got):\n%s", diff)
	}
	if _, err := ring.Signer("booking", clock.System); err == nil {
		t.Error("signs for booking without its key")
	}
	plans, err := ring.Signer("plans", clock.System)
	if err != nil {
		t.Fatal(err)
	}
	token, err := plans.Sign(authn.Principal{}, "plans")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Verifier("plans", clock.System).Verify(token); err != nil {
		t.Errorf("own token: %v", err)
	}
	impostor, err := all.Signer("booking", clock.System)
	if err != nil {
		t.Fatal(err)
	}
	if token, err = impostor.Sign(authn.Principal{}, "plans"); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Verifier("plans", clock.System).Verify(token); !errors.Is(err, authn.ErrIssuer) {
		t.Errorf("another booking's token: err = %v", err)
	}
}

func TestKeyFilesThatAreNoGood(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"private key open to everyone": {func(t *testing.T, dir string) {
			chmod(t, filepath.Join(dir, "booking.key"), 0o644)
		}, "chmod 600"},
		"halves of two pairs": {func(t *testing.T, dir string) {
			other := writePairs(t, "booking")
			text, err := os.ReadFile(filepath.Join(other, "booking.pub"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "booking.pub"), string(text))
		}, "do not belong together"},
		"no PEM": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "booking.pub"), "hello")
		}, "no PEM block"},
		"public where private belongs": {func(t *testing.T, dir string) {
			text, err := os.ReadFile(filepath.Join(dir, "booking.pub"))
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "booking.key"), string(text))
		}, `no PEM block "PRIVATE KEY"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := writePairs(t, "booking")
			test.spoil(t, dir)
			_, err := authn.LoadKeyring(dir)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("err = %v, want %q", err, test.want)
			}
		})
	}
	if _, err := authn.LoadKeyring(filepath.Join(t.TempDir(), "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: err = %v", err)
	}
}

func TestKeysAreNotReplaced(t *testing.T) {
	t.Parallel()
	dir := writePairs(t, "booking")
	if err := authn.WriteKeyPair(dir, "booking"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("err = %v", err)
	}
	info, err := os.Stat(filepath.Join(dir, "booking.key"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode of the private key is %s", info.Mode().Perm())
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSecretIsTheKeysOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, service := range []string{"gateway", "booking"} {
		if err := authn.WriteKeyPair(dir, service); err != nil {
			t.Fatal(err)
		}
	}
	secret := func(service, purpose string) string {
		t.Helper()
		ring, err := authn.LoadKeyring(dir) // another process
		if err != nil {
			t.Fatal(err)
		}
		got, err := ring.Secret(service, purpose)
		if err != nil || len(got) != authn.SecretSize {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		return string(got)
	}
	if first, second := secret("gateway", "links"), secret("gateway", "links"); first != second {
		t.Error("two processes with the key have different secrets")
	}
	if secret("gateway", "links") == secret("gateway", "other") || secret("gateway", "links") == secret("booking", "links") {
		t.Error("a secret is used for two things")
	}
	if _, err := (&authn.Keyring{}).Secret("gateway", "links"); err == nil {
		t.Error("a secret without a key")
	}
}
