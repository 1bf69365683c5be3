// Package config reads a program's settings from flags, the environment and a file, in that
// order of precedence, into a struct whose zero values work.
//
// A field `Listen string` is the flag --listen, the variable UPRIGHT_LISTEN and the key
// "listen" of the JSON file named by --config. The struct's tags carry help and defaults.
package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Prefix starts the name of every environment variable.
const Prefix = "UPRIGHT"

// Options describe the program.
type Options struct {
	Name, Description string
	Args              []string  // without the program's name
	Out, Err          io.Writer // nil: standard output and error
	Exit              func(code int)
	// Bindings are passed to the Run methods of commands, by type.
	Bindings []any
}

// file is added to every program.
type file struct {
	Config kong.ConfigFlag `help:"Read settings from this JSON file." placeholder:"FILE" type:"existingfile"`
}

// Parse fills cli, a pointer to a struct with kong tags, and returns what was chosen: call
// Run on it when cli has commands. It prints the help and exits when asked to; an error says
// which flag, variable or key is wrong.
func Parse(cli any, o Options) (*kong.Context, error) {
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.Err == nil {
		o.Err = os.Stderr
	}
	if o.Exit == nil {
		o.Exit = os.Exit
	}
	options := []kong.Option{
		kong.Name(o.Name), kong.Description(o.Description), kong.Writers(o.Out, o.Err), kong.Exit(o.Exit),
		kong.DefaultEnvars(Prefix), kong.Configuration(readSettingsFile), kong.Embed(&file{}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
		kong.UsageOnError(),
	}
	for _, b := range o.Bindings {
		options = append(options, kong.Bind(b))
	}
	parser, err := kong.New(cli, options...)
	if err != nil {
		return nil, err
	}
	return parser.Parse(o.Args)
}

// Args are the program's arguments.
func Args() []string { return os.Args[1:] }

// Program is the name that the program was started by.
func Program() string { return filepath.Base(os.Args[0]) }

// settingsFile is the JSON file of --config. It gives way to the environment, which kong
// alone would let it overrule, and a key that is no setting is an error: a mistyped one
// would otherwise be a setting that silently is not made.
type settingsFile struct {
	kong.Resolver
	keys map[string]any
}

func readSettingsFile(r io.Reader) (kong.Resolver, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	f := settingsFile{}
	if err := json.Unmarshal(data, &f.keys); err != nil {
		return nil, fmt.Errorf("the settings file is not a JSON object: %w", err)
	}
	if f.Resolver, err = kong.JSON(bytes.NewReader(data)); err != nil {
		return nil, err
	}
	return f, nil
}

// Validate names the first key that is no setting of the program.
func (f settingsFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	err := kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known[strings.ReplaceAll(flag.Name, "-", "_")] = true
		}
		return next(nil)
	})
	if err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(f.keys)) {
		if !known[key] {
			return fmt.Errorf("the settings file has %q, which is no setting; write the flag's name with _ for -", key)
		}
	}
	return nil
}

// Resolve gives the file's value, unless the environment has one.
func (f settingsFile) Resolve(c *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if _, set := os.LookupEnv(name); set {
			return nil, nil //nolint:nilnil // kong's way to say "nothing from here"
		}
	}
	return f.Resolver.Resolve(c, parent, flag)
}
