package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cairn/node"
	"cairn/node/api"
	"cairn/node/home"
)

// app is what all commands share.
type app struct {
	getenv  func(string) string // of another environment; nil: of this process
	in      io.Reader
	out     *output
	err     io.Writer
	dir     string // of the node
	json    bool
	exit    int              // status of a command that did what it was asked, as in "changed"
	started bool             // the command line was understood
	now     func() time.Time // of a node that is run; nil: this machine's clock
	command string           // what this program is started with; empty: cairn
}

// output is standard output. It remembers whether anything was written, so that a failure after the
// one document does not print a second.
type output struct {
	io.Writer
	used bool
}

func (o *output) Write(b []byte) (int, error) {
	o.used = true
	return o.Writer.Write(b)
}

// Main runs the command line and returns its exit code.
func Main(args []string) int { return MainAt(args, nil) }

// MainAt is Main with another clock for the node that it runs than this machine's.
func MainAt(args []string, now func() time.Time) int {
	if filepath.Base(os.Args[0]) == "sendmail" { // a link to this program
		args = append([]string{"sendmail"}, args...)
	}
	a := &app{now: now, in: os.Stdin, out: &output{Writer: os.Stdout}, err: os.Stderr, command: startedAs(os.Args[0])}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once; but some, such as timeout(1), send the first one
	// twice.
	context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, stop) })
	return a.run(ctx, args)
}

// startedAs is how to start this program once more, from its name in the command line: by that
// name, or with go run if go has built it into a folder of its own.
func startedAs(name string) string {
	dir, _ := filepath.Split(name)
	switch {
	case dir == "":
		return name
	case strings.Contains(dir, "go-build") && (filepath.Base(dir) == "exe" || strings.HasSuffix(filepath.Base(dir), "-d")): // built, or kept of the last time
		return "go run ."
	}
	return api.ShellWord(name)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	command, err := root.ExecuteContextC(ctx)
	if err == nil {
		return a.exit
	}
	if !a.started {
		err = usage(command, "%s", misunderstood(err))
		a.json = a.json || slices.Contains(args, "--json") // it may stand behind what was not understood
	}
	failure := a.failure(err)
	if a.json && !a.out.used {
		a.encode(&api.Failure{Error: failure})
	}
	a.tell(failure)
	if command.Name() == "run" && notConfigured(err) {
		return exitConfig
	}
	return failure.ExitCode()
}

// misunderstood puts what the parser of the command line says into the words of a user.
func misunderstood(err error) string {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		if want := map[string]string{"int": "a whole number, as in 10", "uint64": "a whole number, as in 10", "duration": "a time, as in 90s or 2h", "bool": "true or false"}[e.GetFlag().Value.Type()]; want != "" {
			return fmt.Sprintf("--%s %q is not %s", e.GetFlag().Name, e.GetValue(), want)
		}
	}
	if problem, meant, ok := strings.Cut(err.Error(), "\n\nDid you mean this?\n"); ok {
		return problem + "; like it is: " + strings.Join(strings.Fields(meant), ", ")
	}
	return err.Error()
}

// exitConfig is EX_CONFIG of sysexits.h: systemd does not start such a node again.
const exitConfig = 78

// notConfigured reports whether a node was not made, or not so that it can run at any time.
func notConfigured(err error) bool {
	config, is := errors.AsType[*node.ConfigError](err)
	return is && !config.Passing || errors.Is(err, node.ErrNotInitialised) || errors.Is(err, node.ErrNotMember)
}

// failure is what is told of an error: with its code, and a next step that can be typed as it
// stands.
func (a *app) failure(err error) *api.Error {
	e := *explain(err)
	if e.Code == api.CodeNotRunning {
		e = *a.notRunning(&e)
	}
	e.Hint = a.typable(e.Hint)
	return &e
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "cairn",
		Short: "A peer-to-peer mail node whose mail is recorded on a shared chain",
		Long: `Cairn is a mail node. Each message it sends is recorded, part by part and without giving away its content, on a
chain that all organisations of the network keep together; whoever receives it can tell what is as it was sent.

Start with "cairn testnet": three organisations on this machine, and a mail on its way.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			a.started = true
			return checkValues(c)
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if a.json {
				return usage(c, "no command given")
			}
			return c.Help()
		},
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.dir, "dir", a.defaultDir(), "the node's directory (environment: CAIRN_DIR)")
	flags.BoolVar(&a.json, "json", false, "print one JSON document")
	root.SetHelpCommand(cmdHelp())
	people := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if a.json {
			a.encode(guideTo(c))
			return
		}
		people(c, args)
	})
	root.AddCommand(
		a.cmdInit(), a.cmdRun(), a.cmdService(), a.cmdJoin(), a.cmdStatus(), a.cmdDoctor(), a.cmdVersion(),
		a.cmdSend(), a.cmdSendmail(), a.cmdSearch(), a.cmdQuery(), a.cmdExport(), a.cmdShow(), a.cmdMessage(), a.cmdVerify(),
		a.cmdLabel(), a.cmdList(), a.cmdQueue(), a.cmdLimits(), a.cmdReports(), a.cmdTLS(), a.cmdDKIM(), a.cmdAccount(), a.cmdOrg(), a.cmdPeers(), a.cmdChain(), a.cmdCheck(), a.cmdBackup(), a.cmdTestnet(), a.cmdBench(),
	)
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			strict(c)
		}
	}
	a.addCompletions(root)
	return root
}

// cmdHelp is cobra's help command, but that a topic which does not exist is an error.
func cmdHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND...]",
		Short: "Explain a command",
		RunE: func(c *cobra.Command, args []string) error {
			topic, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return api.Errorf(api.CodeUsage, "cairn help", "understanding the command: there is no command %q", strings.Join(args, " "))
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// version is what "cairn version" prints.
type version struct {
	api.Document
	Software string `json:"software"` // "cairn/<version>"
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (a *app) cmdVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  exactly(0),
		RunE: func(*cobra.Command, []string) error {
			v := &version{Software: node.Software, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			return a.print(v, func(b *bytes.Buffer) { fmt.Fprintf(b, "%s, %s %s\n", v.Software, v.Go, v.Platform) })
		},
	}
}

func (a *app) defaultDir() string {
	getenv := a.getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	if dir := getenv("CAIRN_DIR"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ".cairn"
	}
	return filepath.Join(home, ".cairn")
}

// group is a command that only holds others.
func group(use, short string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short}
	c.AddCommand(sub...)
	strict(c)
	return c
}

// strict lets c do nothing without one of its subcommands.
func strict(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		var names []string
		for _, s := range c.Commands() {
			names = append(names, s.Name())
		}
		problem := "no subcommand given"
		if len(args) > 0 {
			problem = fmt.Sprintf("unknown subcommand %q", args[0])
		}
		return usage(c, "%s, it is one of: %s", problem, strings.Join(names, ", "))
	}
}

// usage is the error of a command line whose form is right but whose content cannot be meant.
func usage(c *cobra.Command, format string, args ...any) *api.Error {
	return api.Errorf(api.CodeUsage, c.CommandPath()+" --help", "understanding the command: "+format, args...)
}

// explain gives an error its code and the next step.
func explain(err error) *api.Error {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e
	}
	if e := home.Explained(err); e != nil {
		return e
	}
	e := api.AsError(err)
	config, isConfig := errors.AsType[*node.ConfigError](err)
	switch {
	case isConfig:
		e.Code, e.Hint = api.CodeInvalid, config.Hint()
	case errors.Is(err, node.ErrExists):
		e.Code, e.Hint = api.CodeExists, "choose another directory with --dir"
	case errors.Is(err, node.ErrNotInitialised):
		e.Code, e.Hint = api.CodeNotFound, "look at --dir and CAIRN_DIR; a new node is made there by: cairn init --domain example.org"
	case errors.Is(err, node.ErrNotMember):
		e.Code, e.Hint = api.CodeNotFound, "with an invite, or with the admission of its request: cairn join INVITE"
	case errors.Is(err, os.ErrPermission):
		e.Code, e.Hint = api.CodeNotAllowed, home.NotAllowed(err)
	case errors.Is(err, os.ErrNotExist):
		e.Code, e.Hint = api.CodeNotFound, "check the name of the file"
	case errors.Is(err, context.Canceled):
		e.Code, e.Hint = api.CodeInterrupted, "run the same command again"
		e.Message = strings.ReplaceAll(e.Message, context.Canceled.Error(), "interrupted")
	}
	return e
}

// notRunning gives a true next step: a node that was never made or finished, or has joined no
// network, cannot be run either.
func (a *app) notRunning(failure *api.Error) *api.Error {
	unfinished := node.Unfinished(a.dir)
	_, err := node.LoadConfig(a.dir)
	if err == nil {
		_, err = node.LoadNetwork(a.dir)
	}
	if unfinished == nil && !errors.Is(err, node.ErrNotInitialised) && !errors.Is(err, node.ErrNotMember) {
		return failure
	}
	why := explain(err)
	return api.Errorf(failure.Code, why.Hint, "%s: %s", failure.Message, why.Message)
}

// client speaks to the running node.
func (a *app) client() *api.Client { return api.NewClient(a.dir) }

// print writes a document: as JSON, or through human for people.
func (a *app) print(doc api.View, human func(w *bytes.Buffer)) error {
	a.makeTypable(reflect.ValueOf(doc))
	if a.json {
		return a.encode(doc)
	}
	var b bytes.Buffer
	human(&b)
	_, err := io.WriteString(a.out, clean(b.String()))
	return err
}

// encode writes the one JSON document.
func (a *app) encode(doc api.View) error {
	var b bytes.Buffer
	if err := api.Encode(&b, doc); err != nil {
		return err
	}
	_, err := io.WriteString(a.out, cleanJSON(b.String()))
	return err
}
