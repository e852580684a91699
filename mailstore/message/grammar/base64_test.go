package grammar_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cairn/mailstore/message/grammar"
)

// TestBase64Lines: decoding line by line gives what decoding all lines together does, and takes no
// more than whole lines.
func TestBase64Lines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`(([A-D+/]{4}){0,3}[A-D+/]{0,3}=?=?(\r\n|\r\n|\n|\r|)){0,4}`).Draw(t, "body")
		got, ok := grammar.Base64([]byte(body))
		all := strings.TrimRight(strings.ReplaceAll(body, "\r\n", "\n"), "\n")
		lines := strings.Split(all, "\n")
		want, err := base64.StdEncoding.DecodeString(strings.Join(lines, ""))
		wanted := err == nil && !strings.Contains(all, "\r")
		for _, line := range lines {
			wanted = wanted && len(line)%4 == 0 && (line != "" || all == "")
		}
		if ok != wanted || ok && !bytes.Equal(got, want) {
			t.Fatalf("%q: %x, %v; all together %x, %v", body, got, ok, want, wanted)
		}
	})
}
