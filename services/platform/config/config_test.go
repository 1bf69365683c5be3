package config_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/services/platform/config"
)

type settings struct {
	Listen string `help:"Address to listen on." default:"127.0.0.1:8080"`
	Data   string `help:"Folder for everything that is kept."`
}

func parse(t *testing.T, args ...string) (settings, error) {
	t.Helper()
	var s settings
	_, err := config.Parse(&s, config.Options{Name: "program", Args: args, Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
	return s, err
}

func TestDefaultsWork(t *testing.T) {
	t.Parallel()
	if s, err := parse(t); err != nil || s.Listen != "127.0.0.1:8080" {
		t.Errorf("%+v, %v", s, err)
	}
}

// A flag beats a variable, a variable beats the file, the file beats the default.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "upright.json")
	if err := os.WriteFile(file, []byte(`{"listen": "file:1", "data": "/from/file"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := parse(t, "--config", file); err != nil || s.Listen != "file:1" || s.Data != "/from/file" {
		t.Errorf("file: %+v, %v", s, err)
	}
	t.Setenv("UPRIGHT_LISTEN", "environment:1")
	if s, err := parse(t, "--config", file); err != nil || s.Listen != "environment:1" || s.Data != "/from/file" {
		t.Errorf("environment: %+v, %v", s, err)
	}
	if s, err := parse(t, "--config", file, "--listen", "flag:1"); err != nil || s.Listen != "flag:1" {
		t.Errorf("flag: %+v, %v", s, err)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--lissten", "x"}, {"--config", "/there/is/none.json"}, {"stray"}} {
		if _, err := parse(t, args...); err == nil || !strings.Contains(err.Error(), strings.TrimLeft(args[len(args)-1], "-")) && !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
