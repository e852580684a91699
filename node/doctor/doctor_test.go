package doctor

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	now   = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	addr4 = netip.MustParseAddr("192.0.2.1")
	addr6 = netip.MustParseAddr("2001:db8::1")
)

// well are the facts of a node with which all is well.
func well() *Facts {
	return &Facts{
		Now: now, Hostname: "mail.example.org", Direct: true, Records: "all",
		Inbound: "0.0.0.0:25", Submission: "0.0.0.0:587", SubmissionTLS: "0.0.0.0:465",
		Addresses: []Address{
			{Addr: addr4, Names: Answer{Records: []string{"mail.example.org"}}, Back: []string{"mail.example.org"}},
			{Addr: addr6, Names: Answer{Records: []string{"mail.example.org"}}, Back: []string{"mail.example.org"}},
		},
		Domains: []Domain{{
			Name: "example.org", MX: []MX{{Host: "mail.example.org"}}, TXT: Answer{Records: []string{"other", "v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"}},
			SPF:    []SPF{{addr4, "pass", ""}, {addr6, "pass", ""}},
			Keys:   []DKIM{{Selector: "c1", Name: "c1._domainkey.example.org", Record: "v=DKIM1; p=AAAA", State: "signing", Signs: true}},
			DMARC:  DMARC{Policy: "reject", Sound: true},
			OwnTXT: Answer{Records: []string{"v=DMARC1; p=reject"}}, STS: STS{Mode: "enforce"}, STSTXT: Answer{Records: []string{"v=STSv1; id=1"}},
			RPT: Answer{Records: []string{"v=TLSRPTv1; rua=mailto:tls@example.org"}},
		}},
		Certificate: Certificate{NotAfter: now.AddDate(0, 2, 0)}, Outward: Outward{To: "example.net"}, Validation: Validation{Server: "127.0.0.1:53"},
		State: &State{Peers: 2, Others: true, Enrolled: true, Accounts: true},
	}
}

// only lists what is not well, as "level id about: found".
func only(list []Finding) (lines []string, records []Record) {
	for _, f := range list {
		if f.Level != OK {
			lines = append(lines, string(f.Level)+" "+f.ID+" "+f.About)
			records = append(records, f.Records...)
		}
		if f.Level != OK && f.Level != Unknown && f.Why == "" || f.Found == "" {
			lines = append(lines, "no reason: "+f.ID)
		}
	}
	return lines, records
}

// An SPF record is proposed that lets this node send, also before its host name has an address.
func TestSPFWithoutAddresses(t *testing.T) {
	f := well()
	f.Addresses, f.Domains[0].SPF, f.Domains[0].TXT.Records = nil, nil, nil
	got := f.spf(&f.Domains[0])
	if want := []Record{{"example.org.", "TXT", "v=spf1 a:mail.example.org -all"}}; got.Level != Fail || !slices.Equal(got.Records, want) {
		t.Errorf("%s: %q", got.Level, got.Records)
	}
}

// TestFindingsAreInTheHandbooks: whoever meets a finding can look up what it is about.
func TestFindingsAreInTheHandbooks(t *testing.T) {
	var books string
	for _, name := range []string{"operations.md", "milter.md"} {
		text, err := os.ReadFile("../../doc/" + name)
		if err != nil {
			t.Fatal(err)
		}
		books += string(text)
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	id := regexp.MustCompile(`(?:\bid(?:, about)? (?::?=)|\bID:|\bok\(|\bunknown\(|\basked\() ?"([a-z-]+)"`)
	seen := 0
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range id.FindAllStringSubmatch(string(text), -1) {
			if seen++; !strings.Contains(books, "`"+m[1]+"`") {
				t.Errorf("%s: the finding %q is in no handbook", name, m[1])
			}
		}
	}
	if seen < 30 {
		t.Errorf("%d findings are looked for, which misses some", seen)
	}
}

// TestExamine: each fault alone is told of, at its level and with its record.
func TestExamine(t *testing.T) {
	long := "example.org"
	for _, tt := range []struct {
		name   string
		change func(*Facts)
		want   []string
		record string // name, type and value of the one that is to be published
	}{
		{"all is well", func(*Facts) {}, nil, ""},
		{"no address", func(f *Facts) { f.Addresses, f.Domains = nil, nil }, []string{"fail host-address mail.example.org", "unknown inbound "}, "mail.example.org. A the public IPv4 address of this machine"},
		{"the DNS is silent", func(f *Facts) { f.Addresses, f.Domains, f.Host.Fault = nil, nil, "silence" }, []string{"unknown host-address mail.example.org", "unknown inbound "}, ""},
		{"a reserved name", func(f *Facts) { f.Hostname, f.Addresses, f.Domains = "mail.alpha.test", nil, nil }, []string{"warn host-address mail.alpha.test", "unknown inbound "}, ""},
		{"no name", func(f *Facts) { f.Addresses[0].Names, f.Addresses[0].Back = Answer{}, nil }, []string{"fail reverse-name 192.0.2.1"}, "1.2.0.192.in-addr.arpa. PTR mail.example.org."},
		{"a name that leads elsewhere", func(f *Facts) { f.Addresses[0].Back = nil }, []string{"fail reverse-name 192.0.2.1"}, "1.2.0.192.in-addr.arpa. PTR mail.example.org."},
		{"a name is not known", func(f *Facts) { f.Addresses[0].Names, f.Addresses[0].Back = Answer{Fault: "x"}, nil }, []string{"unknown reverse-name 192.0.2.1"}, ""},
		{"a reserved domain", func(f *Facts) { f.Domains[0] = Domain{Name: "alpha.test", Reserved: true} }, []string{"warn domain alpha.test"}, ""},
		{"no MX", func(f *Facts) { f.Domains[0].MX = nil }, []string{"fail mx " + long}, "example.org. MX 10 mail.example.org."},
		{"null MX", func(f *Facts) { f.Domains[0].MX = []MX{{}} }, []string{"fail mx " + long}, "example.org. MX 10 mail.example.org."},
		{"MX elsewhere", func(f *Facts) { f.Domains[0].MX[0].Host = "mx.example.net" }, []string{"warn mx " + long}, "example.org. MX 10 mail.example.org."},
		{"MX by another name", func(f *Facts) { f.Domains[0].MX = []MX{{Host: "mx.example.org", Addrs: []netip.Addr{addr6}}} }, nil, ""},
		{"no SPF", func(f *Facts) { f.Domains[0].TXT.Records, f.Records = nil, "some" }, []string{"fail spf " + long}, "example.org. TXT v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"},
		{"two SPF", func(f *Facts) {
			f.Domains[0].TXT.Records, f.Records = []string{"v=spf1 -all", "v=spf1 ~all"}, "some"
		}, []string{"fail spf " + long}, ""},
		{"SPF lacks an address", func(f *Facts) {
			f.Domains[0].TXT.Records, f.Domains[0].SPF[1].Result = []string{"v=spf1 ip4:192.0.2.1 ~all"}, "softfail"
		}, []string{"fail spf " + long}, "example.org. TXT v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 ~all"},
		{"SPF with an error", func(f *Facts) { f.Domains[0].SPF[0].Result = "permerror" }, []string{"fail spf " + long}, "example.org. TXT v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"},
		{"SPF silent", func(f *Facts) { f.Domains[0].SPF[0].Result = "temperror" }, []string{"unknown spf " + long}, ""},
		{"SPF for all", func(f *Facts) {
			f.Domains[0].TXT.Records, f.Records = []string{"v=spf1 ip4:192.0.2.1 ?all"}, "some"
		}, []string{"warn spf " + long}, "example.org. TXT v=spf1 ip4:192.0.2.1 -all"},
		{"SPF by another", func(f *Facts) {
			f.Domains[0].TXT.Records, f.Records = []string{"v=spf1 redirect=_spf.example.org"}, "some"
		}, nil, ""},
		{"all recorded, and others send", func(f *Facts) {
			f.Domains[0].TXT.Records = []string{"v=spf1 mx a:mail.example.org include:example.net ip4:192.0.2.0/24 -all"}
		}, []string{"warn records-all " + long}, ""},
		{"a smarthost", func(f *Facts) { f.Direct = false }, []string{"unknown reverse-name 192.0.2.1", "unknown reverse-name 2001:db8::1", "unknown spf " + long, "unknown dane "}, ""},
		{"no keys", func(f *Facts) { f.Domains[0].Keys = nil }, []string{"unknown dkim " + long}, ""},
		{"a key that waits", func(f *Facts) {
			k := &f.Domains[0].Keys[0]
			k.State, k.Signs, k.Fault = "waiting", false, "there is no record"
		}, []string{"fail dkim " + long}, "c1._domainkey.example.org. TXT v=DKIM1; p=AAAA"},
		{"one key of two", func(f *Facts) {
			d := &f.Domains[0]
			d.Keys = append(d.Keys, DKIM{Selector: "c2", Name: "c2._domainkey.example.org", Record: "v=DKIM1; p=BBBB", State: "waiting", Fault: "there is no record"})
		}, []string{"warn dkim " + long}, "c2._domainkey.example.org. TXT v=DKIM1; p=BBBB"},
		{"a former key without its record", func(f *Facts) {
			d := &f.Domains[0]
			d.Keys = append(d.Keys, DKIM{Selector: "c0", Name: "c0._domainkey.example.org", Record: "v=DKIM1; p=BBBB", State: "former", Fault: "there is no record"})
		}, nil, ""},
		{"a former key that signs again", func(f *Facts) {
			k := &f.Domains[0].Keys[0]
			k.State, k.Fault = "former", "there is no record"
		}, []string{"fail dkim " + long}, "c1._domainkey.example.org. TXT v=DKIM1; p=AAAA"},
		{"keys not known", func(f *Facts) { f.Domains[0].Keys[0].Fault = "the DNS does not answer" }, []string{"unknown dkim " + long}, ""},
		{"no DMARC", func(f *Facts) { f.Domains[0].DMARC, f.Domains[0].OwnTXT = DMARC{}, Answer{} }, []string{"warn dmarc " + long}, "_dmarc.example.org. TXT v=DMARC1; p=none; rua=mailto:postmaster@example.org"},
		{"DMARC from above", func(f *Facts) { f.Domains[0].OwnTXT = Answer{} }, nil, ""},
		{"DMARC that asks for nothing", func(f *Facts) { f.Domains[0].DMARC.Policy = "none" }, []string{"warn dmarc " + long}, "_dmarc.example.org. TXT v=DMARC1; p=quarantine; rua=mailto:postmaster@example.org"},
		{"DMARC unreadable", func(f *Facts) {
			f.Domains[0].DMARC = DMARC{}
			f.Domains[0].OwnTXT.Records = []string{"v=DMARC1 p reject"}
		}, []string{"fail dmarc " + long}, "_dmarc.example.org. TXT v=DMARC1; p=none; rua=mailto:postmaster@example.org"},
		{"DMARC silent", func(f *Facts) { f.Domains[0].OwnTXT = Answer{Fault: "x"} }, []string{"unknown dmarc " + long}, ""},
		{"no MTA-STS", func(f *Facts) { f.Domains[0].STS, f.Domains[0].STSTXT = STS{}, Answer{} }, []string{"warn mta-sts " + long}, ""},
		{"a policy and no record of MTA-STS", func(f *Facts) { f.Domains[0].STSTXT = Answer{} }, []string{"warn mta-sts " + long}, "_mta-sts.example.org. TXT v=STSv1; id=20260504030201"},
		{"MTA-STS without policy", func(f *Facts) { f.Domains[0].STS = STS{} }, []string{"fail mta-sts " + long}, ""},
		{"MTA-STS for others", func(f *Facts) { f.Domains[0].STS.Refused = []string{"mail.example.org"} }, []string{"fail mta-sts " + long}, ""},
		{"MTA-STS for others, tested", func(f *Facts) { f.Domains[0].STS = STS{Mode: "testing", Refused: []string{"mail.example.org"}} }, []string{"warn mta-sts " + long}, ""},
		{"own certificate", func(f *Facts) { f.Certificate.Own = true }, []string{"fail mta-sts " + long, "warn certificate "}, ""},
		{"own certificate, nothing asked", func(f *Facts) { f.Certificate.Own, f.Domains[0].STS.Mode = true, "testing" }, []string{"warn certificate "}, ""},
		{"certificate for another name", func(f *Facts) { f.Certificate.Host, f.Domains[0].STS.Mode = "x", "testing" }, []string{"warn certificate "}, ""},
		{"certificate expired", func(f *Facts) { f.Certificate.NotAfter, f.Domains[0].STS.Mode = now, "testing" }, []string{"fail certificate "}, ""},
		{"certificate ends soon", func(f *Facts) { f.Certificate.NotAfter = now.AddDate(0, 0, 5) }, []string{"warn certificate "}, ""},
		{"certificate unreadable", func(f *Facts) { f.Certificate.Fault = "x" }, []string{"fail certificate "}, ""},
		{"nothing was issued yet", func(f *Facts) {
			f.Certificate.Own, f.Certificate.ACME, f.Domains[0].STS.Mode = true, true, "testing"
			f.Unissued = []Unissued{{"mail.example.org", "the name leads nowhere", now}}
		}, []string{"warn certificate ", "warn certificate mail.example.org"}, ""},
		{"a renewal failed", func(f *Facts) {
			f.Certificate.ACME, f.Unissued = true, []Unissued{{Name: "mta-sts.example.org", Why: "x"}}
		}, []string{"warn certificate mta-sts.example.org"}, ""},
		{"issued", func(f *Facts) { f.Certificate.ACME = true }, nil, ""},
		{"a policy of our own without its record", func(f *Facts) {
			f.Domains[0].STS, f.Domains[0].STSTXT, f.Domains[0].OwnSTS = STS{}, Answer{}, []Record{{"_mta-sts.example.org.", "TXT", "v=STSv1; id=a"}}
		}, []string{"warn mta-sts " + long}, "_mta-sts.example.org. TXT v=STSv1; id=a"},
		{"no TLS reports", func(f *Facts) { f.Domains[0].RPT = Answer{} }, []string{"warn tls-rpt " + long}, "_smtp._tls.example.org. TXT v=TLSRPTv1; rua=mailto:postmaster@example.org"},
		{"no resolver here", func(f *Facts) { f.Validation = Validation{} }, []string{"warn dane "}, ""},
		{"a resolver that validates nothing", func(f *Facts) { f.Validation.Fault = "it marks nothing" }, []string{"warn dane 127.0.0.1:53"}, ""},
		{"a resolver that is silent", func(f *Facts) { f.Validation.Fault, f.Validation.Silent = "silence", true }, []string{"unknown dane 127.0.0.1:53"}, ""},
		{"no resolver is to be asked", func(f *Facts) { f.Validation.Off = true }, []string{"warn dane "}, ""},
		{"its key", func(f *Facts) {
			f.TLSA = &TLSA{Name: "_25._tcp.mail.example.org", Record: "3 1 1 aa", Published: []string{"3 1 1 aa"}, Matches: true, Signed: true}
		}, nil, ""},
		{"another key", func(f *Facts) {
			f.TLSA = &TLSA{Name: "_25._tcp.mail.example.org", Record: "3 1 1 aa", Published: []string{"3 1 1 bb"}, Signed: true}
		}, []string{"fail tlsa _25._tcp.mail.example.org"}, "_25._tcp.mail.example.org. TLSA 3 1 1 aa"},
		{"the next key is not there", func(f *Facts) {
			f.TLSA = &TLSA{Name: "x", Record: "3 1 1 aa", Next: "3 1 1 bb", Published: []string{"3 1 1 aa"}, Matches: true, Signed: true}
		}, []string{"warn tlsa x"}, "x. TLSA 3 1 1 bb"},
		{"both keys", func(f *Facts) {
			f.TLSA = &TLSA{Name: "x", Record: "3 1 1 aa", Next: "3 1 1 bb", Published: []string{"3 1 1 aa", "3 1 1 bb"}, Matches: true, Signed: true}
		}, nil, ""},
		{"the key before is still there", func(f *Facts) {
			f.TLSA = &TLSA{Name: "x", Record: "3 1 1 bb", Former: "3 1 1 aa", Published: []string{"3 1 1 aa", "3 1 1 bb"}, Matches: true, Signed: true}
		}, []string{"warn tlsa x"}, ""},
		{"no key", func(f *Facts) { f.TLSA = &TLSA{Name: "_25._tcp.mail.example.org", Record: "3 1 1 aa", Signed: true} }, []string{"warn tlsa _25._tcp.mail.example.org"}, "_25._tcp.mail.example.org. TLSA 3 1 1 aa"},
		{"a key that is not signed", func(f *Facts) {
			f.TLSA = &TLSA{Name: "x", Record: "3 1 1 aa", Published: []string{"3 1 1 aa"}, Matches: true}
		}, []string{"warn tlsa x"}, ""},
		{"no key, and not signed", func(f *Facts) { f.TLSA = &TLSA{Name: "x", Record: "3 1 1 aa"} }, nil, ""},
		{"a key of which the DNS says nothing", func(f *Facts) { f.TLSA = &TLSA{Name: "x", Fault: "silence"} }, []string{"unknown tlsa x"}, ""},
		{"the way out is closed", func(f *Facts) { f.Outward.Fault = "i/o timeout" }, []string{"fail outward example.net"}, ""},
		{"the DNS names no server", func(f *Facts) { f.Outward.Untried = "the domain says that it takes no mail" }, []string{"unknown outward example.net"}, ""},
		{"a smarthost that takes mail", func(f *Facts) { f.Smarthosts = []Outward{{To: "smart.example:587"}} }, nil, ""},
		{"a smarthost that refuses", func(f *Facts) { f.Smarthosts = []Outward{{To: "smart.example:587 as me", Fault: "535 no"}} }, []string{"fail smarthost smart.example:587 as me"}, ""},
		{"the way out is a smarthost", func(f *Facts) { f.Direct, f.Outward = false, Outward{} }, []string{"unknown reverse-name 192.0.2.1", "unknown reverse-name 2001:db8::1", "unknown spf example.org", "unknown dane "}, ""},
		{"nobody to try", func(f *Facts) { f.Outward = Outward{} }, []string{"unknown outward "}, ""},
		{"no inbound listener", func(f *Facts) { f.Inbound = "" }, []string{"warn inbound "}, ""},
		{"inbound is here alone", func(f *Facts) {
			f.Inbound, f.Addresses[0].Reach, f.Addresses[1].Reach = "127.0.0.1:2526", "refused", "refused"
		}, []string{"fail inbound ", "warn inbound 192.0.2.1", "warn inbound 2001:db8::1"}, ""},
		{"inbound behind another port", func(f *Facts) { f.Inbound = "127.0.0.1:2526" }, nil, ""},
		{"submission without passwords", func(f *Facts) { f.State.Accounts = false }, []string{"warn submission "}, ""},
		{"submission for our mail servers", func(f *Facts) { f.State.Accounts, f.Relays = false, true }, nil, ""},
		{"submission here alone", func(f *Facts) { f.State.Accounts, f.Submission, f.SubmissionTLS = false, "127.0.0.1:2525", "[::1]:465" }, nil, ""},
		{"no node", func(f *Facts) { f.State = nil }, []string{"unknown submission ", "warn running "}, ""},
		{"clock", func(f *Facts) { f.State.Clock = []string{"it was set"} }, []string{"warn clock "}, ""},
		{"clock, surely", func(f *Facts) { f.State.Clock, f.State.Waiting = []string{"it was set"}, true }, []string{"fail clock "}, ""},
		{"no member", func(f *Facts) { f.State.Enrolled = false }, []string{"warn member "}, ""},
		{"ended", func(f *Facts) { f.State.Ended = "dropped" }, []string{"fail member "}, ""},
		{"nobody is connected", func(f *Facts) { f.State.Peers = 0 }, []string{"fail peers "}, ""},
		{"nobody is there", func(f *Facts) { f.State.Peers, f.State.Others = 0, false }, nil, ""},
		{"no room", func(f *Facts) { f.State.Full = "full" }, []string{"fail room "}, ""},
		{"damaged", func(f *Facts) { f.State.Damaged = 1 }, []string{"fail store "}, ""},
		{"halted", func(f *Facts) { f.State.Halted = "x" }, []string{"fail recorder "}, ""},
		{"copied", func(f *Facts) { f.State.Copied = true }, []string{"fail copy "}, ""},
		{"cut off", func(f *Facts) { f.State.CutOff = []string{"a@example.com"} }, []string{"warn cut-off "}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := well()
			tt.change(f)
			list := Examine(f)
			got, records := only(list)
			if !slices.Equal(got, tt.want) {
				t.Errorf("found %q, want %q", got, tt.want)
			}
			first := ""
			if len(records) > 0 {
				first = records[0].Name + " " + records[0].Type + " " + records[0].Value
			}
			if first != tt.record {
				t.Errorf("to publish: %q, want %q", first, tt.record)
			}
			if fails := strings.Contains(strings.Join(tt.want, "\n"), "fail "); fails != (Worst(list) == Fail) {
				t.Errorf("worst: %s", Worst(list))
			}
		})
	}
}

// TestNextCertificate: the next step is one that the configuration allows.
func TestNextCertificate(t *testing.T) {
	own := []Record{{"_mta-sts.example.org.", "TXT", "v=STSv1; id=a"}}
	for _, tt := range []struct {
		name, id, next string
		change         func(*Facts)
	}{
		{"no authority is asked", "certificate", "tls.certificate_file", func(f *Facts) { f.Certificate.Own = true }},
		{"own", "certificate", NextIssued(false), func(f *Facts) { f.Certificate = Certificate{Own: true, ACME: true} }},
		{"expired", "certificate", NextIssued(false), func(f *Facts) { f.Certificate = Certificate{ACME: true, NotAfter: now} }},
		{"soon", "certificate", NextIssued(false), func(f *Facts) { f.Certificate = Certificate{ACME: true, NotAfter: now.Add(time.Hour)} }},
		{"of another name", "certificate", NextIssued(false), func(f *Facts) { f.Certificate.ACME, f.Certificate.Host = true, "x" }},
		{"of one for trials", "certificate", nextTrusted, func(f *Facts) { f.Certificate.ACME, f.Certificate.Chain = true, "x" }},
		{"enforced, of one for trials", "mta-sts", nextTrusted, func(f *Facts) { f.Certificate.ACME, f.Certificate.Chain = true, "x" }},
		{"enforced", "mta-sts", NextIssued(false), func(f *Facts) { f.Certificate = Certificate{Own: true, ACME: true} }},
		{"no policy", "mta-sts", "tls.mta_sts = ", func(f *Facts) { f.Domains[0].STS, f.Domains[0].STSTXT = STS{}, Answer{} }},
		{"our policy is not reached", "mta-sts", "tls.https_listen", func(f *Facts) { f.Domains[0].STS, f.Domains[0].OwnSTS = STS{}, own }},
		{"our policy is for others", "mta-sts", "tls.mta_sts_mx", func(f *Facts) { f.Domains[0].STS.Refused, f.Domains[0].OwnSTS = []string{"mx.example.org"}, own }},
	} {
		f := well()
		tt.change(f)
		list := Examine(f)
		if i := slices.IndexFunc(list, func(f Finding) bool { return f.ID == tt.id }); !strings.Contains(list[i].Next, tt.next) {
			t.Errorf("%s: %+v", tt.name, list[i])
		}
	}
}

func TestReverse(t *testing.T) {
	if got, want := Reverse(addr6), "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestSent(t *testing.T) {
	for state, want := range map[string]Level{"accepted": OK, "waiting": Warn, "refused": Fail, "given up": Fail} {
		if f := Sent("bob@example.net", state, "mx.example.net", "250 ok", "its record"); f.Level != want {
			t.Errorf("%s: %+v", state, f)
		}
	}
}

// FuzzSPFRecords: what strangers publish is read to its end, and a record to publish in its place
// includes the address and ends in a no.
func FuzzSPFRecords(f *testing.F) {
	f.Add("v=spf1 a mx ip4:192.0.2.1 -all")
	f.Add("V=SPF1 redirect=example.org ?all +all")
	f.Fuzz(func(t *testing.T, text string) {
		facts := well()
		facts.Domains[0].TXT.Records = []string{text}
		Examine(facts)
		if spfRecords([]string{text}) == nil {
			return
		}
		made := withAddresses(text, []netip.Addr{addr4})
		if end := ending(made); !strings.Contains(made, " ip4:192.0.2.1 ") || end != "-all" && end != "~all" && end != "redirect" {
			t.Errorf("%q ends in %q", made, end)
		}
	})
}

// TestDNS01: that no record can be written is told before a certificate has ended.
func TestDNS01(t *testing.T) {
	for fault, want := range map[string]Level{"": OK, "it is away": Fail} {
		f := Facts{DNS01: &DNS01{By: "192.0.2.53:53", Fault: fault}}
		if got := f.dns01(); len(got) != 1 || got[0].Level != want || !strings.Contains(got[0].Found, fault) {
			t.Errorf("%q: %+v", fault, got)
		}
	}
	if got := new(Facts).dns01(); got != nil {
		t.Errorf("without: %+v", got)
	}
	f := Facts{Unissued: []Unissued{{Name: "mail.example.org"}}, Certificate: Certificate{ACME: true, DNS: true}}
	if got := f.unissued(&f.Unissued[0]).Next; !strings.Contains(got, "tls.dns_server") || strings.Contains(got, "port 80") {
		t.Errorf("what helps: %s", got)
	}
}

// TestDirectory: a directory that cannot be asked keeps people from signing in.
func TestDirectory(t *testing.T) {
	for fault, want := range map[string]Level{"": OK, "it is away": Fail} {
		f := Facts{Directory: &Directory{URL: "ldaps://ldap.example.org", Fault: fault}}
		if got := f.directory(); len(got) != 1 || got[0].Level != want {
			t.Errorf("%q: %+v", fault, got)
		}
	}
	if got := new(Facts).directory(); got != nil {
		t.Errorf("without one: %+v", got)
	}
}

// TestWhoMaySubmit: who needs no password is not left out.
func TestWhoMaySubmit(t *testing.T) {
	for _, running := range []bool{true, false} {
		f := well()
		f.Relays = true
		if !running {
			f.State = nil
		}
		list := Examine(f)
		i := slices.IndexFunc(list, func(f Finding) bool { return f.ID == "submission" })
		if i < 0 || !strings.Contains(list[i].Found, "without either for the mail servers of submission.relay_networks") {
			t.Errorf("running %v: %+v", running, list)
		}
	}
}
