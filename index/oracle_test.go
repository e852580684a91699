package index

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cairn/index/query"
	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/testenv"
)

// TestOracle compares answers with those of an independent program over a body of real mail. Its
// words are maximal runs of \w, compared in lower case; ours lose their diacritics, so ours may
// find more, never less. Its bodies are the plain text parts only, while we index HTML that says
// more.
func TestOracle(t *testing.T) {
	data := testenv.Folder(t, "CAIRN_TESTDATA")
	b := newBed(t)
	names := make(map[mailstore.MessageID]string)
	hasHTML := make(map[string]bool)
	for _, folder := range []string{"threads", "intl", "ham"} {
		var paths, raws []string
		err := filepath.WalkDir(filepath.Join(data, folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".eml" {
				return err
			}
			raw, err := os.ReadFile(path)
			rel, _ := filepath.Rel(data, path)
			hasHTML[filepath.ToSlash(rel)] = message.Parse(raw).HTML != ""
			paths, raws = append(paths, filepath.ToSlash(rel)), append(raws, string(raw))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for chunk := range slices.Chunk(paths, 100) {
			last := b.add(nil, raws[:len(chunk)]...)
			raws = raws[len(chunk):]
			for i, path := range chunk {
				names[last-mailstore.MessageID(len(chunk)-1-i)] = path
			}
		}
	}
	b.sync()
	var oracle struct {
		Documents int
		Queries   []struct {
			Type  string
			Q     any
			Files []string
		}
	}
	text, err := os.ReadFile(filepath.Join(data, "oracle", "search.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &oracle); err != nil {
		t.Fatal(err)
	}
	if len(names) != oracle.Documents {
		t.Fatalf("%d messages, the oracle has %d", len(names), oracle.Documents)
	}
	word := func(w string) string {
		return "(subject:" + query.Phrase{Text: w}.String() + " or body:" + query.Phrase{Text: w}.String() + ")"
	}
	same, more := 0, 0
	for _, c := range oracle.Queries {
		var q string
		switch c.Type {
		case "word in subject-or-text":
			q = word(c.Q.(string))
		case "both words in subject-or-text":
			both := c.Q.([]any)
			q = word(both[0].(string)) + " " + word(both[1].(string))
		case "word in subject":
			q = "subject:" + query.Phrase{Text: c.Q.(string)}.String()
		case "from address equals":
			q = "from:" + c.Q.(string)
		default:
			t.Fatalf("query of unknown type %q", c.Type)
		}
		found := make(map[string]bool)
		for _, id := range strings.Fields(b.find(q)) {
			found[names[number(t, id)]] = true
		}
		var missing []string
		for _, f := range c.Files {
			if !found[f] {
				missing = append(missing, f)
			}
			delete(found, f)
		}
		switch {
		case len(missing) > 0:
			t.Errorf("%s %v: misses %v of %d", c.Type, c.Q, missing, len(c.Files))
		case len(found) > 0:
			more++
			for f := range found {
				if !hasHTML[f] {
					t.Errorf("%s %v: finds %s too, which has no HTML", c.Type, c.Q, f)
				}
			}
		default:
			same++
		}
	}
	t.Logf("%d queries: %d the same, %d find words of HTML too", len(oracle.Queries), same, more)
}
