package spf

import (
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"cairn/mailstore/testenv"
	"cairn/smtpgw/authres/lookup"
	"cairn/smtpgw/authres/lookup/lookuptest"
)

// suite is one section of the test suite of RFC 7208.
type suite struct {
	Description string
	Tests       map[string]struct {
		Helo, Host, Mailfrom string
		Result               yaml.Node // one, or several of which the first is preferred
	}
	Zonedata map[string][]yaml.Node
}

// zone is the DNS of a section. A record of type SPF stands for one of TXT too, unless the name has
// those of its own.
func (s *suite) zone(t *testing.T) *lookuptest.Zone {
	z := &lookuptest.Zone{
		TXTs: map[string][]string{}, MXs: map[string][]string{}, Addrs: map[string][]string{}, Names: map[string][]string{},
		Silent: map[string]bool{},
	}
	aliases := make(map[string]string)
	for name, records := range s.Zonedata {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		var ofSPF []string
		ownTXT := false
		for _, r := range records {
			if r.Kind == yaml.ScalarNode {
				z.Silent[name] = len(z.TXTs[name]) == 0 // records in front of it are answered
				continue
			}
			kind, value := r.Content[0].Value, r.Content[1]
			text := value.Value
			if value.Kind == yaml.SequenceNode && kind != "MX" {
				for _, part := range value.Content {
					text += part.Value
				}
			}
			switch kind {
			case "SPF":
				ofSPF = append(ofSPF, text)
			case "TXT":
				if ownTXT = true; text != "NONE" {
					z.TXTs[name] = append(z.TXTs[name], text)
				}
			case "A", "AAAA":
				z.Addrs[name] = append(z.Addrs[name], text)
			case "MX":
				z.MXs[name] = append(z.MXs[name], value.Content[1].Value)
			case "PTR":
				z.Names[addressOf(t, name)] = append(z.Names[addressOf(t, name)], text)
			case "CNAME":
				aliases[name] = strings.ToLower(strings.TrimSuffix(text, "."))
			default:
				t.Fatalf("%s has a record of type %s", name, kind)
			}
		}
		if !ownTXT {
			z.TXTs[name] = append(z.TXTs[name], ofSPF...)
		}
	}
	for name, other := range aliases {
		z.TXTs[name], z.Addrs[name] = z.TXTs[other], z.Addrs[other]
	}
	return z
}

// addressOf is the address that a name of the reverse zone stands for.
func addressOf(t *testing.T, name string) string {
	labels := strings.Split(name, ".")
	slices.Reverse(labels)
	text := strings.Join(labels[2:], ".")
	if labels[1] == "ip6" {
		text = ""
		for i, nibble := range labels[2:] {
			if text += nibble; i%4 == 3 && i < 31 {
				text += ":"
			}
		}
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		t.Fatal(err)
	}
	return a.String()
}

// allowed are the results that a test takes.
func allowed(result yaml.Node) (all []string) {
	if result.Kind == yaml.ScalarNode {
		return []string{result.Value}
	}
	for _, r := range result.Content {
		all = append(all, r.Value)
	}
	return all
}

// TestSuite runs the public test suite of RFC 7208. What it says of explanations is left out: they
// are not fetched.
func TestSuite(t *testing.T) {
	f, err := os.Open(filepath.Join(testenv.Folder(t, "CAIRN_TESTDATA"), "auth", "spf", "rfc7208-tests.yml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ran := 0
	for d := yaml.NewDecoder(f); ; {
		var s suite
		if err := d.Decode(&s); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		z := s.zone(t)
		for name, c := range s.Tests {
			ran++
			local, domain, _ := strings.Cut(c.Mailfrom, "@")
			id := Identity{IP: netip.MustParseAddr(c.Host), Domain: domain, Local: local, Helo: c.Helo}
			if c.Mailfrom == "" {
				id.Domain = c.Helo
			}
			if got := Check(t.Context(), lookup.New(z), id); !slices.Contains(allowed(c.Result), string(got.Result)) {
				t.Errorf("%s, %s: %v, want %v", s.Description, name, got, allowed(c.Result))
			}
		}
	}
	if ran < 200 {
		t.Errorf("%d tests ran", ran)
	}
}
