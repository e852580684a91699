package deliverytest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"

	"cairn/smtpgw/arrival"
	"cairn/smtpgw/authres/lookup/lookuptest"
	"cairn/smtpgw/screen"
)

// signerKey is of the selector "s" of org.example.
var signerKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

// OutsideDNS is that of a world with a domain that wants forged mail refused.
func OutsideDNS() *lookuptest.Zone {
	return &lookuptest.Zone{
		TXTs: map[string][]string{
			"org.example":                 {"v=spf1 ip4:192.0.2.1 -all"},
			"s._domainkey.org.example":    {"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(signerKey.Public().(ed25519.PublicKey))},
			"_dmarc.org.example":          {"v=DMARC1; p=reject"},
			"_dmarc.aside.example":        {"v=DMARC1; p=quarantine"},
			"_dmarc.trying.example":       {"v=DMARC1; p=reject; t=y"},
			"_dmarc.halfway.example":      {"v=DMARC1; p=reject"},
			"here.example":                {"v=spf1 ip4:127.0.0.1 -all"},
			"_dmarc.here.example":         {"v=DMARC1; p=reject"},
			"_dmarc.silent.local.example": {"v=DMARC1; p=reject"},
		},
		Addrs:  map[string][]string{"mx.here.example": {"127.0.0.1"}},
		Names:  map[string][]string{"127.0.0.1": {"mx.here.example"}},
		Silent: map[string]bool{".silent.example": true, "s._domainkey.halfway.example": true},
	}
}

// DKIMSigned is a message as another program signs it, with the selector "s" of a domain.
func DKIMSigned(t *testing.T, domain, text string) string {
	t.Helper()
	var b bytes.Buffer
	o := &dkim.SignOptions{Domain: domain, Selector: "s", Signer: signerKey, HeaderCanonicalization: dkim.CanonicalizationRelaxed}
	if err := dkim.Sign(&b, strings.NewReader(text), o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// SPFSays is a source of one result of SPF, about the envelope sender of each arrival.
type SPFSays string

func (s SPFSays) Gather(_ context.Context, a *arrival.Arrival) ([]screen.Result, error) {
	if s == "" {
		return nil, nil
	}
	return []screen.Result{{Method: "spf", Result: string(s), About: a.From, Property: "smtp.mailfrom"}}, nil
}
