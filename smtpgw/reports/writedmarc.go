package reports

import (
	"encoding/xml"
	"errors"
)

// Why a policy was not applied (RFC 9990, section 3.1.6).
const (
	OverrideLocal   = "local_policy"
	OverrideTesting = "policy_test_mode"
)

// writtenDMARC is a DMARC report as it is sent (RFC 9990, section 3.1).
type writtenDMARC struct {
	XMLName xml.Name        `xml:"urn:ietf:params:xml:ns:dmarc-2.0 feedback"`
	Version string          `xml:"version"`
	Org     string          `xml:"report_metadata>org_name"`
	Contact string          `xml:"report_metadata>email"`
	ID      string          `xml:"report_metadata>report_id"`
	Begin   int64           `xml:"report_metadata>date_range>begin"`
	End     int64           `xml:"report_metadata>date_range>end"`
	Domain  string          `xml:"policy_published>domain"`
	How     string          `xml:"policy_published>discovery_method"`
	DKIM    string          `xml:"policy_published>adkim"`
	SPF     string          `xml:"policy_published>aspf"`
	Policy  string          `xml:"policy_published>p"`
	Below   string          `xml:"policy_published>sp"`
	Testing string          `xml:"policy_published>testing"`
	Records []writtenRecord `xml:"record"`
}

type writtenRecord struct {
	Source      string           `xml:"row>source_ip"`
	Count       uint64           `xml:"row>count"`
	Disposition string           `xml:"row>policy_evaluated>disposition"`
	DKIM        string           `xml:"row>policy_evaluated>dkim"`
	SPF         string           `xml:"row>policy_evaluated>spf"`
	Override    *writtenOverride `xml:"row>policy_evaluated>reason"`
	Envelope    string           `xml:"identifiers>envelope_from"`
	From        string           `xml:"identifiers>header_from"`
	Signatures  []writtenDKIM    `xml:"auth_results>dkim"`
	Sender      *writtenSPF      `xml:"auth_results>spf"`
}

type writtenOverride struct {
	Kind string `xml:"type"`
}

type writtenDKIM struct {
	Domain   string `xml:"domain"`
	Selector string `xml:"selector"`
	Result   string `xml:"result"`
}

type writtenSPF struct {
	Domain string `xml:"domain"`
	Scope  string `xml:"scope"`
	Result string `xml:"result"`
}

// WriteDMARC writes a DMARC report as it is sent, packed.
func WriteDMARC(r *Report) ([]byte, error) {
	d := r.DMARC
	if len(d.Rows) == 0 || len(d.Signatures) != len(d.Rows) {
		return nil, errors.New("reports: there is nothing to report")
	}
	doc := writtenDMARC{
		Version: "1.0", Org: r.Org, Contact: r.Contact, ID: r.ID, Begin: r.Begin.Unix(), End: r.End.Unix(),
		Domain: d.Domain, How: "treewalk", DKIM: mode(d.StrictDKIM), SPF: mode(d.StrictSPF), Policy: d.Policy, Below: d.Below, Testing: "n",
	}
	if d.Testing {
		doc.Testing = "y"
	}
	for i, row := range d.Rows {
		out := writtenRecord{
			Source: row.Source, Count: row.Count, Disposition: row.Disposition, DKIM: row.DKIM, SPF: row.SPF, Envelope: row.Envelope, From: row.HeaderFrom,
		}
		if row.Override != "" {
			out.Override = &writtenOverride{row.Override}
		}
		for _, s := range d.Signatures[i] {
			out.Signatures = append(out.Signatures, writtenDKIM(s))
		}
		if row.Sender.Result != "" {
			out.Sender = &writtenSPF{row.Sender.Domain, "mfrom", row.Sender.Result}
			if row.Helo {
				out.Sender.Scope = "helo"
			}
		}
		doc.Records = append(doc.Records, out)
	}
	text, err := xml.MarshalIndent(doc, "", " ")
	if err != nil {
		return nil, err
	}
	return packed(append([]byte(xml.Header), text...))
}

func mode(strict bool) string {
	if strict {
		return "s"
	}
	return "r"
}
