package authres

import (
	"testing"

	"github.com/emersion/go-msgauth/authres"
)

func TestFieldIsReadBackByAnotherParser(t *testing.T) {
	f := string(Field("mx.local.example", "neutral", "verdict=pending"))
	want := "Authentication-Results: mx.local.example;\r\n\tx-cairn=neutral reason=\"verdict=pending\"\r\n"
	if f != want {
		t.Fatalf("field %q, want %q", f, want)
	}
	id, results, err := authres.Parse("mx.local.example; x-cairn=neutral reason=\"verdict=pending\"")
	if err != nil || id != "mx.local.example" || len(results) != 1 {
		t.Fatalf("parsed %q %v %v", id, results, err)
	}
}

func TestFieldCannotBeBrokenOutOf(t *testing.T) {
	f := string(Field("mx.example", "fail", "x\"\r\nBcc: victim@example\\"))
	want := "Authentication-Results: mx.example;\r\n\tx-cairn=fail reason=\"xBcc: victim@example\"\r\n"
	if f != want {
		t.Fatalf("field %q, want %q", f, want)
	}
}

func TestBears(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  bool
	}{
		{" mx.example; x-cairn=pass", true},
		{" MX.Example ; x-cairn=pass", true},
		{"\r\n mx.example 1; none", true},
		{" (a (nested) \\) comment) mx.example; dkim=pass", true},
		{` "mx.example"; dkim=pass`, true},
		{` "mx\.example"; dkim=pass`, true},
		{" mx.example(comment); dkim=pass", true},
		{" mx.example.; dkim=pass", true},
		{" mx.example", true},
		{" other.example; x-cairn=pass reason=mx.example", false},
		{" (mx.example) other.example; none", false},
		{" ; mx.example", false},
		{"", false},
	} {
		if got := Bears(tt.value, "mx.example"); got != tt.want {
			t.Errorf("Bears(%q) = %v", tt.value, got)
		}
	}
}
