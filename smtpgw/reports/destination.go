package reports

import (
	"net/url"
	"strconv"
	"strings"

	"cairn/mailstore/message/maildomain"
)

// Bounds on what a domain may name.
const (
	maxURL    = 2000 // octets
	maxRecord = 8192 // octets of a TXT record
	maxLocal  = 64   // octets of a local part
)

// MaxDestinations is how many of the destinations that a domain names get its reports.
const MaxDestinations = 4

// Destination is where a domain wants its reports: an address, or a web server.
type Destination struct {
	Mail string // its domain is canonical; empty: URL it is
	URL  string // https
	Most uint64 // octets that are taken there; 0: it does not say
}

// String is how it is shown.
func (d Destination) String() string {
	if d.Mail != "" {
		return d.Mail
	}
	return d.URL
}

// TLSDestinations reads the TXT records of _smtp._tls below a domain (RFC 8460, section 3). None:
// it wants no reports. Those that are of another form are left out.
func TLSDestinations(records []string) []Destination {
	var rua string
	found := 0
	for _, r := range records {
		fields := strings.Split(r, ";")
		if strings.TrimRight(fields[0], " \t") != "v=TLSRPTv1" || len(fields) < 2 || len(r) > maxRecord {
			continue
		}
		found++
		for _, f := range fields[1:] {
			if v, is := strings.CutPrefix(strings.Trim(f, " \t"), "rua="); is && rua == "" {
				rua = v
			}
		}
	}
	if found != 1 {
		return nil
	}
	return destinations(rua, destinationOfTLS)
}

// DMARCDestinations reads the tag rua of a DMARC record: addresses alone (RFC 9990, section 3.5).
func DMARCDestinations(rua string) []Destination {
	if len(rua) > maxRecord {
		return nil
	}
	return destinations(rua, destinationOfDMARC)
}

// destinations are the first ones of a list that are well formed, each once.
func destinations(rua string, read func(string) (Destination, bool)) (list []Destination) {
	seen := make(map[string]bool)
	for uri := range strings.SplitSeq(rua, ",") {
		d, ok := read(strings.Trim(uri, " \t"))
		if ok && len(list) < MaxDestinations && !seen[d.String()] {
			seen[d.String()] = true
			list = append(list, d)
		}
	}
	return list
}

func destinationOfTLS(uri string) (Destination, bool) {
	if address, ok := mailto(uri); ok {
		return Destination{Mail: address}, true
	}
	if strings.ContainsFunc(uri, func(r rune) bool { return r <= ' ' || r >= 0x7f }) { // RFC 3986, section 2
		return Destination{}, false
	}
	u, err := url.Parse(uri)
	if err != nil || !strings.EqualFold(u.Scheme, "https") || u.Opaque != "" || u.User != nil || u.Fragment != "" || len(uri) > maxURL {
		return Destination{}, false
	}
	// A port of its own would let whoever writes the record knock at services that speak no HTTP.
	host := maildomain.Canonical(u.Hostname())
	if !isName(host) || u.Port() != "" && u.Port() != "443" {
		return Destination{}, false
	}
	u.Scheme, u.Host = "https", host
	return Destination{URL: u.String()}, true
}

// destinationOfDMARC is an address, with the size that it takes behind "!".
func destinationOfDMARC(uri string) (d Destination, ok bool) {
	uri, size, sized := strings.Cut(uri, "!")
	if d.Mail, ok = mailto(uri); !ok {
		return Destination{}, false
	}
	if sized {
		d.Most, ok = sizeOf(size)
	}
	return d, ok
}

// sizeOf reads a size, as in 10m (RFC 7489, section 6.3).
func sizeOf(text string) (uint64, bool) {
	text = strings.ToLower(text) // which changes how long it is, if it is no text
	digits := strings.TrimRight(text, "kmgt")
	unit := text[len(digits):]
	n, err := strconv.ParseUint(digits, 10, 64)
	shift, known := map[string]uint{"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[unit]
	if err != nil || !known || n == 0 || n > 1<<20 && unit != "" || n > 1<<60 {
		return 0, false
	}
	return n << shift, true
}

// mailto reads the address of such a URI (RFC 6068). Fields that it asks for are not taken over.
func mailto(uri string) (address string, ok bool) {
	u, err := url.Parse(uri)
	if err != nil || !strings.EqualFold(u.Scheme, "mailto") || u.Opaque == "" || u.Fragment != "" {
		return "", false
	}
	text, err := url.PathUnescape(u.Opaque)
	if err != nil {
		return "", false
	}
	at := strings.LastIndexByte(text, '@')
	if at < 1 || at > maxLocal || !isDotAtom(text[:at]) {
		return "", false
	}
	domain := maildomain.Canonical(text[at+1:])
	if !isName(domain) {
		return "", false
	}
	return text[:at] + "@" + domain, true
}

// isName reports whether a canonical domain is one that the DNS may know, and no address.
func isName(domain string) bool {
	top := domain[strings.LastIndexByte(domain, '.')+1:]
	return maildomain.Valid(domain) && top != domain && strings.Trim(top, "0123456789") != ""
}

// isDotAtom reports whether a local part needs no quotes (RFC 5321, section 4.1.2).
func isDotAtom(local string) bool {
	for _, atom := range strings.Split(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool {
			return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
		}) {
			return false
		}
	}
	return true
}
