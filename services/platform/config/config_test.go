package config_test

import (
	"bytes"
	"fmt"
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

// A mistyped key in the file is not a setting that silently is not made.
func TestUnknownKeyInTheFileIsNamed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{`{"lisen": "x"}`: "lisen", `{"Listen": "x"}`: "Listen", `[1]`: "JSON object", `{"listen": `: "JSON object"} {
		file := filepath.Join(t.TempDir(), "upright.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := parse(t, "--config", file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Commands get their flags, what is bound, and a place in the help.
func TestCommandsAndHelp(t *testing.T) {
	t.Parallel()
	var cli struct {
		Quiet bool  `help:"Say less."`
		Serve serve `cmd:"" help:"Serve the clinic."`
	}
	ran := &strings.Builder{}
	out := &bytes.Buffer{}
	o := config.Options{Name: "program", Description: "What it is for.", Args: []string{"serve", "--port=7"}, Out: out, Err: out, Bindings: []any{ran}}
	c, err := config.Parse(&cli, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(); err != nil || ran.String() != "port 7" {
		t.Errorf("%q, %v", ran, err)
	}
	o.Args, o.Exit = []string{"--help"}, func(int) {}
	_, _ = config.Parse(&cli, o)
	for _, want := range []string{"What it is for.", "serve", "Serve the clinic.", "--quiet", "Say less", "UPRIGHT_QUIET", "--config"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the help lacks %q:\n%s", want, out)
		}
	}
}

type serve struct {
	Port int `help:"Port to listen on." default:"8080"`
}

func (s *serve) Run(out *strings.Builder) error {
	_, err := fmt.Fprintf(out, "port %d", s.Port)
	return err
}
