package arc

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/lookup/lookuptest"
	"cairn/smtpgw/dkim"
)

// suiteOtherwise are tests of the public suite, which is older than RFC 8617, of which we say
// something else, and why.
var suiteOtherwise = map[string]Result{
	// Without c= it was signed in relaxed form. RFC 8617, section 4.1.2, has the tags of DKIM, of
	// which the form is simple where nothing is said.
	"ams_fields_c_na": Fail,
	// It signs no header field. What does not sign From signs nothing that anybody sees (RFC 6376,
	// section 5.4).
	"ams_fields_h_empty": Fail,
}

// TestSuite runs the public suite of ARC validation.
func TestSuite(t *testing.T) {
	f, err := os.Open(filepath.Join(testenv.Folder(t, "CAIRN_TESTDATA"), "auth", "arc_test_suite", "tests", "arc-draft-validation-tests.yml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ran := 0
	for d := yaml.NewDecoder(f); ; {
		var s struct {
			Description string
			Tests       yaml.Node         // a mapping in which some names stand twice
			Records     map[string]string `yaml:"txt-records"`
		}
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		z := &lookuptest.Zone{TXTs: map[string][]string{}}
		for name, txt := range s.Records {
			z.TXTs[name] = []string{txt}
		}
		for i := 0; i < len(s.Tests.Content); i += 2 {
			name := s.Tests.Content[i].Value
			var c struct{ Description, Message, CV string }
			if err := s.Tests.Content[i+1].Decode(&c); err != nil {
				t.Fatal(err)
			}
			ran++
			want := Result(strings.ToLower(strings.TrimSpace(c.CV)))
			if want == "" {
				want = Fail // a relay before found it failed, which no other one takes further
			}
			if other, ok := suiteOtherwise[name]; ok {
				want = other
			}
			m := dkim.Split(bytes.ReplaceAll([]byte(c.Message), []byte("\n"), []byte("\r\n")))
			if got := Validate(t.Context(), lookup.New(z), m); got.Result != want {
				t.Errorf("%s, %s (%s): %s %s, want %s", s.Description, name, c.Description, got.Result, got.Reason, want)
			}
		}
	}
	if ran < 170 {
		t.Errorf("%d tests ran", ran)
	}
}
