package reports

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// dmarcReader reads an aggregate report element by element: what is not known is passed over.
type dmarcReader struct {
	path []string
	text strings.Builder
	r    Report
	d    DMARC
	row  Row
	rows int
	bad  error
}

// parseDMARC reads an aggregate report (RFC 9990, section 3.1).
func parseDMARC(text []byte) (*Report, error) {
	in := tokens{text: bytes.ToValidUTF8(text, []byte("?"))}
	x := xml.NewDecoder(&in)
	x.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // figures and domains are ASCII
	var p dmarcReader
	for p.bad == nil {
		in.left = maxToken
		token, err := x.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, ErrBounds) {
			return nil, err
		}
		if err != nil {
			return nil, malformed(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			p.begin(t.Name.Local)
		case xml.CharData:
			if p.text.Len() <= maxText {
				p.text.Write(t[:min(len(t), maxText+1)])
			}
		case xml.EndElement:
			p.end(t.Name.Local)
		}
	}
	switch {
	case p.bad != nil:
		return nil, p.bad
	case len(p.path) > 0:
		return nil, malformed("it ends early")
	case p.d.Domain == "":
		return nil, malformed("it names no domain")
	}
	p.r.DMARC = &p.d
	return &p.r, nil
}

// tokens gives a decoder no more than one token may have: a tag of many attributes takes many times
// its size in memory.
type tokens struct {
	text []byte
	left int
}

func (t *tokens) ReadByte() (byte, error) {
	switch {
	case len(t.text) == 0:
		return 0, io.EOF
	case t.left == 0:
		return 0, ErrBounds
	}
	b := t.text[0]
	t.text, t.left = t.text[1:], t.left-1
	return b, nil
}

// Read is there for io.Reader; the decoder takes ReadByte.
func (t *tokens) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	b, err := t.ReadByte()
	if err != nil {
		return 0, err
	}
	p[0] = b
	return 1, nil
}

func (p *dmarcReader) begin(name string) {
	if len(p.path) == 0 && name != "feedback" {
		p.bad = malformed("its root is " + strconv.Quote(kept(name)))
	}
	if len(p.path) >= maxNesting {
		p.bad = ErrBounds
	}
	p.path = append(p.path, name)
	p.text.Reset()
	if p.at() == "record" {
		p.row = Row{}
	}
}

// at is where the reader is, below the root.
func (p *dmarcReader) at() string { return strings.Join(p.path[min(1, len(p.path)):], "/") }

func (p *dmarcReader) end(name string) {
	if len(p.path) == 0 || p.path[len(p.path)-1] != name {
		p.bad = malformed("its elements do not nest")
		return
	}
	value := p.text.String()
	switch p.at() {
	case "report_metadata/org_name":
		p.r.Org = kept(value)
	case "report_metadata/email":
		p.r.Contact = kept(value)
	case "report_metadata/report_id":
		p.r.ID = kept(value)
	case "report_metadata/date_range/begin":
		p.r.Begin = p.time(value)
	case "report_metadata/date_range/end":
		p.r.End = p.time(value)
	case "policy_published/domain":
		p.d.Domain = word(value)
	case "policy_published/p":
		p.d.Policy = word(value)
	case "policy_published/testing":
		p.d.Testing = p.d.Testing || word(value) == "y"
	case "policy_published/pct":
		p.d.Testing = p.d.Testing || word(value) != "100"
	case "record/row/source_ip":
		p.row.Source = p.address(value)
	case "record/row/count":
		p.row.Count = p.number(value)
	case "record/row/policy_evaluated/disposition":
		p.row.Disposition = word(value)
	case "record/row/policy_evaluated/dkim":
		p.row.DKIM = word(value)
	case "record/row/policy_evaluated/spf":
		p.row.SPF = word(value)
	case "record/identifiers/header_from":
		p.row.HeaderFrom = word(value)
	case "record":
		if p.rows++; p.rows > maxRows {
			p.bad = ErrBounds
			return
		}
		p.d.Rows = append(p.d.Rows, p.row)
	}
	p.path = p.path[:len(p.path)-1]
	p.text.Reset()
}

// maxCount bounds a figure, so that sums of all rows fit.
const maxCount = 1 << 40

func (p *dmarcReader) number(value string) uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
	if err != nil || n > maxCount {
		p.bad = malformed("no count: " + strconv.Quote(kept(value)))
	}
	return n
}

func (p *dmarcReader) time(value string) time.Time {
	n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		p.bad = malformed("no time: " + strconv.Quote(kept(value)))
	}
	return time.Unix(n, 0).UTC()
}

func (p *dmarcReader) address(value string) string {
	a, err := netip.ParseAddr(strings.TrimSpace(value))
	if err != nil {
		p.bad = malformed("no address: " + strconv.Quote(kept(value)))
	}
	return a.WithZone("").String()
}
