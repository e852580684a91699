package directory

import (
	"errors"
	"testing"

	"cairn/smtpgw/address"
	"cairn/smtpgw/refuse"
)

// While the organisation's domains may be others, no address is refused for good for its domain.
func TestNotServed(t *testing.T) {
	for why, want := range map[string]int{"": 550, "the chain is not here yet": 451} {
		d := New(Config{Domains: func() []string { return []string{"beta.test"} }, Unsure: func() string { return why }})
		m, err := address.Parse("ann@later.test", false)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{d.NotServed(m), d.FormerDomain("sender", m, "one of yours")} {
			if refusal, ok := errors.AsType[*refuse.Refusal](err); !ok || refusal.Code != want {
				t.Errorf("unsure %q: %v, want %d", why, err, want)
			}
		}
	}
}
