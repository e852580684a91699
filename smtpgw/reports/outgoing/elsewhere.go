package outgoing

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"time"

	"cairn/mailstore/message/maildomain"
	"cairn/smtpgw/authres/dmarc"
	"cairn/smtpgw/reports"
	"cairn/smtpgw/reports/tally"
)

// Of TLS reports nobody is asked whether he wants them: a record may name whom it likes. Who has
// many domains could have somebody written to for each of them.
const (
	// mostToOne is how many reports on the domains of others go to one address in a day, and
	// mostToHost how many to one domain or web server. Attempts count too.
	mostToOne  = 100
	mostToHost = 1000
)

// elsewhere counts what went to whom on one day. It is forgotten at a restart.
type elsewhere struct {
	day  tally.Day
	went map[[16]byte]uint16 // by a hash: strangers choose what is named, and how long it is
}

// mayHave reports whether one more report on a domain may go to a destination, and counts it; why
// says why not. Who has reports on domains of his own is held to nothing.
func (s *Sender) mayHave(domain string, d reports.Destination, now time.Time) (why string, ok bool) {
	host := hostOf(d)
	if dmarc.Registered(host) == dmarc.Registered(domain) {
		return "", true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := &s.away; e.went == nil || e.day != tally.DayOf(now) {
		*e = elsewhere{tally.DayOf(now), make(map[[16]byte]uint16)}
	}
	one, all := hashed("to "+d.Mail), hashed("at "+host)
	switch {
	case d.Mail != "" && s.away.went[one] >= mostToOne:
		return fmt.Sprintf("%d reports on domains of others went there today, which is the most", mostToOne), false
	case s.away.went[all] >= mostToHost:
		return fmt.Sprintf("%d reports on domains of others went to %s today, which is the most", mostToHost, host), false
	}
	s.away.went[all]++
	if d.Mail != "" {
		s.away.went[one]++
	}
	return "", true
}

func hashed(name string) [16]byte {
	h := sha256.Sum256([]byte(name))
	return [16]byte(h[:])
}

// hostOf is the domain of an address, or the name of a web server.
func hostOf(d reports.Destination) string {
	if d.Mail != "" {
		return maildomain.OfAddress(d.Mail)
	}
	u, err := url.Parse(d.URL)
	if err != nil {
		return d.URL
	}
	return u.Hostname()
}
