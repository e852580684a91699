package node

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"cairn/smtpgw"
)

// Whoever writes a filter goes by the reference.
func TestFilterVariablesAreInTheReference(t *testing.T) {
	text, err := os.ReadFile("../doc/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range filterEnviron(smtpgw.Passing{}) {
		if name, _, _ := strings.Cut(v, "="); !bytes.Contains(text, []byte("`"+name+"`")) {
			t.Errorf("doc/reference.md does not tell of %s", name)
		}
	}
}
