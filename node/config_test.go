package node

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"cairn/node/api"
	"cairn/smtpgw/limits"
)

const peer = "/ip4/127.0.0.1/tcp/4801/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"

func TestDefaultConfigIsWhatItsFileSays(t *testing.T) {
	c := DefaultConfig(`Alpha "A\B" Ä`, []string{"alpha.example", "xn--bcher-kva.example"})
	c.P2P.Bootstrap = []string{peer}
	c.Submission.RelayFrom = []string{"reports@orig.example", "@orig.example", "*"}
	c.Records.LeaveOut = []string{"language", "references"}
	got, err := parseConfig(c.Format())
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, c) {
		t.Errorf("written:\n%+v\nread:\n%+v", c, got)
	}
}

// A new key cannot be forgotten in the file.
func TestFileHasEveryKey(t *testing.T) {
	if _, err := parseConfig([]byte("no.such.key = 1")); err == nil {
		t.Fatal("an unknown key is taken")
	} else {
		_, list, _ := strings.Cut(err.(*ConfigError).Next, ": ")
		for key := range strings.SplitSeq(list, ", ") {
			name := key[strings.LastIndex(key, ".")+1:]
			if !strings.Contains(configText, "\n"+name+" = ") {
				t.Errorf("%s is not in the file", key)
			}
		}
	}
}

func TestParseConfigFillsIn(t *testing.T) {
	c, err := parseConfig([]byte("mine = '2'\n[organisation]\nname = 'A'\ndomains = ['a.example']\n[inbound]\n[mail]\nmax_size = '100000'\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.MiningShare() != 2 || c.MaxMessageSize() != 100000 || c.Hostname != "mail.a.example" || c.Verdict.Threshold != 75 {
		t.Errorf("%+v", c)
	}
}

// The verifier gets the context in the form in which mail is compared.
func TestVerdictContext(t *testing.T) {
	c := DefaultConfig("Alpha", []string{"alpha.example"})
	c.Verdict.Banners = []string{"== External ==\r\nTake care \r\n"}
	c.Verdict.AddressMap = []string{"@in.example = @example.org"}
	got, err := parseConfig(c.Format())
	if err != nil {
		t.Fatal(err)
	}
	x := got.Verdict.Context()
	if len(x.Banners) != 1 || x.Banners[0] != "== External ==\nTake care" || x.Map.Original("ann@in.example") != "ann@example.org" {
		t.Errorf("%+v", x)
	}
}

func TestMiningShare(t *testing.T) {
	for s, want := range map[string]float64{"off": 0, "10%": 0.1, "100%": 1, "2": 2, "0.5": 0.5} {
		if got := (&Config{Mine: s}).MiningShare(); got != want {
			t.Errorf("%s is %v cores, want %v", s, got, want)
		}
	}
}

func TestBadConfig(t *testing.T) {
	good := string(DefaultConfig("Alpha", []string{"alpha.example"}).Format())
	const at = "send mail as anybody here.\nlisten = " // of [milter]
	tests := []struct{ name, old, new, key, cause string }{
		{"not TOML", "[organisation]", "[organisation", "", "not valid TOML: line 11: "},
		{"unknown key", "mine =", "mien =", "mien", "no such key"},
		{"section as a value", "", "mail = 7\n", "mail", "section"},
		{"no domains", `["alpha.example"]`, `[]`, "organisation.domains", "0 domains"},
		{"upper case", `["alpha.example"]`, `["Alpha.example"]`, "organisation.domains", "lower-case"},
		{"umlaut", `["alpha.example"]`, `["bücher.example"]`, "organisation.domains", "lower-case"},
		{"an address", `["alpha.example"]`, `["a@alpha.example"]`, "organisation.domains", "not a mail domain"},
		{"one label", `["alpha.example"]`, `["alpha"]`, "organisation.domains", "not a mail domain"},
		{"twice", `["alpha.example"]`, `["alpha.example", "alpha.example"]`, "organisation.domains", "twice"},
		{"17 domains", `["alpha.example"]`, `["a.example"` + strings.Repeat(`, "a.example"`, 16) + `]`, "organisation.domains", "17"},
		{"no name", `"Alpha"`, `""`, "organisation.name", ""},
		{"long name", `"Alpha"`, `"` + strings.Repeat("x", 129) + `"`, "organisation.name", ""},
		{"escape in name", `"Alpha"`, `"\u001b[31m"`, "organisation.name", ""},
		{"records", `records = "some"`, `records = "most"`, "organisation.records", "most"},
		{"floor", "threshold_floor = 0", "threshold_floor = 101", "organisation.threshold_floor", "101"},
		{"hostname", `"mail.alpha.example"`, `"mail alpha"`, "hostname", "mail alpha"},
		{"mine nothing", `mine = "10%"`, `mine = "0%"`, "mine", "0%"},
		{"mine over 100%", `mine = "10%"`, `mine = "200%"`, "mine", "200%"},
		{"mine NaN", `mine = "10%"`, `mine = "NaN"`, "mine", "NaN"},
		{"mine a word", `mine = "10%"`, `mine = "much"`, "mine", "much"},
		{"size word", `max_size = "25M"`, `max_size = "huge"`, "mail.max_size", "huge"},
		{"size small", `max_size = "25M"`, `max_size = "1K"`, "mail.max_size", "1K"},
		{"size large", `max_size = "25M"`, `max_size = "2000000M"`, "mail.max_size", "range"},
		{"TLS without port", `tls_listen = ""`, `tls_listen = "127.0.0.1"`, "submission.tls_listen", "host:port"},
		{"who needs no password", `unauthenticated = "auto"`, `unauthenticated = "yes"`, "submission.unauthenticated", `"yes"`},
		{"operations without port", "[operations]\nlisten = \"\"", "[operations]\nlisten = \"localhost\"", "operations.listen", "host:port"},
		{"milter without a kind", at + `""`, at + `"127.0.0.1:8892"`, "milter.listen", "neither with inet: nor with unix:"},
		{"milter for all the world", at + `""`, at + `"inet:0.0.0.0:8892"`, "milter.listen", "this machine alone"},
		{"milter by a name", at + `""`, at + `"inet:localhost:8892"`, "milter.listen", "this machine alone"},
		{"milter by a relative path", at + `""`, at + `"unix:milter"`, "milter.listen", "no absolute path"},
		{"milter of no networks", `networks = ["127.0.0.0/8", "::1"]`, `networks = ["here"]`, "milter.networks", "here"},
		{"milter with other spam", `spam = "tag"`, `spam = "drop"`, "milter.spam", `"drop"`},
		{"milter back to nowhere", `mail_server = ""`, `mail_server = "127.0.0.1"`, "milter.mail_server", "host:port"},
		{"SCRAM of another kind", `scram = "plus"`, `scram = "sha-1"`, "submission.scram", "sha-1"},
		{"certificate without key", `certificate_file = ""`, `certificate_file = "/etc/mail.pem"`, "tls.key_file", "needs its key"},
		{"key without certificate", `key_file = ""`, `key_file = "/etc/mail.key"`, "tls.certificate_file", "needs its key"},
		{"certificate by a relative path", "certificate_file = \"\"\nkey_file = \"\"", "certificate_file = \"a.pem\"\nkey_file = \"/b.pem\"", "tls.certificate_file", "not an absolute path"},
		{"ACME of nowhere", "acme = false", "acme = true", "tls.acme", "no authority can see"},
		{"ACME without HTTPS", `acme_directory = "https://`, `acme_directory = "http://`, "tls.acme_directory", "no URL with https"},
		{"ACME with no address", `acme_email = ""`, `acme_email = "me"`, "tls.acme_email", "no mail address"},
		{"ACME with more than an address", `acme_email = ""`, `acme_email = "me@example.org?cc=x"`, "tls.acme_email", "no mail address"},
		{"DNS by a relative program", "dns_command = []", `dns_command = ["dns"]`, "tls.dns_command", "no absolute path"},
		{"DNS without port", `dns_server = ""`, `dns_server = "192.0.2.53"`, "tls.dns_server", "host:port"},
		{"DNS of no host", `dns_server = ""`, `dns_server = ":53"`, "tls.dns_server", "host:port"},
		{"DNS in both ways", "dns_command = []\ndns_server = \"\"", "dns_command = [\"/bin/dns\"]\ndns_server = \"192.0.2.53:53\"", "tls.dns_server", "names a program already"},
		{"DNS without key", `dns_server = ""`, `dns_server = "192.0.2.53:53"`, "tls.dns_key", "names no key"},
		{"DNS by a key of no name", "dns_server = \"\"\ndns_key = \"\"", "dns_server = \"192.0.2.53:53\"\ndns_key = \"a b\"", "tls.dns_key", "is no name"},
		{"DNS without secret", "dns_server = \"\"\ndns_key = \"\"", "dns_server = \"192.0.2.53:53\"\ndns_key = \"cairn\"", "tls.dns_secret_file", "not an absolute path"},
		{"DNS key of no server", `dns_key = ""`, `dns_key = "cairn"`, "tls.dns_key", "no tls.dns_server"},
		{"DNS secret of no server", `dns_secret_file = ""`, `dns_secret_file = "/etc/secret"`, "tls.dns_secret_file", "no tls.dns_server"},
		{"MTA-STS of another mode", `mta_sts = "off"`, `mta_sts = "on"`, "tls.mta_sts", `"on"`},
		{"MTA-STS without HTTPS", `mta_sts = "off"`, `mta_sts = "enforce"`, "tls.mta_sts", "no tls.https_listen"},
		{"MTA-STS for a pattern", `mta_sts_mx = []`, `mta_sts_mx = ["*.example.org"]`, "tls.mta_sts_mx", "not a host name"},
		{"MTA-STS for many", `mta_sts_mx = []`, `mta_sts_mx = [` + strings.Repeat(`"mail.example.org",`, 51) + `]`, "tls.mta_sts_mx", "51"},
		{"CA by a relative path", `acme_ca_file = ""`, `acme_ca_file = "ca.pem"`, "tls.acme_ca_file", "not an absolute path"},
		{"webroot by a relative path", `webroot = ""`, `webroot = "www"`, "tls.webroot", "not an absolute path"},
		{"HTTP without port", `http_listen = ""`, `http_listen = "0.0.0.0"`, "tls.http_listen", "host:port"},
		{"HTTPS without port", `https_listen = ""`, `https_listen = "0.0.0.0"`, "tls.https_listen", "host:port"},
		{"submission without port", "127.0.0.1:2525", "127.0.0.1", "submission.listen", "host:port"},
		{"relay of no address", "relay_from = []", `relay_from = ["reports"]`, "submission.relay_from", "reports"},
		{"relay of half a domain", "relay_from = []", `relay_from = ["@a..b"]`, "submission.relay_from", `"@a..b"`},
		{"relay of the whole world", "relay_from = []", `relay_from = [` + strings.Repeat(`"@a.example",`, 1001) + `]`, "submission.relay_from", "1001"},
		{"relay for everybody", "relay_networks = []", `relay_networks = ["0.0.0.0/0"]`, "submission.relay_networks", "0.0.0.0/0"},
		{"relay for a name", "relay_networks = []", `relay_networks = ["mta.example"]`, "submission.relay_networks", "mta.example"},
		{"leave out what must be there", "leave_out = []", `leave_out = ["from"]`, "records.leave_out", "cannot be left out"},
		{"leave out a misspelt one", "leave_out = []", `leave_out = ["langauge"]`, "records.leave_out", "did you mean language"},
		{"derive what is not derived", "derive = []", `derive = ["from"]`, "records.derive", "these can be derived"},
		{"filter without path", "filter = []", `filter = ["altermime"]`, "submission.filter", "no absolute path"},
		{"filter of many words", "filter = []", `filter = ["/bin/sh"` + strings.Repeat(`, "x"`, 64) + `]`, "submission.filter", "65"},
		{"filter no list", "filter = []", `filter = "/bin/sh"`, "submission.filter", "list"},
		{"filter of arrivals without path", "filter = []\n\n# Mail for", "filter = [\"\"]\n\n# Mail for", "inbound.filter", "no absolute path"},
		{"sealer that is no domain", "trusted_sealers = []", `trusted_sealers = ["lists.example.org", "@x"]`, "inbound.trusted_sealers", `"@x"`},
		{"rate without a time", `connections = "240/1m"`, `connections = "240"`, "limits.connections", "not a rate"},
		{"rate of none", `failures = "120/10m"`, `failures = "0/10m"`, "limits.failures", "not from 1"},
		{"rate in no time", `large_rate = "30/1m"`, `large_rate = "30/1ms"`, "limits.large_rate", "not from 1s"},
		{"ban without end", `ban = "10m"`, `ban = "48h"`, "limits.ban", "48h"},
		{"large that is small", `large = "2M"`, `large = "1"`, "limits.large", "range"},
		{"proxies of no network", "proxies = []", `proxies = ["proxy.example"]`, "inbound.proxies", "proxy.example"},
		{"catch-all that is no address", `catch_all = ""`, `catch_all = "office"`, "inbound.catch_all", "office"},
		{"list that is no zone", "dnsbl_refuse = []", `dnsbl_refuse = ["https://bl.example.org"]`, "inbound.dnsbl_refuse", "no zone"},
		{"list twice", "dnsbl_evidence = []", `dnsbl_evidence = ["bl.example.org", "BL.example.org."]`, "inbound.dnsbl_evidence", "twice"},
		{"lists without end", "dnsbl_evidence = []", `dnsbl_evidence = ["a.example.org"` + strings.Repeat(`, "b.example.org"`, 8) + `]`, "inbound.dnsbl_evidence", "9"},
		{"exempt with a slip", "exempt = []", `exempt = ["10.0.0.1/8"]`, "limits.exempt", "10.0.0.0/8"},
		{"inbound port", "127.0.0.1:2526", "127.0.0.1:smtp", "inbound.listen", "port number"},
		{"inbound port range", "127.0.0.1:2526", "127.0.0.1:65536", "inbound.listen", "port number"},
		{"p2p address", "/ip4/0.0.0.0/tcp/4801", "0.0.0.0:4801", "p2p.listen", "0.0.0.0:4801"},
		{"p2p over UDP", "/ip4/0.0.0.0/tcp/4801", "/ip4/0.0.0.0/udp/4801/quic-v1", "p2p.listen", "TCP port"},
		{"p2p over UDP alone", "/ip4/0.0.0.0/tcp/4801", "/ip4/0.0.0.0/udp/4801", "p2p.listen", "TCP port"},
		{"bootstrap without peer", "bootstrap = []", `bootstrap = ["/ip4/10.0.0.1/tcp/4801"]`, "p2p.bootstrap", "peer id"},
		{"threshold", "threshold = 75", "threshold = 0", "verdict.threshold", "0"},
		{"threshold word", "threshold = 75", `threshold = "most"`, "verdict.threshold", "\"most\" is not"},
		{"threshold with a fraction", "threshold = 75", `threshold = 75.5`, "verdict.threshold", "75.5"},
		{"floor with a fraction", "threshold_floor = 0", "threshold_floor = 0.9", "organisation.threshold_floor", "0.9"},
		{"mine without per cent", `mine = "10%"`, `mine = 10`, "mine", "10 is not a text"},
		{"domains no list", `domains = ["alpha.example"]`, `domains = "alpha.example"`, "organisation.domains", "list"},
		{"domain no text", `["alpha.example"]`, `["alpha.example", 7]`, "organisation.domains", "list"},
		{"banner without text", "banners = []", `banners = [" \n"]`, "verdict.banners", "without text"},
		{"banner too long", "banners = []", `banners = ["` + strings.Repeat("x", 2049) + `"]`, "verdict.banners", "2049 octets"},
		{"9 banners", "banners = []", `banners = ["x"` + strings.Repeat(`, "x"`, 8) + `]`, "verdict.banners", "9"},
		{"banners no list", "banners = []", `banners = "x"`, "verdict.banners", "list"},
		{"map without right side", "address_map = []", `address_map = ["a@b.example"]`, "verdict.address_map", "form"},
		{"map of different sides", "address_map = []", `address_map = ["@b.example = a@c.example"]`, "verdict.address_map", "the other a domain"},
		{"map with two answers", "address_map = []", `address_map = ["@b.example = @c.example", "@b.example = @d.example"]`, "verdict.address_map", "twice"},
		{"log level", `level = "info"`, `level = "loud"`, "log.level", "loud"},
		{"log of a part that is none", "debug = []", `debug = ["smtp", "imap"]`, "log.debug", `"imap"`},
		{"log file by a relative path", "\nfile = \"\"", "\nfile = \"cairn.toml\"", "log.file", "no absolute path"},
		{"invalid", `invalid = "spam"`, `invalid = "bounce"`, "verdict.invalid", "bounce"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(good, tt.old, tt.new, 1)
			if tt.old == "" {
				text = tt.new
			}
			if text == good {
				t.Fatal("nothing was replaced")
			}
			_, err := parseConfig([]byte(text))
			ce, ok := errors.AsType[*ConfigError](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if ce.Key != tt.key || !strings.Contains(ce.Cause, tt.cause) || ce.Next == "" {
				t.Errorf("got %+v", err)
			}
			if !strings.Contains(ce.Error(), tt.key) {
				t.Errorf("%q does not name the key", ce.Error())
			}
		})
	}
}

// Whoever mistypes a key, puts it into another section or gives a value of another kind is told
// what to write.
func TestNextOfMistypedConfig(t *testing.T) {
	good := string(DefaultConfig("Alpha", []string{"alpha.example"}).Format())
	for _, tt := range []struct{ old, new, cause, next string }{
		{"hostname =", "hostnmae =", "no such key", "write hostname, if"},
		{"relay_networks =", "relay_network =", "no such key", "write submission.relay_networks, if"},
		{"[limits]", "[limit]", "no such key", "write limits.account_messages, if"},
		{"trusted_sealers =", "relay_networks = []\ntrusted_sealers =", "no such key", "write it as submission.relay_networks, if"},
		{"\nspam = ", "\nmark = \"tag\"\nspam = ", "no such key", "remove it, or use one of: milter.listen, milter.mail_server, milter.networks, milter.spam"},
		{"smarthosts = []", `smarthosts = [{to = ["a.example"], vai = "x.example:25"}]`, "no such key", "write via, if"},
		{"threshold = 75", `threshold = "75"`, `"75" is not a whole number`, "write a whole number, as in 10"},
		{"dns_server = ", "dns_sever = ", "no such key", "write tls.dns_server, if"},
		{"dns_command = []", `dns_command = "/bin/dns"`, `"/bin/dns" is not a list`, "write a list"},
		{"acme = false", `acme = "no"`, `"no" is not true or false`, "write true or false"},
		{`suppress = "720h"`, "suppress = 30", "30 is not a text", "write a text in quotes"},
		{"[inbound]", "[inbound]\nlisten = \"\"\n[inbound]", "table inbound already exists", "let each section and key stand there once"},
		{`helo = ""`, "helo = \"\"\nhelo = \"\"", "key helo is already defined", "let each section and key stand there once"},
	} {
		text := strings.Replace(good, tt.old, tt.new, 1)
		if text == good {
			t.Fatalf("%s is not there", tt.old)
		}
		_, err := parseConfig([]byte(text))
		if ce, ok := errors.AsType[*ConfigError](err); !ok || !strings.Contains(ce.Cause, tt.cause) || !strings.HasPrefix(ce.Next, tt.next) {
			t.Errorf("%s: %+v", tt.new, err)
		}
	}
}

// What is said of a file that names no domains at all is a line that is taken.
func TestConfigWithoutOrganisation(t *testing.T) {
	for text, cause := range map[string]string{"": "the file is empty", " \n\n": "the file is empty", "# a = 1\n": "it is not there", "mine = \"off\"\n[verdict]\n": "it is not there"} {
		_, err := parseConfig([]byte(text))
		ce, ok := errors.AsType[*ConfigError](err)
		if !ok || ce.Cause != cause {
			t.Errorf("%q: %v", text, err)
			continue
		}
		line := `organisation = {name = "Example", domains = ["example.org"]}`
		if !strings.Contains(ce.Next, line) {
			t.Errorf("%q: %q", text, ce.Next)
		}
		if _, err := parseConfig([]byte(line + "\n" + text)); err != nil {
			t.Errorf("%q behind that line: %v", text, err)
		}
	}
}

func TestLoadConfig(t *testing.T) {
	dir := shortDir(t)
	if _, err := LoadConfig(dir); !errors.Is(err, ErrNotInitialised) {
		t.Errorf("an empty directory: %v", err)
	}
	path := filepath.Join(dir, ConfigFile)
	if err := os.WriteFile(path, []byte("mine = 'much'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadConfig(dir); err == nil || !strings.HasPrefix(err.Error(), path+": ") {
		t.Errorf("the error does not name the file: %v", err)
	}
	dir = shortDir(t)
	if err := os.Mkdir(filepath.Join(dir, ConfigFile), 0o700); err != nil {
		t.Fatal(err)
	}
	if refused, ok := errors.AsType[*api.Error](errOf(LoadConfig(dir))); !ok || refused.Hint == "" {
		t.Errorf("a folder: %v", refused)
	}
}

func errOf(_ *Config, err error) error { return err }

func FuzzConfig(f *testing.F) {
	f.Add(DefaultConfig("Alpha", []string{"alpha.example"}).Format())
	f.Add([]byte("mine = 2\n[organisation]\nname = 'A'\ndomains = ['a.example']\n"))
	f.Add([]byte("mail = 7\n"))
	f.Add([]byte("[mail]\nmax_size = [1]\n"))
	f.Add([]byte("hostname = 2026-11-22\n"))
	f.Add([]byte("[p2p]\nlisten = 7\nbootstrap = [[1]]\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := parseConfig(text)
		if err != nil {
			if _, ok := errors.AsType[*ConfigError](err); !ok {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		again, err := parseConfig(c.Format())
		if err != nil {
			t.Fatalf("cannot read back\n%s\n%v", c.Format(), err)
		}
		for _, list := range []struct{ got, want *[]string }{ // nil and empty are the same here
			{&again.P2P.Bootstrap, &c.P2P.Bootstrap},
			{&again.Submission.RelayFrom, &c.Submission.RelayFrom},
			{&again.Records.LeaveOut, &c.Records.LeaveOut},
			{&again.Log.Debug, &c.Log.Debug},
		} {
			if len(*list.want) == 0 {
				*list.got = *list.want
			}
		}
		if len(c.Verdict.Banners) == 0 {
			again.Verdict.Banners = c.Verdict.Banners
		}
		if len(c.Verdict.AddressMap) == 0 {
			again.Verdict.AddressMap = c.Verdict.AddressMap
		}
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("read %+v, after writing it %+v", c, again)
		}
	})
}

// The limits that stand in the file are those of the gateway.
func TestLimitsAreTheDefaults(t *testing.T) {
	c := defaultLimits()
	got, err := c.settings()
	if want := limits.Default(); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v: %v, want %+v", got, err, want)
	}
}
