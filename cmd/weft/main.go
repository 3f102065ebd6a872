// Weft serves documents that many people edit at the same time. See "weft --help", and server/OPERATIONS.md in the source
// for every flag, limit and guarantee.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // what was to be done failed
	exitUsage  = 2 // the command line is not one
)

func main() { os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) }

// commandLine is what weft can be told to do.
type commandLine struct {
	Dev     devCommand     `cmd:"" help:"Serve documents to this machine alone, open to everybody on it. For trying out and for development."`
	Serve   serveCommand   `cmd:"" help:"Serve documents to the world."`
	Token   tokenCommand   `cmd:"" help:"Make a token for trying out, or a key that makes tokens."`
	Doc     docCommand     `cmd:"" help:"Look at documents, take them in and out, check and delete them, in a directory that no server uses."`
	History historyCommand `cmd:"" help:"The past of documents: changes, versions, what was, and taking back, in a directory that no server uses."`
	Backup  backupCommand  `cmd:"" help:"Take a consistent copy of a data directory, also while the server runs."`
	Restore restoreCommand `cmd:"" help:"Bring a backup back as a new data directory."`
	Compact compactCommand `cmd:"" help:"Replace the logs of documents by snapshots, now, in a directory that no server uses."`
	Bench   benchCommand   `cmd:"" help:"Put load on a server, measure it, and write a report. It starts a server of its own unless --target names one."`
	Version versionCommand `cmd:"" help:"Print the version."`
}

// env is what a command runs in.
type env struct {
	ctx            context.Context
	stdout, stderr io.Writer
}

// errExit ends the parsing when kong has printed what was asked for.
type errExit int

// run is main with everything that it touches as arguments. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			exit, ok := p.(errExit)
			if !ok {
				panic(p)
			}
			code = int(exit)
		}
	}()
	var cli commandLine
	parser, err := kong.New(&cli,
		kong.Name("weft"),
		kong.Description("A collaborative-editing sync server: any Yjs editor connects to it with its own provider."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(errExit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{"data": "data"},
	)
	if err != nil {
		fmt.Fprintln(stderr, "weft: read the definition of the command line:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(stderr, "weft: %v\nTry \"weft --help\".\n", err)
		return exitUsage
	}
	if err := command.Run(&env{ctx, stdout, stderr}); err != nil {
		var usage usageError
		if errors.As(err, &usage) {
			fmt.Fprintf(stderr, "weft: %v\n", err)
			return exitUsage
		}
		fmt.Fprintf(stderr, "weft: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// usageError is a command line that is understood but not acceptable.
type usageError string

// Error returns the text.
func (e usageError) Error() string { return string(e) }
