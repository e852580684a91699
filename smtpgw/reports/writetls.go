package reports

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"time"
)

// Types of policies (RFC 8460, section 4.2).
const (
	PolicySTS  = "sts"
	PolicyTLSA = "tlsa"
	NoPolicy   = "no-policy-found"
)

// writtenTLS is a TLS report as it is sent (RFC 8460, section 4.4).
type writtenTLS struct {
	Org      string          `json:"organization-name"`
	Range    writtenRange    `json:"date-range"`
	Contact  string          `json:"contact-info"`
	ID       string          `json:"report-id"`
	Policies []writtenPolicy `json:"policies"`
}

type writtenRange struct {
	Begin time.Time `json:"start-datetime"`
	End   time.Time `json:"end-datetime"`
}

type writtenPolicy struct {
	Policy struct {
		Kind    string   `json:"policy-type"`
		Strings []string `json:"policy-string,omitempty"`
		Domain  string   `json:"policy-domain"`
		MX      []string `json:"mx-host,omitempty"`
	} `json:"policy"`
	Summary struct {
		Succeeded uint64 `json:"total-successful-session-count"`
		Failed    uint64 `json:"total-failure-session-count"`
	} `json:"summary"`
	Failures []writtenFailure `json:"failure-details,omitempty"`
}

type writtenFailure struct {
	Kind     string `json:"result-type"`
	Sender   string `json:"sending-mta-ip,omitempty"`
	Host     string `json:"receiving-mx-hostname,omitempty"`
	Receiver string `json:"receiving-ip,omitempty"`
	Count    uint64 `json:"failed-session-count"`
	Reason   string `json:"failure-reason-code,omitempty"`
}

// WriteTLS writes a TLS report as it is sent, packed.
func WriteTLS(r *Report) ([]byte, error) {
	doc := writtenTLS{Org: r.Org, Range: writtenRange{r.Begin.UTC(), r.End.UTC()}, Contact: r.Contact, ID: r.ID, Policies: []writtenPolicy{}}
	for _, p := range r.TLS.Policies {
		var out writtenPolicy
		out.Policy.Kind, out.Policy.Strings, out.Policy.Domain, out.Policy.MX = p.Kind, p.Strings, p.Domain, p.MX
		out.Summary.Succeeded, out.Summary.Failed = p.Succeeded, p.Failed
		for _, f := range p.Failures {
			out.Failures = append(out.Failures, writtenFailure{f.Kind, f.Sender, f.Host, f.Receiver, f.Count, f.Reason})
		}
		doc.Policies = append(doc.Policies, out)
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	return packed(text)
}

// packed is a text packed by gzip.
func packed(text []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
