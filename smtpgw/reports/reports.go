// Package reports reads and writes what servers report to a domain about mail in its name: DMARC
// aggregate reports (RFC 9990, and RFC 7489, appendix C) and TLS reports (RFC 8460). It does no
// I/O, and what it reads is bounded: anybody may send it.
package reports

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-message"
)

// Bounds on what is read.
const (
	maxUnpacked = 16 << 20 // octets of all reports of a mail
	maxFiles    = 16       // of a zip archive, and reports of a mail
	maxParts    = 64       // of a mail
	maxDepth    = 8        // of parts within parts
	maxNesting  = 16       // of elements in XML
	maxRows     = 20_000   // of a DMARC report, and failures of a TLS report
	maxValues   = 200_000  // of a TLS report
	maxToken    = 64 << 10 // octets of a tag, or of a text, in XML
	maxText     = 255      // octets of one value that is kept
)

// Errors of what is no report.
var (
	// ErrNone: there is none in it.
	ErrNone = errors.New("reports: there is no report in it")
	// ErrMalformed: it looks like one, and cannot be read.
	ErrMalformed = errors.New("reports: the report cannot be read")
	// ErrBounds: it is larger than any that is read.
	ErrBounds = errors.New("reports: the report is too large")
)

// Report is one report: of the two kinds of figures it has one.
type Report struct {
	ID, Org, Contact string
	Begin, End       time.Time // UTC
	DMARC            *DMARC
	TLS              *TLS
}

// DMARC is what a receiver saw of mail that claimed to be from a domain.
type DMARC struct {
	Domain  string // that publishes the policy
	Policy  string // none, quarantine, reject
	Testing bool   // pct or t say that the policy is not applied to all
	Rows    []Row

	// Below is the policy for what is below the domain, Strict which methods have to name it
	// itself. Signatures are those of the mail of each row. They are written, and not read.
	Below                 string
	StrictDKIM, StrictSPF bool
	Signatures            [][]Authenticated
}

// Row is mail from one address.
type Row struct {
	Source      string // address
	Count       uint64 // messages
	Disposition string // what became of them: none, pass, quarantine, reject
	DKIM, SPF   string // whether they pass, aligned: pass, fail
	HeaderFrom  string // domain

	// Envelope is the domain of the envelope sender, Sender what SPF said of it, or of the client's
	// name; Override is why the policy was not applied. They are written, and not read.
	Envelope string
	Sender   Authenticated
	Helo     bool
	Override string
}

// Authenticated is the result of SPF or DKIM for a domain.
type Authenticated struct{ Domain, Selector, Result string }

// Passes reports whether the mail of a row passed DMARC.
func (r *Row) Passes() bool { return r.DKIM == "pass" || r.SPF == "pass" }

// Sums are how many messages passed and failed.
func (d *DMARC) Sums() (passed, failed uint64) {
	for i := range d.Rows {
		if r := &d.Rows[i]; r.Passes() {
			passed += r.Count
		} else {
			failed += r.Count
		}
	}
	return passed, failed
}

// TLS is what a sender saw of sessions with the servers of a domain.
type TLS struct{ Policies []TLSPolicy }

// TLSPolicy is the sessions by one policy.
type TLSPolicy struct {
	Domain            string // empty: it does not say
	Kind              string // tlsa, sts, no-policy-found
	Succeeded, Failed uint64 // sessions
	Failures          []Failure

	// Strings are the policy as it was found, MX the hosts that it names. They are written, and
	// not read.
	Strings, MX []string
}

// Failure is why some sessions failed (RFC 8460, section 4.3).
type Failure struct {
	Kind, Host, Reason string
	Count              uint64 // sessions

	Sender, Receiver string // addresses of the servers; they are written, and not read
}

// Find returns the reports in a file: a report itself, one packed by gzip or zip, or a mail with
// some in its parts. Errors are those above.
func Find(raw []byte) ([]*Report, error) {
	w := walk{left: maxUnpacked}
	if isPacked(raw) || looksLike(raw) {
		return w.unpack(raw)
	}
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return nil, ErrNone
	}
	w.entity(e, 0)
	switch {
	case len(w.found) > 0:
		return w.found, nil
	case w.bad != nil:
		return nil, w.bad
	}
	return nil, ErrNone
}

// walk goes through the parts of a mail.
type walk struct {
	parts int
	tried int // parts that looked like a report
	left  int // octets that those may have which come
	found []*Report
	bad   error // of the first part that looks like a report
}

func (w *walk) entity(e *message.Entity, depth int) {
	if w.parts++; w.parts > maxParts || depth > maxDepth || len(w.found) >= maxFiles {
		return
	}
	if parts := e.MultipartReader(); parts != nil {
		for w.parts <= maxParts {
			part, err := parts.NextPart()
			if part == nil || err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
				return
			}
			w.entity(part, depth+1)
		}
		return
	}
	body, err := bounded(e.Body, maxUnpacked)
	if err != nil || !isPacked(body) && !looksLike(body) || w.tried >= maxFiles {
		return
	}
	w.tried++
	more, err := w.unpack(body)
	if err != nil && w.bad == nil && !errors.Is(err, ErrNone) {
		w.bad = err
	}
	w.found = append(w.found, more...)
}

// bounded reads so many octets at most.
func bounded(r io.Reader, most int) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if len(b) > most {
		return nil, ErrBounds
	}
	return b, err
}

func isPacked(b []byte) bool {
	return bytes.HasPrefix(b, []byte("\x1f\x8b")) || bytes.HasPrefix(b, []byte("PK\x03\x04"))
}

// looksLike reports whether a text may be a report.
func looksLike(b []byte) bool {
	b = trimmed(b)
	return bytes.HasPrefix(b, []byte("{")) || bytes.HasPrefix(b, []byte("<?xml")) || bytes.HasPrefix(b, []byte("<feedback"))
}

func trimmed(b []byte) []byte {
	return bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
}

// unpack reads what may be packed, once: a report is not packed twice.
func (w *walk) unpack(b []byte) ([]*Report, error) {
	switch {
	case bytes.HasPrefix(b, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, malformed(err)
		}
		text, err := bounded(z, w.left)
		if errors.Is(err, io.ErrUnexpectedEOF) && len(text) > 0 {
			err = nil // some send it without its end: whether the report itself is whole is seen in it
		}
		return w.one(text, err)
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		return w.unzip(b)
	}
	return w.one(b, nil)
}

// unzip reads the reports in an archive.
func (w *walk) unzip(b []byte) (all []*Report, err error) {
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, malformed(err)
	}
	if len(archive.File) > maxFiles {
		return nil, ErrBounds
	}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			return nil, malformed(err)
		}
		text, err := bounded(r, w.left)
		if err == nil && !looksLike(text) {
			w.left -= len(text)
			continue
		}
		found, err := w.one(text, err)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, ErrNone
	}
	return all, nil
}

// one reads a report that is not packed, unless reading it has failed.
func (w *walk) one(text []byte, err error) ([]*Report, error) {
	if errors.Is(err, ErrBounds) {
		return nil, err
	}
	if err != nil {
		return nil, malformed(err)
	}
	if w.left -= len(text); w.left < 0 {
		w.left = 0
		return nil, ErrBounds
	}
	var r *Report
	if text = trimmed(text); bytes.HasPrefix(text, []byte("{")) {
		r, err = parseTLS(text)
	} else {
		r, err = parseDMARC(text)
	}
	if err != nil {
		return nil, err
	}
	return []*Report{r}, nil
}

func malformed(why any) error { return fmt.Errorf("%w: %v", ErrMalformed, why) }

// kept is a value as it is kept: in one line of UTF-8 without control characters, and bounded.
func kept(s string) string {
	s = strings.ToValidUTF8(strings.TrimSpace(s), "?")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return '?'
		}
		return r
	}, s)
	for len(s) > maxText {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// word is kept of a keyword.
func word(s string) string { return strings.ToLower(kept(s)) }
