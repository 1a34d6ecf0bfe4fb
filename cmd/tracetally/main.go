// Command tracetally reads LLM events and exceptions from Kafka, computes what each call cost and why it failed, and
// keeps exact rollups in PostgreSQL. `tracetally --help` lists what it can do.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker (Makefile).
var version = "dev"

// cli is every command and flag; the help texts are the documentation (docs/config.md is made from them).
type cli struct {
	Config string `help:"YAML file with settings; its keys are the names of the flags, with _ or -." placeholder:"FILE" env:"TRACETALLY_CONFIG" type:"existingfile"`

	Run     runCmd     `cmd:"" help:"Consume the topics and keep the tables and metrics, until told to stop."`
	Migrate migrateCmd `cmd:"" help:"Create or upgrade the tables in PostgreSQL."`
	Explain explainCmd `cmd:"" help:"Show what tracetally makes of records, one JSON object per event."`
	Produce produceCmd `cmd:"" help:"Send records to Kafka: a file, or a sample of realistic traffic."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

// streams is where a command reads and writes; tests hand in their own.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], &streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// run is the program without the process: it returns the exit code. 0 is success, 1 a failure, 2 a wrong command line.
func run(ctx context.Context, args []string, std *streams) int {
	var c cli
	command, file, code := parse(&c, args, std)
	if command == nil {
		return code
	}
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(std, file); err != nil {
		fmt.Fprintln(std.err, "tracetally:", err)
		return 1
	}
	return 0
}

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run(std *streams) error {
	_, err := fmt.Fprintln(std.out, "tracetally", version)
	return err
}

// exited is how kong's --help ends the parse without ending the process.
type exited int

// parse reads the command line, the environment and the YAML file, in this order of precedence. The line is read twice:
// once to learn the file's name, once with the file behind it. A nil command says: leave with this code.
func parse(c *cli, args []string, std *streams) (command *kong.Context, file *configFile, code int) {
	defer func() {
		if r := recover(); r != nil {
			e, ok := r.(exited)
			if !ok {
				panic(r)
			}
			command, code = nil, int(e)
		}
	}()
	command, err := newParser(c, std).Parse(args)
	if err == nil {
		if file, err = readConfigFile(c.Config); err == nil && file != nil {
			*c = cli{}
			command, err = newParser(c, std, kong.Resolvers(file)).Parse(args)
		}
	}
	if err != nil {
		fmt.Fprintf(std.err, "tracetally: %v\nTry 'tracetally --help'.\n", err)
		return nil, nil, 2
	}
	return command, file, 0
}

func newParser(c *cli, std *streams, options ...kong.Option) *kong.Kong {
	return kong.Must(c, append([]kong.Option{
		kong.Name("tracetally"),
		kong.Description("What each LLM call cost, why calls fail, and when to wake someone up: exact, from Kafka into PostgreSQL.\n\n" +
			"Every flag can also be set as TRACETALLY_NAME in the environment or in the YAML file of --config; " +
			"the command line wins over the environment, the environment over the file."),
		kong.Writers(std.out, std.err),
		kong.Exit(func(code int) { panic(exited(code)) }),
		kong.DefaultEnvars("TRACETALLY"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	}, options...)...)
}
