package cli

import (
	"bytes"
	"testing"
	"time"

	"cairn/node/api"
)

// TestShowDKIM: keys as people see them, and as lines of a zone.
func TestShowDKIM(t *testing.T) {
	day := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	key := func(selector, state string, signs bool) api.DKIMKey {
		return api.DKIMKey{
			Domain: "example.org", Selector: selector, Algorithm: "ed25519", State: state, Signs: signs,
			Name: selector + "._domainkey.example.org", Strings: []string{"v=DKIM1; k=ed25519; ", "p=AAAA"},
		}
	}
	waiting, signing, former, ended := key("c4", "waiting", false), key("c3", "signing", true), key("c2", "former", false), key("c1", "ended", false)
	waiting.Fault, signing.Seen, former.Seen, former.Until, ended.Fault = "there is no record", day, day, day.Add(24*time.Hour), "there is no record"
	keys := &api.DKIMKeys{Keys: []api.DKIMKey{waiting, signing, former, ended}, Without: []string{"alpha.test"}, Why: "such names are kept out of the DNS (RFC 6761)"}
	var b bytes.Buffer
	(&app{dir: "n"}).showDKIM(&b, keys)
	const list = `DOMAIN       SELECTOR  KEY      STATE                                RECORD
example.org  c4        ed25519  signs once its record is seen        there is no record
example.org  c3        ed25519  signs                                seen since 2026-01-02 03:04:05
example.org  c2        ed25519  former, keep its record until 2026-01-03  seen since 2026-01-02 03:04:05
example.org  c1        ed25519  former, remove its record            there is no record
no keys for alpha.test: such names are kept out of the DNS (RFC 6761)
what is to be published: cairn dkim show --dir n
`
	if got := b.String(); squeezed(got) != squeezed(list) {
		t.Errorf("list:\n%s", got)
	}
	b.Reset()
	showZone(&b, keys)
	const lines = `c4._domainkey.example.org. IN TXT "v=DKIM1; k=ed25519; " "p=AAAA"
c3._domainkey.example.org. IN TXT "v=DKIM1; k=ed25519; " "p=AAAA"
c2._domainkey.example.org. IN TXT "v=DKIM1; k=ed25519; " "p=AAAA"
; remove: c1._domainkey.example.org. IN TXT "v=DKIM1; k=ed25519; " "p=AAAA"
; no keys for alpha.test: such names are kept out of the DNS (RFC 6761)
`
	if got := b.String(); got != lines {
		t.Errorf("zone:\n%s", got)
	}
}

// squeezed is a table without the width of its columns.
func squeezed(s string) string {
	var b bytes.Buffer
	for line := range bytes.Lines([]byte(s)) {
		b.Write(bytes.Join(bytes.Fields(line), []byte(" ")))
		b.WriteByte('\n')
	}
	return b.String()
}
