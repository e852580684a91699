package record

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"cairn/mailstore/message"
)

// What an addition to the author's text may be without anybody vouching for it: small enough not to
// take the place of the author's words, and with nothing in it that moves money or readers.
const (
	maxAddition = 512 // octets
	maxDigits   = 6   // outside of links
)

// owners say whose hosts and addresses an addition may name.
type owners struct {
	host    func(host string) bool
	address func(address string) bool
}

var (
	// linkPattern is what programs make a link of; a link ends where no URL goes on.
	linkPattern = regexp.MustCompile(`(?i)(?:\b[a-z][a-z0-9+.-]{1,15}:/+|\bwww\.)[\pL\pN/._~%?=&#+@:\[\]!$*,;-]+`)
	// mailPattern is an address, in a mailto link or not.
	mailPattern = regexp.MustCompile(`[\pL\pN!#$%&'*+/=?^_{|}~.-]+@[\pL\pN.\[\]:_-]*[\pL\pN\]]`)
	hostPattern = regexp.MustCompile(`(?i)(?:[\pL\pN_](?:[\pL\pN_-]*[\pL\pN_])?\.)+(?:\pL{2,24}|xn--[a-z0-9-]+)`)
)

// harmless reports whether text that was added names no host and no address but own ones, has no
// seven digits outside of links, and is short. Control characters and those that turn the direction
// of text are never harmless.
func harmless(added []byte, own owners) bool { return harm(added, own) == "" }

// harm says why text that was added is not harmless, empty if it is.
func harm(added []byte, own owners) string {
	added = bytes.TrimSpace(added)
	switch {
	case len(added) > maxAddition:
		return fmt.Sprintf("it has %d octets, more than %d", len(added), maxAddition)
	case !utf8.Valid(added):
		return "it is not in UTF-8"
	case strings.ContainsFunc(string(added), odd):
		return "it has characters that hide or turn others"
	}
	text := withDots(norm.NFKC.String(string(added)))
	for _, link := range linkPattern.FindAllString(text, -1) {
		if !own.link(strings.TrimRight(link, ".,;:!?")) {
			return fmt.Sprintf("its link %q leads elsewhere", link)
		}
	}
	for _, address := range mailPattern.FindAllString(text, -1) {
		if !own.address(strings.TrimPrefix(address, "mailto:")) {
			return fmt.Sprintf("it names the address %q", address)
		}
	}
	unlinked := linkPattern.ReplaceAllString(text, " ")
	for _, host := range hostPattern.FindAllString(mailPattern.ReplaceAllString(unlinked, " "), -1) {
		if !own.host(host) {
			return fmt.Sprintf("it names the host %q", host)
		}
	}
	digits := 0
	for _, c := range unlinked {
		if unicode.IsNumber(c) {
			digits++
		}
	}
	if digits > maxDigits {
		return "seven digits look like an account or a telephone number"
	}
	return ""
}

// CheckFooter says why recipients would not take text, with what sets it off in front, for the footer
// of a mailing list at that domain; nil if they would.
func CheckFooter(text, domain string) error {
	own := owners{
		host: func(host string) bool { return under(host, domain) },
		address: func(address string) bool {
			_, at, _ := strings.Cut(strings.ToLower(address), "@")
			return at == domain || strings.HasSuffix(at, "."+domain)
		},
	}
	why := harm([]byte(text), own)
	if why == "" && !separated([]byte(text)) {
		why = "it does not begin with a line that sets it apart"
	}
	if why != "" {
		return errors.New(why)
	}
	return nil
}

// link reports whether a link leads to an own host: over HTTP or to an own address, with nothing
// before the host that could be taken for it.
func (own owners) link(link string) bool {
	if strings.EqualFold(link[:min(4, len(link))], "www.") {
		link = "http://" + link
	}
	u, err := url.Parse(link)
	if err != nil || u.User != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		host := u.Hostname()
		return len(u.Port()) <= len("65535") && hostPattern.FindString(host) == host && own.host(host)
	case "mailto":
		address, _, _ := strings.Cut(u.Opaque, "?")
		return mailPattern.FindString(address) == address && own.address(address)
	}
	return false
}

// withDots turns ideographic full stops beside ASCII, which browsers take for dots of a host, into
// dots.
func withDots(text string) string {
	const stop = "\u3002"
	if !strings.Contains(text, stop) {
		return text
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, stop)
		b.WriteString(before)
		switch {
		case !found:
			return b.String()
		case before != "" && before[len(before)-1] < 0x80 || after != "" && after[0] < 0x80 && after[0] > ' ':
			b.WriteByte('.')
		default:
			b.WriteString(stop)
		}
		text = after
	}
}

// harmlessActions reports whether the links of a list field lead to own hosts and addresses, and
// what else it names is one.
func harmlessActions(value string, own owners) bool {
	for rest := value; ; {
		before, after, found := strings.Cut(rest, "<")
		for _, host := range hostPattern.FindAllString(before, -1) {
			if !own.host(host) {
				return false
			}
		}
		if !found {
			return true
		}
		inner, behind, closed := strings.Cut(after, ">")
		switch {
		case !closed || strings.ContainsFunc(inner, odd):
			return false
		case strings.Contains(inner, ":"):
			if !own.link(strings.Join(strings.Fields(inner), "")) {
				return false
			}
		default:
			for _, host := range hostPattern.FindAllString(inner, -1) {
				if !own.host(host) {
					return false
				}
			}
		}
		rest = behind
	}
}

// own says what hosts and addresses are the author's addressees' or the known forwarder's.
func (c *comparer) own() owners { return owners{c.ownHost, c.ownAddress} }

// robots are the addresses at which the software of lists is asked to do something.
var robots = []string{"majordomo", "listserv", "mailman", "sympa", "ecartis"}

// ownAddress reports whether an address is the known forwarder's, or one that the author wrote to or
// that belongs to it, as "list-leave" does to "list".
func (c *comparer) ownAddress(address string) bool {
	local, domain, ok := strings.Cut(strings.ToLower(address), "@")
	if !ok || !c.ownHost(domain) {
		return false
	}
	if f := c.with.Forwarder; f != nil && (domain == f.Domain || strings.HasSuffix(domain, "."+f.Domain)) {
		return true
	}
	for _, m := range c.written {
		theirs, at, _ := strings.Cut(m.Addr, "@")
		if at != domain {
			continue
		}
		for _, robot := range robots {
			if local == robot {
				return true
			}
		}
		if local == theirs || strings.HasPrefix(local, theirs+"-") || strings.HasPrefix(local, theirs+"+") || local == "owner-"+theirs {
			return true
		}
	}
	return false
}

// odd reports whether a character hides, turns or stands for digits that others count.
func odd(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ' || 0x7f <= r && r < 0xa0:
		return true
	case 0x200b <= r && r <= 0x200f, 0x202a <= r && r <= 0x202e, 0x2060 <= r && r <= 0x2069, r == 0xfeff, r == 0xad:
		return true
	case 0xff00 <= r && r <= 0xffef: // full width: Ｅ, ５
		return true
	}
	return r >= 0x80 && unicode.IsNumber(r)
}

// separated reports whether text that follows the author's begins with a line that sets it apart.
func separated(added []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimLeft(added, "\n"), []byte("\n"))
	line = bytes.TrimSpace(line)
	return len(line) >= 2 && len(bytes.Trim(line, "-_=*~+.# ")) == 0 || len(line) >= 3 && len(bytes.Trim(line, "─━—–═")) == 0
}

// clip bounds what is kept of an addition, and says whether anything was left out: of what nobody
// has read nobody can say that it is harmless.
func clip(s string) (kept string, cut bool) {
	return s[:min(len(s), maxFooterBytes)], len(s) > maxFooterBytes
}

const maxQuoted = 160 // characters

// quote is an addition for people, in one line: what is seen of it, begin and end of what is long.
func quote(t message.Type, added string) string {
	if t == message.HTML {
		if seen := readable([]byte(added), true); len(seen) > 0 {
			added = string(seen)
		}
	}
	line := []rune(strings.Join(strings.Fields(strings.ToValidUTF8(added, "\uFFFD")), " "))
	if len(line) > maxQuoted {
		return string(line[:maxQuoted*2/3]) + " … " + string(line[len(line)-maxQuoted/3:])
	}
	return string(line)
}
