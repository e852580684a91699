package spf

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// record is an SPF record, all of it known to be well-formed (RFC 7208, section 4.6).
type record struct {
	directives []directive
	redirect   macroText // nil: none
}

// directive is a mechanism with the result that a match has.
type directive struct {
	result    Result
	mechanism string // all, include, a, mx, ptr, ip4, ip6, exists
	domain    macroText
	prefix    netip.Prefix // of ip4 and ip6
	bits4     int          // of a and mx, how much of an address counts
	bits6     int
	text      string // as it stands in the record
}

var (
	modifierName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*=`)
	cidrEnd      = regexp.MustCompile(`(?:/(0|[1-9][0-9]?))?(?://(0|[1-9][0-9]{0,2}))?$`)
)

// isRecord reports whether a TXT record is one of SPF (RFC 7208, section 4.5).
func isRecord(txt string) bool {
	const version = "v=spf1"
	if len(txt) < len(version) || !strings.EqualFold(txt[:len(version)], version) {
		return false
	}
	return len(txt) == len(version) || txt[len(version)] == ' '
}

// parse reads the terms of a record. An error is permerror, wherever it stands.
func parse(txt string) (*record, error) {
	r := new(record)
	seen := make(map[string]bool)
	for term := range strings.SplitSeq(txt[len("v=spf1"):], " ") {
		if term == "" {
			continue
		}
		if name := modifierName.FindString(term); name != "" {
			if err := r.modifier(strings.ToLower(name[:len(name)-1]), term[len(name):], seen); err != nil {
				return nil, err
			}
			continue
		}
		d, err := parseDirective(term)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", term, err)
		}
		r.directives = append(r.directives, d)
	}
	return r, nil
}

// modifier takes redirect and exp, each once, and checks the others (RFC 7208, section 6).
func (r *record) modifier(name, value string, seen map[string]bool) error {
	if name != "redirect" && name != "exp" {
		_, err := parseMacro(value)
		return err
	}
	if seen[name] {
		return fmt.Errorf("%s stands there twice", name)
	}
	seen[name] = true
	domain, err := parseDomain(value)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if name == "redirect" {
		r.redirect = domain
	}
	return nil
}

func parseDirective(term string) (directive, error) {
	d := directive{result: Pass, text: term, bits4: 32, bits6: 128}
	if result, ok := qualifiers[term[0]]; ok {
		d.result, term = result, term[1:]
	}
	end := strings.IndexAny(term, ":/")
	if end < 0 {
		end = len(term)
	}
	d.mechanism = strings.ToLower(term[:end])
	return d, d.argument(term[end:])
}

var qualifiers = map[byte]Result{'+': Pass, '-': Fail, '~': SoftFail, '?': Neutral}

// argument reads what stands behind the name of a mechanism (RFC 7208, section 5).
func (d *directive) argument(arg string) (err error) {
	switch d.mechanism {
	case "all":
		if arg != "" {
			return fmt.Errorf("nothing may stand behind it")
		}
		return nil
	case "ip4", "ip6":
		return d.network(arg)
	case "a", "mx":
		if arg, err = d.cidr(arg); err != nil {
			return err
		}
	case "include", "exists":
		if arg == "" {
			return fmt.Errorf("it needs a domain")
		}
	case "ptr":
	default:
		return fmt.Errorf("there is no such mechanism")
	}
	if arg == "" {
		return nil
	}
	if arg[0] != ':' {
		return fmt.Errorf("a length of a network has no meaning here")
	}
	d.domain, err = parseDomain(arg[1:])
	return err
}

// cidr takes the lengths of networks off the end (RFC 7208, section 5.6).
func (d *directive) cidr(arg string) (rest string, err error) {
	at := cidrEnd.FindStringSubmatchIndex(arg)
	for i, most := range []int{32, 128} {
		from, to := at[2+2*i], at[3+2*i]
		if from < 0 {
			continue
		}
		n, err := strconv.Atoi(arg[from:to])
		if err != nil || n > most {
			return "", fmt.Errorf("a network of %s bits", arg[from:to])
		}
		if most == 32 {
			d.bits4 = n
		} else {
			d.bits6 = n
		}
	}
	return arg[:at[0]], nil
}

func (d *directive) network(arg string) error {
	addr, bits, slash := strings.Cut(strings.TrimPrefix(arg, ":"), "/")
	ip, err := netip.ParseAddr(addr)
	if err != nil || arg[0] != ':' || ip.Zone() != "" || ip.Is4() != (d.mechanism == "ip4") {
		return fmt.Errorf("no address")
	}
	n := ip.BitLen()
	if slash {
		if n, err = strconv.Atoi(bits); err != nil || strconv.Itoa(n) != bits || n > ip.BitLen() || n < 0 {
			return fmt.Errorf("a network of %s bits", bits)
		}
	}
	d.prefix = netip.PrefixFrom(ip, n).Masked()
	return nil
}
