package testnet

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// The document says what went wrong, and has lists where lists are promised.
func TestReportOfAFailure(t *testing.T) {
	var out strings.Builder
	failure := errors.New("the mail was lost")
	r := &Report{Corpus: &CorpusReport{}, Story: new(Story)}
	if err := r.write(&out, failure); !errors.Is(err, failure) {
		t.Errorf("returned %v", err)
	}
	var doc struct {
		Version int
		Error   struct{ Code, Message string }
		Corpus  struct{ Altered, Lost []string }
	}
	if err := json.Unmarshal([]byte(out.String()), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Version != 1 || doc.Error.Message != failure.Error() || doc.Error.Code == "" || doc.Corpus.Altered == nil || doc.Corpus.Lost == nil {
		t.Errorf("written\n%s", out.String())
	}
	out.Reset()
	if err := r.write(&out, nil); err != nil || strings.Contains(out.String(), "error") {
		t.Errorf("without a failure: %v\n%s", err, out.String())
	}
}
