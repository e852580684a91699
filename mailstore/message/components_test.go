package message_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"cairn/mailstore/message"
)

// componentsVector is a message and its components of version 2.
type componentsVector struct {
	Name       string        `json:"name"`
	Message    string        `json:"message"` // LF line ends; "hex:" and hex digits where it is no UTF-8
	Recipients []string      `json:"recipients,omitempty"`
	Components []componentV2 `json:"components"`
	Hints      []hintV2      `json:"hints"`
	Flaws      []string      `json:"flaws,omitempty"`
	Odd        []string      `json:"odd,omitempty"`
	Loose      []string      `json:"loose,omitempty"`
	Open       bool          `json:"open,omitempty"`
}

type componentV2 struct {
	Type    string `json:"type"`
	Number  uint8  `json:"number"`
	Index   uint16 `json:"index"`
	Reading uint8  `json:"reading"`
	Label   string `json:"label,omitempty"`
	Content string `json:"content"`
	Digest  string `json:"digest"` // SHA-256 of what is committed to, hex
}

type hintV2 struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

func vectorOf(name string, raw []byte, recipients []string) componentsVector {
	d := message.Dissect(raw, recipients)
	v := componentsVector{Name: name, Message: contentText(raw), Recipients: recipients}
	for _, c := range d.Components() {
		digest := c.Digest()
		v.Components = append(v.Components, componentV2{
			c.Type.String(), uint8(c.Type), c.Index, uint8(c.Reading), c.Label, contentText(c.Content()), hex.EncodeToString(digest[:]),
		})
	}
	for _, h := range d.Hints() {
		v.Hints = append(v.Hints, hintV2{h.Label, contentText(h.Value)})
	}
	for _, f := range d.Flaws {
		v.Flaws = append(v.Flaws, string(f.Flaw))
	}
	b := d.Body()
	v.Odd, v.Loose, v.Open = b.Odd, b.Loose, b.Open
	return v
}

// TestComponentsVectors holds the components of version 2 to testdata/components.json. They may not
// change any more once records have been made.
func TestComponentsVectors(t *testing.T) {
	const path = "testdata/components.json"
	if *update {
		var vectors []componentsVector
		for _, m := range ownMessages {
			vectors = append(vectors, vectorOf(m.name, []byte(m.raw), []string{"Bo@B.example", "c@c.example"}))
		}
		out, err := json.MarshalIndent(vectors, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []componentsVector
	if err := json.Unmarshal(file, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < len(ownMessages) {
		t.Errorf("%d vectors for %d messages; -update writes them", len(vectors), len(ownMessages))
	}
	for _, want := range vectors {
		raw := []byte(want.Message)
		if digits, ok := strings.CutPrefix(want.Message, "hex:"); ok {
			if raw, err = hex.DecodeString(digits); err != nil {
				t.Fatal(err)
			}
		}
		got := vectorOf(want.Name, raw, want.Recipients)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", want.Name, got, want)
		}
		crlf := vectorOf(want.Name, withCRLF(raw), want.Recipients)
		for i := range crlf.Components {
			if i < len(want.Components) && crlf.Components[i].Digest != want.Components[i].Digest {
				t.Errorf("%s with CRLF: %+v, want %+v", want.Name, crlf.Components[i], want.Components[i])
			}
		}
		if len(crlf.Components) != len(want.Components) {
			t.Errorf("%s with CRLF: %d components, want %d", want.Name, len(crlf.Components), len(want.Components))
		}
	}
}
