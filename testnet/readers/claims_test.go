package readers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"cairn/consensus/record"
	"cairn/mailstore/message"
	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/testenv"
)

// hosts are domains of which a From field has parts, in the ways in which it may be written.
var (
	hosts = []string{
		"own.example", "own .example", "own. example", "own . example", "own\r\n .example", "own\t.\r\n\texample",
		"own (c) .example", "own.(c)example", "(c)own.example", "own.example (c)", "o(c)wn.example", "ow n.example",
		"own (c (d) \\) e).example", "own (c ( d).example", "own (c.example", "\"own.example\"", "own.\"example\"", "own.\\example",
		"=?utf-8?Q?own=2Eexample?=", "own=?utf-8?Q?=2Eexample?=", "=?utf-8?B?b3du?= =?utf-8?B?LmV4YW1wbGU=?=",
		"=?utf-8?B?b3duLg==?= =?utf-8?B?ZXhhbXBsZQ==?=", "=?utf-8?B?b3duLg==ZXhhbXBsZQ==?=", "=?utf-8?B?b3duLmV4YW1wbGU?=",
		"=?utf-7?Q?own+AC4-example?=", "own..example", "own.example.", ".own.example", "own\x00.example", "own.exa\x00mple",
		"own\x0b.example", "own.\x7fexample", "own\u00ad.example", "own\u3002example", "own\xa0.example", "own\r.example", "own.example\r", "OWN.Example",
		"own,.example", "own;.example", "own:.example", "own<.example", "own>.example", "[own.example]", "own.example@y.example", "y.example@own.example",
	}
	frames = []string{
		"boss@%s", "Boss <boss@%s>", "<boss@ %s>", "< boss @ %s >", "Boss <boss@%s", "boss@%s>", "boss@%s <eve@y.example>", "boss@%s, eve@y.example",
		"eve@y.example boss@%s", "eve@y.example, boss@%s", "<eve@y.example> boss@%s", "<eve@y.example> <boss@%s>", "<boss@%s> eve@y.example",
		"<@%s:eve@y.example>", "<@y.example:boss@%s>", "<@y.example,@%s:boss@y.example>", "team: boss@%s, eve@y.example;", "team: boss@%s",
		"boss@%s (x <eve@y.example>", "(x boss@%s", "(x) boss@%s", "\"x boss@%s", "\"x\" boss@%s", "\"boss@%s\" <eve@y.example>", "\"a\"@%s", "[boss@%s]",
		"boss%%eve@%s", "%[1]s!boss", "boss@%s Boss", "eve@y.example\r\nX-Note: x\rFrom: boss@%s", "eve@y.example\r\nFrom: boss@%s", "=?utf-8?Q?boss=40?=%s",
		"=?utf-8?Q?Boss_=3Cboss=40own=2Eexample=3E?= <eve@%s>", "\\boss@%s", "boss\r\n @%s", "boss@\r\n\t%s", "boss@%s\r\nSender: eve@y.example",
		"\"boss@%s\":;", "\"boss@%s\": eve@y.example;", "boss@%s:;", "eve@y.example (boss@%s)", "\"boss@%s via devs\" <eve@y.example>", "\r\nSender: boss@%s",
		"(nobody)\r\nSender: boss@%s", "Boss <>\r\nSender: boss@%s", "Undisclosed:;\r\nSender: boss@%s", "\r\nReturn-Path: <boss@%s>",
	}
)

// TestClaims holds that the domain of each author whom a program shows is among those that a header
// claims.
func TestClaims(t *testing.T) {
	var mails [][]byte
	for _, frame := range frames {
		for _, host := range hosts {
			mails = append(mails, []byte("From: "+fmt.Sprintf(frame, host)+"\r\nTo: x@z.example\r\nSubject: x\r\n\r\nx\r\n"))
		}
	}
	g, err := NewGenerator(1, ownBases(t), []string{"address", "word", "header", "field", "octet"})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 1000 {
		mails = append(mails, message.WireLines(g.Pair(n).Received))
	}
	if !testenv.CI() {
		mails = sample(mails, 20)
	}
	for _, k := range Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			r, mails := open(t, k), mails
			if k.Name == "mutt" { // takes its time
				mails = sample(mails, 12)
			}
			for part := range slices.Chunk(mails, maxAsked) {
				shown, err := r.Read(t.Context(), part)
				if err != nil {
					t.Fatal(err)
				}
				for i, s := range shown {
					header := record.ReadHeader(part[i], nil)
					unclaimed := slices.DeleteFunc(authorDomains(s[From]), func(domain string) bool {
						return slices.Contains(header.Domains, domain) || slices.Contains(header.Domains, message.AnyDomain)
					})
					for _, domain := range shownDomains(s[From]) {
						if header.Claims("", []string{domain}) == "" {
							unclaimed = append(unclaimed, domain)
						}
					}
					if len(unclaimed) > 0 {
						header, _, _ := strings.Cut(string(part[i]), crlf+crlf)
						t.Errorf("%q are shown from %q and not claimed:\n%q", unclaimed, s[From], header[:min(len(header), 200)])
					}
				}
			}
		})
	}
}

// sample is each nth mail.
func sample(mails [][]byte, n int) (some [][]byte) {
	for i := 0; i < len(mails); i += n {
		some = append(some, mails[i])
	}
	return some
}

// placeholders are what programs show instead of a domain or of a control character.
var placeholders = regexp.MustCompile(`MISSING_DOMAIN|SYNTAX_ERROR|[\x{2400}-\x{2421}]`)

var (
	quotedName = regexp.MustCompile(`"[^"]*"|\([^()]*\)$`) // or a comment
	inAngles   = regexp.MustCompile(`<([^<>]*)>`)
)

// authorDomains are the domains of the addresses that a program shows: what stands in angles or,
// where there are none, all with an @.
func authorDomains(from []string) (domains []string) {
	for _, shown := range from {
		shown = placeholders.ReplaceAllString(shown, "")
		specs := []string{}
		for _, m := range inAngles.FindAllStringSubmatch(shown, -1) {
			specs = append(specs, m[1])
		}
		if len(specs) == 0 {
			specs = strings.Fields(quotedName.ReplaceAllString(shown, ""))
		}
		domains = append(domains, domainsOf(specs)...)
	}
	return domains
}

// shownDomains are the domains, of several labels, of all that looks like an address in what a
// program shows, names too.
func shownDomains(from []string) (domains []string) {
	for _, shown := range from {
		domains = append(domains, domainsOf(strings.FieldsFunc(placeholders.ReplaceAllString(shown, ""), func(r rune) bool {
			return unicode.IsSpace(r) || strings.ContainsRune("<>()\"[]:;,", r)
		}))...)
	}
	return slices.DeleteFunc(domains, func(domain string) bool { return !strings.Contains(domain, ".") })
}

func domainsOf(specs []string) (domains []string) {
	for _, spec := range specs {
		at := strings.LastIndexByte(spec, '@')
		domain := maildomain.Canonical(strings.Trim(spec[at+1:], ".,;:\"'()"))
		if at >= 0 && maildomain.Valid(domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}
