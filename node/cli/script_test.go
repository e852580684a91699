package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"

	"cairn/consensus/record"
	"cairn/mailstore/scratch"
	"cairn/node"
	"cairn/node/api"
	"cairn/node/membership"
)

func TestMain(m *testing.M) {
	// Scripts wait for their nodes most of the time. The command line may ask for something else.
	if err := flag.Set("test.parallel", strconv.Itoa(3*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(scratch.InMemory(m), map[string]func(){"cairn": func() { os.Exit(Main(os.Args[1:])) }})
}

// TestScript runs the command lines in testdata/script.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("CAIRN_DIR", filepath.Join(e.WorkDir, "n"))
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"here":       scriptHere,
			"exits":      scriptExits,
			"misused":    scriptMisused,
			"json":       scriptJSON,
			"invite":     scriptInvite,
			"eventually": scriptEventually,
			"replace":    scriptReplace,
			"trust":      scriptTrust,
			"value":      scriptValue,
			"signal":     scriptSignal,
			"damage":     scriptDamage,
			"spoil":      scriptSpoil,
			"lose":       scriptLose,
		},
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// here runs a command of this program in this process, which starts faster, and returns its exit
// code. It is printed as it was given.
func here(ts *testscript.TestScript, out, err io.Writer, args []string) int {
	args = slices.Clone(args)
	for i := range args {
		if isPath(ts, args[:i], args[i]) {
			args[i] = ts.MkAbs(args[i])
		}
	}
	var answer, said bytes.Buffer
	a := &app{getenv: ts.Getenv, in: strings.NewReader(""), out: &output{Writer: &answer}, err: &said, command: "cairn"}
	code := a.run(context.Background(), args)
	within := []byte(ts.MkAbs(".") + "/")
	out.Write(bytes.ReplaceAll(answer.Bytes(), within, nil))
	err.Write(bytes.ReplaceAll(said.Bytes(), within, nil))
	return code
}

// isPath reports whether an argument is a file or a directory, by what is before it.
func isPath(ts *testscript.TestScript, before []string, arg string) bool {
	if len(before) == 0 || arg == "" || strings.HasPrefix(arg, "-") {
		return false
	}
	switch last := before[len(before)-1]; {
	case slices.Contains([]string{"--dir", "-o", "--recovery", "--passphrase-file"}, last):
		return true
	case before[0] == "check":
		return last == "--from"
	case before[0] == "backup":
		return len(before) > 1 && last != "--recipient"
	}
	return exists(ts, arg) && slices.Contains([]string{"send", "message", "verify"}, before[0])
}

func exists(ts *testscript.TestScript, arg string) bool {
	_, err := os.Stat(ts.MkAbs(arg))
	return err == nil && arg != "" && strings.Trim(arg, ".") != ""
}

// scriptHere runs a command in this process, which must succeed: here cairn status. What reads the
// standard input, or goes on for long, is run as a program: exec cairn run &a&.
func scriptHere(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 || args[0] != "cairn" {
		ts.Fatalf("usage: here cairn COMMAND...")
	}
	if code := here(ts, ts.Stdout(), ts.Stderr(), args[1:]); (code == 0) == neg {
		ts.Fatalf("exit code %d", code)
	}
}

// asProgram reports whether a command must be run as a program: it may go on for long, read the
// standard input, or find a file where it is.
func asProgram(ts *testscript.TestScript, args []string) bool {
	if len(args) == 0 || slices.Contains([]string{"run", "testnet", "bench", "completion", "sendmail"}, args[0]) || args[0] == "send" && !slices.Contains(args, "--body") {
		return true
	}
	for i, arg := range args {
		if arg == "-" || exists(ts, arg) && !isPath(ts, args[:i], arg) {
			return true
		}
	}
	return false
}

// scriptExits runs a command and compares its exit code: exits 2 cairn bogus.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	if args[1] == "cairn" && !asProgram(ts, args[2:]) {
		if code := here(ts, ts.Stdout(), ts.Stderr(), args[2:]); strconv.Itoa(code) != args[0] {
			ts.Fatalf("exit code %d, want %s", code, args[0])
		}
		return
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// scriptMisused runs a command whose arguments cannot be meant: exit code 2 and a next step, as
// text and as JSON.
func scriptMisused(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || args[0] != "cairn" {
		ts.Fatalf("usage: misused cairn COMMAND...")
	}
	var said bytes.Buffer
	if code := here(ts, ts.Stdout(), io.MultiWriter(ts.Stderr(), &said), args[1:]); code != 2 {
		ts.Fatalf("exit code %d, want 2", code)
	}
	if !strings.Contains(said.String(), "\n  try: ") {
		ts.Fatalf("no next step: %s", &said)
	}
	var answer bytes.Buffer
	var failed api.Failure
	code := here(ts, &answer, io.Discard, append(args[1:], "--json"))
	if err := json.Unmarshal(answer.Bytes(), &failed); err != nil || code != 2 || failed.Error == nil || failed.Error.Code != api.CodeUsage || failed.Error.Hint == "" {
		ts.Fatalf("no error of usage: %d, %s", code, &answer)
	}
}

// scriptValue puts a value in standard output, which must be one JSON document, into the
// environment: value KEY organisations.0.key. The path is as for json.
func scriptValue(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: value NAME PATH")
	}
	ts.Setenv(args[0], valueAt(ts, args[1]))
}

// scriptJSON compares a value in standard output, which must be one JSON document: json error.code
// usage. A number in the path is an index; "len" is the length of what is there.
func scriptJSON(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] json PATH VALUE")
	}
	if got := valueAt(ts, args[0]); (got == args[1]) == neg {
		ts.Fatalf("%s is %q", args[0], got)
	}
}

// valueAt looks up a value in standard output.
func valueAt(ts *testscript.TestScript, path string) string {
	d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout")))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		ts.Fatalf("standard output is no JSON: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		ts.Fatalf("standard output is more than one document")
	}
	got, err := lookUp(v, strings.Split(path, "."))
	if err != nil {
		ts.Fatalf("%s: %v", path, err)
	}
	return got
}

func lookUp(v any, path []string) (string, error) {
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[step]
			if !ok {
				return "", fmt.Errorf("no %s", step)
			}
			v = next
		case []any:
			if step == "len" {
				return strconv.Itoa(len(at)), nil
			}
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return "", fmt.Errorf("no %s in %d elements", step, len(at))
			}
			v = at[i]
		default:
			return "", fmt.Errorf("no %s in a %T", step, v)
		}
	}
	return fmt.Sprint(v), nil
}

// scriptInvite writes an invite to the network of a node that need not run, with an address where
// nobody listens: invite DIR FILE.
func scriptInvite(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: invite DIR FILE")
	}
	dir := ts.MkAbs(args[0])
	g, err := node.LoadNetwork(dir)
	ts.Check(err)
	id, err := node.LoadIdentity(dir)
	ts.Check(err)
	s, err := membership.EncodeInvite(&membership.Invite{
		Genesis:   g,
		Addresses: []string{"/ip4/127.0.0.1/tcp/1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"},
		OrgKey:    id.OrgKey(),
		Domains:   g.Block.Events[0].Enrol().Domains,
	})
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(s+"\n"), 0o600))
}

// tried is what a command prints, and whether it succeeds. The script's log has nothing of it.
func tried(ts *testscript.TestScript, command []string) (said string, ok bool) {
	if command[0] != "cairn" {
		c := exec.Command(command[0], command[1:]...)
		c.Dir = ts.MkAbs(".")
		out, err := c.Output()
		return string(out), err == nil
	}
	var out bytes.Buffer
	ok = here(ts, &out, io.Discard, command[1:]) == 0
	return strings.ReplaceAll(out.String(), ts.MkAbs(".")+string(filepath.Separator), ""), ok
}

// scriptEventually repeats a command until it succeeds and prints a text: eventually TEXT
// COMMAND...
func scriptEventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: eventually TEXT COMMAND...")
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for {
		if said, ok := tried(ts, args[1:]); ok && strings.Contains(said, args[0]) {
			break
		}
		select {
		case <-limit:
			ts.Check(ts.Exec(args[1], args[2:]...))
			ts.Fatalf("%q was not printed in time", args[0])
		case <-tick.C:
		}
	}
	ts.Check(ts.Exec(args[1], args[2:]...)) // once more for what follows to look at
}

// scriptReplace changes a text in a file: replace FILE OLD NEW.
func scriptReplace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}

// scriptTrust pins the first domain of an organisation to its key, as cairn org show --json tells
// them: trust DIR FILE.
func scriptTrust(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: trust DIR FILE")
	}
	var l api.OrgList
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &l))
	o := l.Orgs[0]
	ts.Check(ts.Exec("cairn", "org", "trust", "--dir", args[0], o.Domains[0], o.Key))
}

// scriptDamage writes a damaged copy of a backup: damage FILE COPY PART turns a bit in that part,
// cuts it off in mail, or makes its version a later one.
func scriptDamage(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: damage FILE COPY PART|version")
	}
	b := []byte(ts.ReadFile(args[0]))
	part := args[2]
	at := bytes.Index(b, append([]byte{1, byte(len(part))}, part...)) + 2 + len(part) + 20
	switch {
	case part == "version":
		b[13]++
	case at < len(part)+22:
		ts.Fatalf("there is no part %s", part)
	case part == "mail":
		b = b[:at]
	default:
		b[at] ^= 0x10
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), b, 0o600))
}

// scriptSpoil turns a bit of each place at which the value logs of a database have a text: spoil
// FOLDER TEXT.
func scriptSpoil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: spoil FOLDER TEXT")
	}
	logs, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*.vlog"))
	ts.Check(err)
	found := 0
	for _, name := range logs {
		b, err := os.ReadFile(name)
		ts.Check(err)
		spoilt := bytes.ReplaceAll(b, []byte(args[1]), append([]byte{args[1][0] ^ 1}, args[1][1:]...))
		found += bytes.Count(b, []byte(args[1]))
		ts.Check(os.WriteFile(name, spoilt, 0o600))
	}
	if found == 0 {
		ts.Fatalf("no value log has that text")
	}
}

// scriptLose kills the node that runs in the background in a directory, and removes that: lose DIR.
func scriptLose(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lose DIR")
	}
	for _, c := range ts.BackgroundCmds() {
		if slices.Contains(c.Args, args[0]) {
			ts.Check(c.Process.Kill())
		}
	}
	ts.Check(os.RemoveAll(ts.MkAbs(args[0])))
}

// scriptSignal interrupts, kills or hangs up on background commands: signal INT.
func scriptSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "KILL": os.Kill, "HUP": syscall.SIGHUP}
	if neg || len(args) != 1 || signals[args[0]] == nil {
		ts.Fatalf("usage: signal INT|KILL|HUP")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(signals[args[0]]))
	}
}

// TestExitCodesOfVerdicts holds the exit codes to those that the help tells.
func TestExitCodesOfVerdicts(t *testing.T) {
	want := map[string]int{
		"verified": 0, "vouched": 3, "unrecorded": 3, "changed": 4, "pending": 5, "missing": 8, "replayed": 8, "invalid": 8,
	}
	for v, code := range want {
		if got := verdictExit(record.Verdict(v)); got != code {
			t.Errorf("%s: %d, want %d", v, got, code)
		}
	}
	for _, tt := range [][3]int{{0, 0, 0}, {0, 5, 5}, {5, 3, 3}, {3, 4, 4}, {8, 4, 8}, {4, 5, 4}} {
		if got := worse(tt[0], tt[1]); got != tt[2] {
			t.Errorf("worse(%d, %d) = %d, want %d", tt[0], tt[1], got, tt[2])
		}
	}
}

func TestClean(t *testing.T) {
	for s, want := range map[string]string{
		"plain, ä, 漢字\n\tnext":      "plain, ä, 漢字\n\tnext",
		"\x1b[31mred\x1b]0;title\a": `\x1b[31mred\x1b]0;title\x07`,
		"over\rwritten\b":           `over\x0dwritten\x08`,
		"c1 \u009b31m del \x7f":     `c1 \x9b31m del \x7f`,
		"bidi \u202egpj.exe\u2066":  `bidi \u202egpj.exe\u2066`,
		"sep \u2028":                `sep \u2028`,
		"\xff\xfe":                  "\ufffd\ufffd",
		// What is not seen, or turns the direction.
		"pay\u200bpal":          `pay\u200bpal`,
		"a\u200eb\u200fc\u061c": `a\u200eb\u200fc\u061c`,
		"\ufeffa\u2060b\u00adc": `\ufeffa\u2060b\xadc`,
		"x\u206a\u206f\u180e":   `x\u206a\u206f\u180e`,
		"\u3164\u115f\uffa0":    `\u3164\u115f\uffa0`,
		"tag \U000e0041":        `tag \U000e0041`,
		// Joiners, in words of scripts and pictures that need them and nowhere else.
		"می\u200cخواهم क्\u200dष": "می\u200cخواهم क्\u200dष",
		"👨\u200d👩\u200d👧 ❤\ufe0f": "👨\u200d👩\u200d👧 ❤\ufe0f",
		"👩🏽\u200d🚀":               "👩🏽\u200d🚀",
		"pay\u200cpal\u200d":      `pay\u200cpal\u200d`,
		"\u200dم م\u200c":         `\u200dم م\u200c`,
		"م\u200c\u200dم":          `م\u200c\u200dم`,
	} {
		if got := clean(s); got != want {
			t.Errorf("clean(%q) = %q, want %q", s, got, want)
		}
		var back string
		doc, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		shown := cleanJSON(string(doc))
		if err := json.Unmarshal([]byte(shown), &back); err != nil || back != strings.ToValidUTF8(s, "\ufffd") && back != "\ufffd\ufffd" {
			t.Errorf("cleanJSON of %q is %q (%v)", s, shown, err)
		}
		if utf8.ValidString(s) && strings.Contains(want, `\u`) && shown == string(doc) && !strings.ContainsFunc(s, func(r rune) bool { return r == 0x2028 }) {
			t.Errorf("cleanJSON leaves %q", shown)
		}
	}
}

func TestLine(t *testing.T) {
	if got := line("Hello\r\nFrom: you", 0); got != "Hello From: you" {
		t.Errorf("line break kept: %q", got)
	}
	if got := line("漢字漢字漢字", 4); got != "漢字漢…" {
		t.Errorf("shortened to %q", got)
	}
}

func TestPrintGuardsTheTerminal(t *testing.T) {
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader("Subject: \x1b[2Jgone\n\ntext\n"), out: &output{Writer: &out}, err: &errs}
	if code := a.run(t.Context(), []string{"message", "components", "-"}); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if strings.Contains(out.String(), "\x1b") || !strings.Contains(out.String(), `\x1b[2Jgone`) {
		t.Errorf("printed %q", out.String())
	}
}
