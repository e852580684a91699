package lists

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/outbox"
	"cairn/smtpgw/draft"
	"cairn/smtpgw/gatewaytest"
)

// TestMaySign: whose posts the domain local.example may sign.
func TestMaySign(t *testing.T) {
	nothing, verified, strange := Standing{}, Standing{record.Verified, true}, Standing{record.Vouched, false}
	for _, tt := range []struct {
		from     string
		standing Standing
		want     bool
	}{
		{"Ann <ann@far.example>", nothing, true},
		{"Ann <ann@far.example>, ben@other.example", strange, true},
		{"Alice <alice@local.example>", verified, true},
		{"Alice <alice@local.example>", Standing{record.Pending, true}, true},
		{"Alice <alice@local.example>", nothing, false},
		{"Alice <alice@local.example>", strange, false},
		{"Alice <alice@local.example>", Standing{record.Verified, false}, false},
		{"Alice <alice@local.example>", Standing{record.Differs, true}, false},
		{"alice@LOCAL.Example", nothing, false},
		{"alice@sub.local.example", nothing, false},
		{"ann@far.example, alice@local.example", verified, false},
		{"\"ann@far.example\" <alice@local.example>", nothing, false},
		{"nobody", nothing, false},
		{"undisclosed:;", nothing, false},
	} {
		raw := []byte("From: " + tt.from + "\r\n\r\nx\r\n")
		p := postOf(mailstore.Message{}, raw, nil)
		p.Standing = tt.standing
		if p.maySign("local.example") != tt.want {
			t.Errorf("From: %s, %+v: %v", tt.from, tt.standing, !tt.want)
		}
	}
}

// TestMarks: the seal is over the signature, of the post as it came, and what would not arrive with
// them goes without.
func TestMarks(t *testing.T) {
	st := gatewaytest.LocalStore(t)
	d := NewDistributor("mx.local.example", nil, st, outbox.New(st), nil, slog.New(slog.DiscardHandler))
	const came = "Return-Path: <a@far.example>\r\nAuthentication-Results: mx.local.example;\r\n\tspf=pass\r\nReceived: s\r\n" +
		"Authentication-Results: mx.local.example; spf=fail\r\nFrom: a@far.example\r\n\r\nx\r\n"
	const goes = "Received: r\r\nFrom: a@far.example\r\n\r\nx\r\n"
	var signed, domains []string
	large := ""
	d.SetMarks(Marks{
		Seal: func(_ context.Context, domain, results string, before, after []byte) []byte {
			domains, signed = append(domains, domain), append(signed, string(after))
			if string(before) != came {
				t.Errorf("what came is %q", before)
			}
			return []byte("ARC-Seal:" + strings.ReplaceAll(strings.TrimSpace(results), "\r\n", "") + large + "\r\n")
		},
		Sign: func(domain string, message ...[]byte) []byte {
			domains = append(domains, domain)
			if len(message) != 1 || string(message[0]) != goes {
				t.Errorf("what is signed is %q", message)
			}
			return []byte("DKIM-Signature: x\r\n")
		},
	})
	mark := func() string {
		p := postOf(mailstore.Message{}, []byte(came), nil)
		out := outgoing{list: &devs, post: &p, raw: []byte(goes)}
		d.mark(t.Context(), &out)
		return string(out.raw)
	}
	if got, want := mark(), "ARC-Seal:mx.local.example;\tspf=pass\r\nDKIM-Signature: x\r\n"+goes; got != want {
		t.Errorf("it is %q, want %q", got, want)
	}
	if strings.Join(domains, " ") != "local.example local.example" || signed[0] != "DKIM-Signature: x\r\n"+goes {
		t.Errorf("marked by %q: %q", domains, signed)
	}
	large = strings.Repeat("x", draft.MaxHeader)
	if got := mark(); got != signed[0] {
		t.Errorf("with a seal that is too large: %.200q", got)
	}
	if got := foundOf([]byte("Received: r\r\nAuthentication-Results: mx.local.example; spf=pass\r\n"), "mx.local.example"); strings.TrimSpace(got) != "mx.local.example; none" {
		t.Errorf("what others wrote counts as found here: %q", got)
	}
}
