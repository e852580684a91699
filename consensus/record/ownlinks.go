package record

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// owners say whose hosts and addresses an addition may name.
type owners struct {
	host    func(host string) bool
	address func(address string) bool
}

var (
	// linkStart is where programs begin a link. It goes on to white space or one of <>": what else ends
	// it differs from program to program.
	linkStart = regexp.MustCompile(`(?i)\b(?:[a-z][a-z0-9+.-]{1,15}:/+|mailto:|www\.)`)
	// urlPattern are the characters of RFC 3986, hostName and localPart the plain forms of an own name.
	urlPattern = regexp.MustCompile(`^[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+$`)
	// behindHost are the characters of a path, query and fragment at which no program ends a link.
	behindHost = regexp.MustCompile(`^[A-Za-z0-9/?#&=%+_~.@-]*$`)
	// fileEnding is what files on the web end in, and is no top-level domain.
	fileEnding = regexp.MustCompile(`(?i)\.(?:html?|php|cgi|aspx?|jsp|txt)$`)
	hostName   = regexp.MustCompile(`(?i)^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]+)$`)
	localPart  = regexp.MustCompile(`^[A-Za-z0-9_+=.-]+$`)
	// dotted is what may be a host, in whatever script: IDNA takes marks, and symbols in front.
	dotted = regexp.MustCompile(`[^\s.]\.[\pL\pM\pN]`)
	// version is a number or a version: no address has so few parts, no top-level domain has digits alone.
	version = regexp.MustCompile(`^[0-9]+\.[0-9]+(?:\.[0-9]+)?$`)
)

// ideographic are the full stops that IDNA maps to a dot and NFKC does not.
var ideographic = strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".")

// punctuation may stand around a link, an address or a host without being taken for a part of it.
const punctuation = ".,;:!?()[]{}'*_"

// foreign says what text names that is not an own host, address or link to one, empty if nothing.
// rest is the text in NFKC without own links.
func (own owners) foreign(text string) (rest, why string) {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`<>"`, r) }) {
		word, why := own.unlinked(word)
		if why != "" {
			return "", why
		}
		b.WriteString(word + " ")
	}
	return b.String(), ""
}

// unlinked is a word in NFKC without the own link in which it ends; why says what else it names.
func (own owners) unlinked(word string) (rest, why string) {
	rest = ideographic.Replace(norm.NFKC.String(word))
	linked := ""
	if at := linkStart.FindStringIndex(rest); at != nil {
		rest, linked = rest[:at[0]], rest[at[0]:]
		link := strings.TrimRight(linked, punctuation)
		if !strings.HasSuffix(word, linked) || !own.link(link) {
			return "", fmt.Sprintf("its link %q leads elsewhere, or does to some programs", linked)
		}
	}
	plain := linked == "" && strings.Trim(rest, punctuation) == strings.Trim(word, punctuation)
	if says := own.names(rest, plain); says != "" {
		return "", fmt.Sprintf(says, word)
	}
	return rest, ""
}

// names says what a word in NFKC without links names, a format for it, empty if nothing. plain allows
// own names.
func (own owners) names(word string, plain bool) (says string) {
	name := strings.Trim(word, punctuation)
	_, err := netip.ParseAddr(name)
	switch {
	case plain && (own.isAddress(name) || own.link("http://"+name)):
	case strings.Contains(word, "@"):
		return "it names the address %q"
	case strings.Contains(word, "://"), strings.Contains(word, `\\`):
		return "its link %q leads elsewhere"
	case dotted.MatchString(word) && !version.MatchString(name), err == nil:
		return "it names the host %q"
	}
	return ""
}

// link reports whether the whole of a link leads to an own host: over HTTP or to an own address, with
// nothing before the host that could be taken for it.
func (own owners) link(link string) bool {
	if strings.EqualFold(link[:min(4, len(link))], "www.") {
		link = "http://" + link
	}
	u, err := url.Parse(link)
	if err != nil || u.User != nil || !urlPattern.MatchString(link) {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return len(u.Port()) <= len("65535") && hostName.MatchString(u.Hostname()) && own.host(u.Hostname()) && own.leadsOn(link, u.Host)
	case "mailto":
		for field := range u.Query() { // others are further recipients
			if !strings.EqualFold(field, "subject") && !strings.EqualFold(field, "body") {
				return false
			}
		}
		return own.isAddress(u.Opaque) && own.leadsOn(link, u.Opaque)
	}
	return false
}

// leadsOn reports whether what stands in a link behind its host or address could be nothing else to
// a program that ends the link before it, undoes its escapes, or looks for names in it.
func (own owners) leadsOn(link, host string) bool {
	_, behind, found := strings.Cut(link, host)
	plain, err := url.PathUnescape(behind)
	if !found || err != nil || !behindHost.MatchString(behind) || !utf8.ValidString(plain) {
		return false
	}
	plain = ideographic.Replace(norm.NFKC.String(plain))
	if linkStart.MatchString(plain) {
		return false
	}
	for _, piece := range strings.FieldsFunc(plain, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("/?#&=", r) }) {
		if own.names(fileEnding.ReplaceAllString(piece, ""), true) != "" {
			return false
		}
	}
	return true
}

// isAddress reports whether the whole of a name is an own address.
func (own owners) isAddress(name string) bool {
	local, host, _ := strings.Cut(name, "@")
	return localPart.MatchString(local) && hostName.MatchString(host) && own.address(name)
}

// harmlessActions reports whether the links of a list field lead to own hosts and addresses, and
// what else it names is one.
func harmlessActions(value string, own owners) bool {
	for rest := value; ; {
		before, after, found := strings.Cut(rest, "<")
		if _, why := own.foreign(before); why != "" {
			return false
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
			if _, why := own.foreign(inner); why != "" {
				return false
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
