package message_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"cairn/mailstore/message"
)

var update = flag.Bool("update", false, "write the expected values of testdata anew")

// vector is a message and its components.
type vector struct {
	Name       string            `json:"name"`
	Message    string            `json:"message"` // LF line ends
	Recipients []string          `json:"recipients,omitempty"`
	Components []vectorComponent `json:"components"`
}

type vectorComponent struct {
	Type    string `json:"type"`
	Number  uint8  `json:"number"`
	Index   uint16 `json:"index"`
	Content string `json:"content"` // "hex:" and hex digits where it is no text
}

func contentText(b []byte) string {
	if utf8.Valid(b) && bytes.IndexByte(b, 0) < 0 {
		return string(b)
	}
	return "hex:" + hex.EncodeToString(b)
}

// TestVectors holds the canonical forms to testdata/canonical.json, with either line end.
func TestVectors(t *testing.T) {
	file, err := os.ReadFile("testdata/canonical.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(file, &vectors); err != nil {
		t.Fatal(err)
	}
	for i, v := range vectors {
		for _, raw := range []string{v.Message, strings.ReplaceAll(v.Message, "\n", "\r\n")} {
			var got []vectorComponent
			for _, c := range message.ComponentsV1([]byte(raw), v.Recipients) {
				got = append(got, vectorComponent{c.Type.String(), uint8(c.Type), c.Index, contentText(c.Content())})
			}
			if *update {
				vectors[i].Components = got
				continue
			}
			if len(got) != len(v.Components) {
				t.Fatalf("%s: %d components, want %d:\n%+v", v.Name, len(got), len(v.Components), got)
			}
			for j := range got {
				if got[j] != v.Components[j] {
					t.Errorf("%s: %+v, want %+v", v.Name, got[j], v.Components[j])
				}
			}
		}
	}
	if *update {
		out, err := json.MarshalIndent(vectors, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/canonical.json", append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
