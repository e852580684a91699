package derive_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"
	"unicode/utf8"

	"cairn/mailstore/message"
	"cairn/mailstore/message/derive"
)

var update = flag.Bool("update", false, "write testdata anew")

// vector is a message and what is derived from it.
type vector struct {
	Name    string      `json:"name"`
	Message string      `json:"message"`
	Derived []component `json:"derived"`
}

type component struct {
	Type    string `json:"type"`
	Number  uint8  `json:"number"`
	Index   uint16 `json:"index"`
	Content string `json:"content"` // "hex:" and hex digits where it is no UTF-8, and of image-hash
	Digest  string `json:"digest"`  // SHA-256 of what is committed to, hex
}

func vectorOf(name string, raw []byte) vector {
	v := vector{Name: name, Message: string(raw)}
	d := message.Dissect(raw, nil)
	for _, c := range derive.Append(nil, d, derive.Types()) {
		content := string(c.Content())
		if !utf8.Valid(c.Content()) || c.Type == message.ImageHash {
			content = "hex:" + hex.EncodeToString(c.Content())
		}
		digest := c.Digest()
		v.Derived = append(v.Derived, component{c.Type.String(), uint8(c.Type), c.Index, content, hex.EncodeToString(digest[:])})
	}
	return v
}

// TestVectors holds what is derived to testdata/derived.json.
func TestVectors(t *testing.T) {
	const path = "testdata/derived.json"
	if *update {
		out, err := json.MarshalIndent([]vector{
			vectorOf("text", mail(english, 76)),
			vectorOf("attachments", mail(english, 76,
				part{"image/png", asPNG(t, picture(48, 32))}, part{"text/csv", []byte("bolt;0.12\r\nnut;0.07\r\n")},
				part{"text/html; charset=utf-8", []byte("<p>pay <b>4</b>80</p><p>to Bob</p>")},
				part{"application/zip", docx(t, "<w:p><w:t>It leaves on</w:t></w:p><w:p><w:t>Monday.</w:t></w:p>")})),
		}, "", "  ")
		if err == nil {
			err = os.MkdirAll("testdata", 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, append(out, '\n'), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(file, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("there are no vectors; -update writes them")
	}
	for _, want := range vectors {
		if got := vectorOf(want.Name, []byte(want.Message)); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v\nwant\n%+v", want.Name, got.Derived, want.Derived)
		}
	}
}
