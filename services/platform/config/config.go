// Package config reads a program's settings from flags, the environment and a file, in that
// order of precedence, into a struct whose zero values work.
//
// A field `Listen string` is the flag --listen, the variable UPRIGHT_LISTEN and the key
// "listen" of the JSON file named by --config. The struct's tags carry help and defaults.
package config

import (
	"io"
	"os"
	"path/filepath"

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
		kong.DefaultEnvars(Prefix), kong.Configuration(fileBelowEnvironment), kong.Embed(&file{}),
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

// fileBelowEnvironment reads the file, but leaves alone what the environment sets: kong
// alone would have the file win.
func fileBelowEnvironment(r io.Reader) (kong.Resolver, error) {
	values, err := kong.JSON(r)
	if err != nil {
		return nil, err
	}
	return kong.ResolverFunc(func(c *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs {
			if _, set := os.LookupEnv(name); set {
				return nil, nil //nolint:nilnil // kong's way to say "nothing from here"
			}
		}
		return values.Resolve(c, parent, flag)
	}), nil
}
