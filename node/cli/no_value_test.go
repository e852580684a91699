package cli

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cairn/node/api"
)

// TestNoValue: no command takes a flag without a value as one that was left out, but for those
// whose empty value is one.
func TestNoValue(t *testing.T) {
	may := map[string]bool{
		"cairn init --submission": true, "cairn init --inbound": true,
		"cairn label add --query": true, "cairn label rm --query": true, // refused for what it would mean
		"cairn send --subject": true, "cairn send --body": true,
		"cairn list host set --tag": true, "cairn list host set --footer": true,
	}
	var flags int
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		if !c.Runnable() || c.Name() == "sendmail" { // whose flags are those of sendmail
			return
		}
		path := c.CommandPath()
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "string" && f.Value.Type() != "stringSlice" && f.Value.Type() != "stringArray" {
				return
			}
			flags++
			if err := c.Flags().Set(f.Name, ""); err != nil {
				t.Fatal(err)
			}
			err := checkValues(c)
			if list, ok := f.Value.(pflag.SliceValue); ok {
				_ = list.Replace([]string{"x"})
			} else if err := f.Value.Set("x"); err != nil {
				t.Fatal(err)
			}
			if e, ok := errors.AsType[*api.Error](err); may[path+" --"+f.Name] != (err == nil) || err != nil && (!ok || e.Code != api.CodeUsage) {
				t.Errorf("%s --%s without a value: %v", path, f.Name, err)
			}
		})
	}
	walk((&app{}).root())
	if flags < 40 {
		t.Errorf("%d flags were tried", flags)
	}
	for _, args := range [][]string{
		{"queue", "drop", "--account", "alice", "--from", ""},
		{"backup", "create", "x.backup", "--passphrase-file="},
		{"status", "--dir", ""},
	} {
		var said bytes.Buffer
		if code := (&app{out: &output{Writer: io.Discard}, err: &said}).run(t.Context(), args); code != 2 || !strings.Contains(said.String(), " has no value") {
			t.Errorf("%v: ends with %d, and says %s", args, code, &said)
		}
	}
}
