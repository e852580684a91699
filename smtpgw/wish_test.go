package smtpgw

import (
	"reflect"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/address"
	"cairn/smtpgw/trace"
)

func TestParseWish(t *testing.T) {
	def := []message.Type{message.Language}
	for _, tt := range []struct {
		value string
		want  record.Wish
		err   string
	}{
		{"", record.Wish{LeftOut: def}, ""},
		{" , ", record.Wish{LeftOut: def}, ""},
		{"-references, -Language", record.Wish{LeftOut: []message.Type{message.References, message.Language}}, ""},
		{"language", record.Wish{}, ""},
		{"language,threshold=90,- cc", record.Wish{LeftOut: []message.Type{message.Cc}, Threshold: 90}, ""},
		{"threshold = 1", record.Wish{LeftOut: def, Threshold: 1}, ""},
		{"from, text", record.Wish{LeftOut: def}, ""},
		{"-image-hash", record.Wish{LeftOut: def}, ""},
		{"+attachment-size, Image-Hash", record.Wish{LeftOut: def, Derive: []message.Type{message.ImageHash, message.AttachmentSize}}, ""},
		{"+ language", record.Wish{}, ""},
		{"+threshold=80", record.Wish{}, "is no wish"},
		{"+image-hash, -image-hash", record.Wish{}, "image-hash is there twice"},
		{"+imagehash", record.Wish{}, "did you mean image-hash?"},
		{"+-cc", record.Wish{}, "no component -cc"},
		{"-from", record.Wish{}, "from cannot be left out; these can: sender to cc"},
		{"-Recipient", record.Wish{}, "recipient cannot be left out"},
		{"-structure", record.Wish{}, "structure cannot"},
		{"-refrences", record.Wish{}, "no component refrences; did you mean references?"},
		{"-everything", record.Wish{}, "no component everything; cairn message components"},
		{"hold", record.Wish{}, "no component hold"},
		{"hold=1", record.Wish{}, "hold=1 is no wish"},
		{"-threshold=80", record.Wish{}, "is no wish"},
		{"threshold=0", record.Wish{}, "1 to 100"},
		{"threshold=101", record.Wish{}, "1 to 100"},
		{"threshold=+8", record.Wish{}, "1 to 100"},
		{"threshold=80%", record.Wish{}, "1 to 100"},
		{"-cc, cc", record.Wish{}, "cc is there twice"},
		{"threshold=1, threshold=2", record.Wish{}, "threshold is there twice"},
		{"-\xff\x1b[31m", record.Wish{}, `no component \ufffd\x1b[31m`},
		{strings.Repeat("-cc,", 600), record.Wish{}, "more than"},
		{strings.Repeat(",", 200), record.Wish{}, "more than"},
	} {
		got, err := parseWish([]string{tt.value}, record.Wish{LeftOut: def})
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: %v, want %s", tt.value, err, tt.err)
			}
			continue
		}
		if len(got.LeftOut) == 0 {
			got.LeftOut = nil
		}
		if len(got.Derive) == 0 {
			got.Derive = nil
		}
		if err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %+v (%v), want %+v", tt.value, got, err, tt.want)
		}
	}
	if _, err := parseWish([]string{"-cc", "-to"}, record.Wish{}); err == nil {
		t.Error("two fields were taken")
	}
	if got, err := parseWish(nil, record.Wish{LeftOut: def}); err != nil || !reflect.DeepEqual(got, record.Wish{LeftOut: def}) {
		t.Errorf("no field: %+v (%v)", got, err)
	}
	if len(def) != 1 || def[0] != message.Language {
		t.Errorf("the default became %v", def)
	}
}

// TestUsualWish: what the organisation has derived, a message can do without.
func TestUsualWish(t *testing.T) {
	usual := record.Wish{Derive: []message.Type{message.ImageHash, message.AttachmentSize}}
	got, err := parseWish([]string{"-image-hash, +detected-language"}, usual)
	if want := []message.Type{message.DetectedLanguage, message.AttachmentSize}; err != nil || !reflect.DeepEqual(got.Derive, want) {
		t.Errorf("%v (%v), want %v", got.Derive, err, want)
	}
	if len(usual.Derive) != 2 || usual.Derive[0] != message.ImageHash {
		t.Errorf("the organisation's became %v", usual.Derive)
	}
}

func TestParseDerive(t *testing.T) {
	got, err := ParseDerive([]string{"image-hash", "attachment-text", "image-hash"})
	if err != nil || !reflect.DeepEqual(got, []message.Type{message.AttachmentText, message.ImageHash}) {
		t.Errorf("%v (%v)", got, err)
	}
	for _, name := range []string{"from", "images", ""} {
		if _, err := ParseDerive([]string{name}); err == nil || !strings.Contains(err.Error(), "image-hash") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := ParseLeaveOut([]string{"image-hash"}); err == nil || !strings.Contains(err.Error(), "asked for") {
		t.Errorf("leave_out took a derived component: %v", err)
	}
}

// FuzzWish: what is taken leaves out nothing that must be there, and a refusal
// fits into a reply.
func FuzzWish(f *testing.F) {
	for _, s := range []string{"-references, -language", "threshold=80", "-from", "=", "-", "-=,", "\xff,-\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		w, err := parseWish([]string{value}, record.Wish{})
		if err != nil {
			if s := err.Error(); !maildomain.IsASCII(s) || strings.ContainsFunc(s, address.IsControl) || len(s) > 500 {
				t.Errorf("%q is refused with %q", value, s)
			}
			return
		}
		for _, c := range w.LeftOut {
			if _, err := optional(c.String()); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzHold: mail is held by the one word alone, and a refusal fits into a reply.
func FuzzHold(f *testing.F) {
	for _, s := range []string{"until-included", " Until-Included\t", "none", "", "until-included, none", "\xff\x00\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		held, err := parseHold([]string{value})
		word := strings.ToLower(strings.TrimSpace(value))
		if held != (err == nil && word == "until-included") || err == nil && !held && word != "" && word != "none" {
			t.Errorf("%q: held %v, %v", value, held, err)
		}
		if err != nil {
			if s := err.Error(); !maildomain.IsASCII(s) || strings.ContainsFunc(s, address.IsControl) || len(s) > 500 {
				t.Errorf("%q is refused with %q", value, s)
			}
		}
		if _, err := parseHold([]string{value, value}); err == nil {
			t.Errorf("%q is taken twice", value)
		}
	})
}

// TestWishIsQueued: the wish goes with each entry, the field does not.
func TestWishIsQueued(t *testing.T) {
	st := localStore(t)
	q := outbox.New(st)
	cfg := testConfig
	cfg.LeaveOut = []message.Type{message.Language}
	s := NewSubmitter(cfg, st, q)
	for _, field := range []string{"", "Cairn-Components: -references, threshold=90\r\n"} {
		if _, err := s.Submit(t.Context(), trace.Peer{}, "user@local.example", []string{"a@far.example", "b@near.example"}, []byte(field+mailText("wish"))); err != nil {
			t.Fatal(err)
		}
	}
	for i, e := range must(q.List(0, 9))(t) {
		want := record.Wish{LeftOut: cfg.LeaveOut}
		if i >= 2 {
			want = record.Wish{LeftOut: []message.Type{message.References, message.Language}, Threshold: 90}
		}
		if raw := must(q.Raw(e))(t); !reflect.DeepEqual(e.Wish, want) || strings.Contains(string(raw), "Cairn-Components") {
			t.Errorf("entry %d: %+v of %q", i, e.Wish, raw)
		}
	}
}
