package reports

import (
	"encoding/json"
	"time"
)

// tlsDocument is a TLS report as it stands there (RFC 8460, section 4.4).
type tlsDocument struct {
	Org     string `json:"organization-name"`
	Contact string `json:"contact-info"`
	ID      string `json:"report-id"`
	Range   struct {
		Begin time.Time `json:"start-datetime"`
		End   time.Time `json:"end-datetime"`
	} `json:"date-range"`
	Policies []struct {
		Policy struct {
			Kind   string `json:"policy-type"`
			Domain string `json:"policy-domain"`
		} `json:"policy"`
		Summary struct {
			Succeeded uint64 `json:"total-successful-session-count"`
			Failed    uint64 `json:"total-failure-session-count"`
		} `json:"summary"`
		Failures []struct {
			Kind   string `json:"result-type"`
			Host   string `json:"receiving-mx-hostname"`
			Reason string `json:"failure-reason-code"`
			Count  uint64 `json:"failed-session-count"`
		} `json:"failure-details"`
	} `json:"policies"`
}

// values is how many values JSON has at most: its arrays and objects, and what is in them. Each may
// take many times its size in memory.
func values(text []byte) (n int) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == '{' || c == '['):
			n++
		}
	}
	return n
}

func parseTLS(text []byte) (*Report, error) {
	if values(text) > maxValues {
		return nil, ErrBounds
	}
	var doc tlsDocument
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, malformed(err)
	}
	if len(doc.Policies) == 0 {
		return nil, malformed("it has no policies")
	}
	r := &Report{ID: kept(doc.ID), Org: kept(doc.Org), Contact: kept(doc.Contact), Begin: doc.Range.Begin.UTC(), End: doc.Range.End.UTC(), TLS: new(TLS)}
	rows := 0
	for _, p := range doc.Policies {
		out := TLSPolicy{Domain: word(p.Policy.Domain), Kind: word(p.Policy.Kind), Succeeded: p.Summary.Succeeded, Failed: p.Summary.Failed}
		if rows += 1 + len(p.Failures); rows > maxRows {
			return nil, ErrBounds
		}
		if out.Kind == "" || out.Succeeded > maxCount || out.Failed > maxCount {
			return nil, malformed("a policy has no kind, or no figures")
		}
		for _, f := range p.Failures {
			if f.Count > maxCount {
				return nil, malformed("a failure has no figure")
			}
			out.Failures = append(out.Failures, Failure{Kind: word(f.Kind), Host: word(f.Host), Reason: kept(f.Reason), Count: f.Count})
		}
		r.TLS.Policies = append(r.TLS.Policies, out)
	}
	return r, nil
}
