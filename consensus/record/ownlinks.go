package record

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// owners say whose hosts and addresses an addition may name.
type owners struct {
	domain  string          // the known forwarder's, empty if there is none: all in it are own
	written map[string]bool // addresses that the author wrote to, in lower case, and their domains: what belongs to these addresses is own
	fromList
}

var (
	// sites stand in front of the domain of a list where its software has a host of its own.
	sites = []string{"", "www.", "lists.", "list.", "mail.", "mailman.", "groups."}
	// desks are behind the name of a list whom its subscribers write to. Others, and robots beside
	// it, are mailboxes like any at a provider's domain.
	desks = []string{"-request", "-leave", "-unsubscribe", "-help"}
	// shelves are what the paths of list software have in front of the name of a list.
	shelves = []string{"cgi-bin", "mailman", "mailman3", "postorius", "hyperkitty", "sympa", "listinfo", "lists", "list", "info", "options", "archives", "archive", "pipermail"}
	// orders are what desks are told.
	orders = []string{"subscribe", "unsubscribe", "help"}
)

// vouched reports whether a host is the known forwarder's.
func (own owners) vouched(host string) bool { return own.domain != "" && under(host, own.domain) }

// isHost reports whether the whole of a name is an own host: of an addressee's provider only the
// domain, of which anybody may have a page or a name below.
func (own owners) isHost(name string) bool {
	return hostName.MatchString(name) && (own.vouched(name) || own.written[strings.ToLower(name)])
}

// isAddress reports whether the whole of a name is an own address: the forwarder's, or one that the
// author wrote to or that belongs to it, as "list-leave" does to "list".
func (own owners) isAddress(name string) bool {
	local, host, _ := strings.Cut(strings.ToLower(name), "@")
	if !localPart.MatchString(local) || !hostName.MatchString(host) {
		return false
	}
	if within(host, own.domain) || own.reader != "" && local+"@"+host == own.reader {
		return true
	}
	is := func(local string) bool { return own.written[local+"@"+host] }
	for i, r := range local {
		if r == '+' && is(local[:i]) {
			return true
		}
	}
	return is(local) || slices.ContainsFunc(desks, func(desk string) bool { return strings.HasSuffix(local, desk) && is(strings.TrimSuffix(local, desk)) })
}

// isPage reports whether a link leads to a page of an address that the author wrote to: at its
// domain, with its name at the end of a path of list software.
func (own owners) isPage(u *url.URL) bool {
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Port() != "" {
		return false
	}
	host := strings.ToLower(u.Host)
	for _, site := range sites {
		domain, ok := strings.CutPrefix(host, site)
		if !ok || !own.written[domain] {
			continue
		}
		path := strings.Split(strings.Trim(strings.ToLower(u.Path), "/"), "/")
		name := path[len(path)-1]
		if address, ok := own.dotted(name); ok {
			name = address
		}
		if (own.written[name+"@"+domain] || strings.HasSuffix(name, "@"+domain) && own.written[name]) &&
			!slices.ContainsFunc(path[:len(path)-1], func(word string) bool { return !slices.Contains(shelves, word) }) {
			return true
		}
	}
	return false
}

// dotted is the address that the author wrote to which Mailman 3 names so, with a dot for its "@".
func (own owners) dotted(name string) (address string, ok bool) {
	name = strings.ToLower(name)
	for i, r := range name {
		if address = name[:i] + "@" + name[i+len(string(r)):]; r == '.' && own.written[address] {
			return address, true
		}
	}
	return "", false
}

// isOrder reports whether a link to an address that the author wrote to has its desk do no more
// than subscribe somebody or not: what else stands in it would be sent in the reader's name.
func (own owners) isOrder(u *url.URL) bool {
	for field := range u.Query() { // others are further recipients
		if field = strings.ToLower(field); field != "subject" && field != "body" {
			return false
		}
	}
	_, host, _ := strings.Cut(u.Opaque, "@")
	return own.vouched(host) || own.ordersAlone(u)
}

// ordersAlone reports whether what a link has sent to an address is orders, with the name of a
// list.
func (own owners) ordersAlone(u *url.URL) bool {
	_, host, _ := strings.Cut(strings.ToLower(u.Opaque), "@")
	for _, values := range u.Query() {
		for _, word := range strings.Fields(strings.ToLower(strings.Join(values, " "))) {
			if !slices.Contains(orders, word) && !own.written[word+"@"+host] {
				return false
			}
		}
	}
	return u.Fragment == ""
}

var (
	// linkStart is where programs begin a link. It goes on to white space or one of <>": what else
	// ends it differs from program to program.
	linkStart = regexp.MustCompile(`(?i)\b(?:[a-z][a-z0-9+.-]{1,15}:/+|mailto:|www\.)`)
	// schemed is a link without slashes.
	schemed = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]{1,15}:[a-z0-9+*#?%&]`)
	// urlPattern are the characters of RFC 3986, hostName and localPart the plain forms of an own
	// name.
	urlPattern = regexp.MustCompile(`^[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+$`)
	// behindHost are the characters of a path, query and fragment at which no program ends a link.
	behindHost = regexp.MustCompile(`^[A-Za-z0-9/?#&=%+_~.@-]*$`)
	hostName   = regexp.MustCompile(`(?i)^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)+(?:[a-z]{2,24}|xn--[a-z0-9-]+)$`)
	localPart  = regexp.MustCompile(`^[A-Za-z0-9_+=.-]+$`)
	// version is a number or a version: no address has so few parts, no top-level domain has digits
	// alone.
	version = regexp.MustCompile(`^[0-9]+\.[0-9]+(?:\.[0-9]+)?$`)
)

// ideographic are the full stops that IDNA maps to a dot and NFKC does not.
var ideographic = strings.NewReplacer("\u3002", ".", "\uff0e", ".", "\uff61", ".")

// punctuation may stand around a link, an address or a host without being taken for a part of it.
const punctuation = ".,;:!?()[]{}'*_"

// foreign says what text names that is not an own host, address or link to one, empty if nothing.
// rest is the text in NFKC without links to the known forwarder.
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

// unlinked is a word in NFKC without the link to the known forwarder in which it ends; why says
// what else it names.
func (own owners) unlinked(word string) (rest, why string) {
	rest = plainly(word)
	linked, behind := "", ""
	if at := linkStart.FindStringIndex(rest); at != nil {
		rest, linked = rest[:at[0]], rest[at[0]:]
		host, ok := own.home(strings.TrimRight(linked, punctuation))
		if !strings.HasSuffix(word, linked) || !ok {
			return "", fmt.Sprintf("its link %q leads elsewhere, or does to some programs", linked)
		}
		if !own.vouched(host) { // it may say what it does not lead to
			behind = linked
		}
	}
	plain := linked == "" && strings.Trim(rest, punctuation) == strings.Trim(word, punctuation)
	if says := own.names(rest, plain); says != "" {
		return "", fmt.Sprintf(says, word)
	}
	return rest + behind, ""
}

// names says what a word in NFKC without links names, a format for it, empty if nothing. plain
// allows own names.
func (own owners) names(word string, plain bool) (says string) {
	name := strings.Trim(word, punctuation)
	_, err := netip.ParseAddr(name)
	switch {
	case plain && (own.isAddress(name) || own.isHost(name) || own.link("http://"+name)):
	case strings.Contains(word, "@"):
		return "it names the address %q"
	case strings.Contains(word, "://"), strings.Contains(word, `\\`), schemed.MatchString(word):
		return "its link %q leads elsewhere"
	case namesHost(word) && !version.MatchString(name), err == nil:
		return "it names the host %q"
	}
	return ""
}

// link reports whether the whole of a link leads home.
func (own owners) link(link string) bool {
	_, ok := own.home(link)
	return ok
}

// plainLink reports whether a link leads home and holds nothing that could be an account: programs
// that show text alone write it out.
func (own owners) plainLink(link string) bool {
	rest, why := own.foreign(link)
	return why == "" && code(rest) == "" && own.link(link)
}

// home reports whether the whole of a link leads to an own page over HTTP or to an own address, and
// of which host, with nothing before that could be taken for it.
func (own owners) home(link string) (host string, ok bool) {
	if strings.EqualFold(link[:min(4, len(link))], "www.") {
		link = "http://" + link
	}
	u, err := url.Parse(link)
	if err != nil || u.User != nil || !urlPattern.MatchString(link) {
		return "", false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		host = u.Hostname()
		return host, len(u.Port()) <= len("65535") && hostName.MatchString(host) && (own.vouched(host) || own.isPage(u)) && own.leadsOn(link, u.Host)
	case "mailto":
		_, host, _ = strings.Cut(u.Opaque, "@")
		return host, own.isAddress(u.Opaque) && own.isOrder(u) && own.leadsOn(link, u.Opaque)
	}
	return "", false
}

// leadsOn reports whether what stands in a link behind its host or address could be nothing else to
// a program that ends the link before it, undoes its escapes, or looks for names in it.
func (own owners) leadsOn(link, host string) bool {
	_, behind, found := strings.Cut(link, host)
	plain, err := url.PathUnescape(behind)
	if !found || err != nil || !behindHost.MatchString(behind) || !utf8.ValidString(plain) {
		return false
	}
	plain = plainly(plain)
	if linkStart.MatchString(plain) {
		return false
	}
	inPath := strings.HasPrefix(behind, "/")
	for segment := range strings.SplitSeq(plain, "/") {
		if _, ok := own.dotted(segment); inPath && (ok || own.vouched(host) && own.cites(segment)) {
			continue
		}
		for _, piece := range strings.FieldsFunc(segment, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("?#&=", r) }) {
			if own.names(piece, true) != "" {
				return false
			}
		}
	}
	return true
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
