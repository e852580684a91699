package node

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/acme/dns01"
	"cairn/node/home"
	"cairn/node/membership"
	"cairn/smtpgw"
	"cairn/smtpgw/client"
	"cairn/smtpgw/mtasts"
	"cairn/smtpgw/screen"
	"cairn/smtpgw/smarthost"
)

// ConfigError is a configuration that cannot be used.
type ConfigError struct {
	File  string // empty when it came from no file
	Key   string // as in "verdict.threshold"; empty when the file as a whole is wrong
	Cause string
	Next  string // what to do

	Passing bool // the next start may find it otherwise, as an address that is taken
}

func (e *ConfigError) Error() string {
	where := e.File
	if where == "" {
		where = "configuration"
	}
	if e.Key != "" {
		where += ": " + e.Key
	}
	return where + ": " + e.Cause
}

// Hint says what to do about it.
func (e *ConfigError) Hint() string { return e.Next }

// Limits on values.
const (
	minMessageSize = 64 << 10
	maxMessageSize = 128 << 20
	maxRelayFrom   = 1000
)

// Validate tells the first value that cannot be used, as a *ConfigError.
func (c *Config) Validate() error {
	if err := c.Organisation.Check(); err != nil {
		return err
	}
	if a, err := membership.CanonicalDomain(c.Hostname); err != nil || a != c.Hostname {
		return badValue("hostname", `write a full host name in lower case, as in "mail.example.org"`, "%q is not a host name", c.Hostname)
	}
	if _, err := parseShare(c.Mine); err != nil {
		return badValue("mine", `write "off", a share of one core as in "10%", or a number of cores as in "2"`, "%v", err)
	}
	if _, err := parseSize(c.Mail.MaxSize); err != nil {
		return badValue("mail.max_size", `write a size from 64K to 128M, as in "25M"`, "%v", err)
	}
	for _, check := range []func() error{c.checkSubmission, c.LDAP.check, c.checkTLS, c.checkOutbound, c.checkMilter, c.checkFilters, c.checkRecords, c.checkListeners, c.Limits.check, c.checkVerdict, c.Log.check} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// badValue says which key has a value that cannot be used, why, and what could stand there.
func badValue(key, next, cause string, args ...any) error {
	return &ConfigError{Key: key, Cause: fmt.Sprintf(cause, args...), Next: next}
}

// noOrganisation is the error of a configuration that says nothing of the organisation.
func noOrganisation(empty bool) error {
	const line = `organisation = {name = "Example", domains = ["example.org"]}`
	if empty {
		return &ConfigError{Cause: "the file is empty", Next: "write a first line as in " + line + ", or " + home.Cure(ConfigFile)}
	}
	return badValue("organisation", "write a first line as in "+line, "it is not there")
}

// Check tells the first value that cannot be used, as a *ConfigError.
func (o *OrganisationConfig) Check() error {
	if len(o.Domains) == 0 || len(o.Domains) > consensus.MaxDomains {
		return badValue("organisation.domains", `list 1 to 16 domains, as in domains = ["example.org"] below [organisation]`, "%d domains", len(o.Domains))
	}
	for i, d := range o.Domains {
		if a, err := membership.CanonicalDomain(d); err != nil {
			return badValue("organisation.domains", "write a domain as in a mail address after the @", "%v", err)
		} else if a != d {
			return badValue("organisation.domains", "write "+strconv.Quote(a), "%q is not in its lower-case ASCII form", d)
		}
		if slices.Contains(o.Domains[:i], d) {
			return badValue("organisation.domains", "name it once", "%q is there twice", d)
		}
	}
	if o.Name == "" || len(o.Name) > consensus.MaxOrgName || !utf8.ValidString(o.Name) || strings.ContainsFunc(o.Name, isControl) {
		return badValue("organisation.name", "choose a name of 1 to 128 bytes in one line", "%q cannot be a name", o.Name)
	}
	if !slices.Contains([]string{"all", "some", "none"}, o.Records) {
		return badValue("organisation.records", `write "all", "some" or "none"`, "%q is none of the three", o.Records)
	}
	if o.ThresholdFloor < 0 || o.ThresholdFloor > 100 {
		return badValue("organisation.threshold_floor", "write a percentage from 0 to 100", "%d is out of range", o.ThresholdFloor)
	}
	return nil
}

func (c *Config) checkSubmission() error {
	if err := checkListen(c.Submission.Listen); err != nil {
		return badValue("submission.listen", `write host:port, as in "127.0.0.1:2525"`, "%v", err)
	}
	if err := checkListen(c.Submission.TLSListen); err != nil {
		return badValue("submission.tls_listen", `write host:port, as in "0.0.0.0:465"`, "%v", err)
	}
	if err := checkListen(c.Operations.Listen); err != nil {
		return badValue("operations.listen", `write host:port, as in "127.0.0.1:4802"`, "%v", err)
	}
	switch c.Submission.Unauthenticated {
	case unauthenticatedAuto, unauthenticatedAlways, unauthenticatedNever:
	default:
		return badValue("submission.unauthenticated", `write "auto", "always" or "never"`, "%q is none of these", c.Submission.Unauthenticated)
	}
	if _, known := scramModes[c.Submission.Scram]; !known {
		return badValue("submission.scram", `write "plus", "on" or "off"`, "%q is none of these", c.Submission.Scram)
	}
	for _, a := range c.Submission.RelayFrom {
		if _, err := smtpgw.CanonicalRelay(a); err != nil {
			return badValue("submission.relay_from", `write "reports@example.org", "@example.org" or "*"`, "%v", err)
		}
	}
	if len(c.Submission.RelayFrom) > maxRelayFrom {
		return badValue("submission.relay_from", `name whole domains, as in "@example.org"`, "%d entries are more than %d",
			len(c.Submission.RelayFrom), maxRelayFrom)
	}
	if _, err := c.Submission.relayNetworks(); err != nil {
		return badValue("submission.relay_networks", `name the mail servers alone, as in ["192.0.2.10", "10.1.2.0/24"]`, "%v", err)
	}
	return nil
}

// minRelayBits is the least length of a network that relays without a password. What is wider was
// meant as "everybody", and would let everybody send in our name.
const minRelayBits = 8

// relayNetworks are those that RelayNetworks names.
func (c *SubmissionConfig) relayNetworks() ([]netip.Prefix, error) {
	list, err := prefixes(c.RelayNetworks)
	for _, p := range list {
		if p.Bits() < minRelayBits {
			return nil, fmt.Errorf("%s is no network of mail servers of yours", p)
		}
	}
	return list, err
}

func (c *Config) checkOutbound() error {
	o := &c.Outbound
	if _, err := o.suppress(); err != nil {
		return badValue("outbound.suppress", `write a time, as in "720h", or "0" for none`, "%q is no time of at most %v", o.Suppress, maxSuppress)
	}
	helo, bad := membership.CanonicalDomain(o.Helo)
	if o.Helo != "" && (bad != nil || helo != o.Helo) {
		return badValue("outbound.helo", `write a full host name in lower case, as in "out.example.org", or ""`, "%q is not a host name", o.Helo)
	}
	if err := o.checkResolver(); err != nil {
		return err
	}
	if err := o.main().check("outbound."); err != nil {
		return err
	}
	if err := o.checkSmarthosts(); err != nil {
		return err
	}
	return o.checkSource()
}

func (o *OutboundConfig) checkResolver() error {
	at, err := netip.ParseAddrPort(o.ValidatingResolver)
	if v := o.ValidatingResolver; v == resolverLocal || v == resolverNone || err == nil && at.Port() != 0 && !at.Addr().IsUnspecified() {
		return nil
	}
	return badValue("outbound.validating_resolver", `write its address and port, as in "192.0.2.53:53", "none", or "" for that of this machine`, "%q is none of these", o.ValidatingResolver)
}

// main is the way of mail for which no other one is named.
func (o *OutboundConfig) main() *SmarthostConfig {
	return &SmarthostConfig{Via: o.Via, User: o.User, PasswordFile: o.PasswordFile}
}

// relayed reports whether a server takes the mail, and not who the DNS names, or nobody.
func (s *SmarthostConfig) relayed() bool { return s.Via != viaDirect && s.Via != viaNone }

// tlsUses are the values of SmarthostConfig.TLS.
var tlsUses = map[string]client.TLSUse{"implicit": client.TLSFromStart, "starttls": client.TLSRequired, "if-offered": client.TLSIfOffered}

// check tells the first value that cannot be used, under a key that begins so.
func (s *SmarthostConfig) check(at string) error {
	host, port, err := net.SplitHostPort(s.Via)
	if number, bad := strconv.ParseUint(port, 10, 16); s.relayed() && (err != nil || host == "" || bad != nil || number == 0) {
		return badValue(at+"via", `write "direct", "none", or host:port, as in "smarthost.example.org:587"`, "%q is none of these", s.Via)
	}
	use, known := tlsUses[s.TLS]
	switch {
	case s.User != "" && !s.relayed():
		return badValue(at+"user", "remove it, or name the server in "+at+"via", "there is no server to say it to: %svia is %q", at, s.Via)
	case strings.ContainsFunc(s.User, isControl):
		return badValue(at+"user", "write the name alone", "%q cannot be a name", s.User)
	case s.User != "" && !filepath.IsAbs(s.PasswordFile):
		return badValue(at+"password_file", `write the absolute path of a file with the password alone, as in "/etc/cairn/smarthost"`, "%q is not an absolute path", s.PasswordFile)
	case s.User == "" && s.PasswordFile != "":
		return badValue(at+"user", "write the name that the password is for", "there is a password and no user")
	case s.TLS != "" && !known:
		return badValue(at+"tls", `write "implicit", "starttls" or "if-offered"`, "%q is none of these", s.TLS)
	case s.TLS != "" && !s.relayed():
		return badValue(at+"tls", "remove it", "there is no server to encrypt to: %svia is %q", at, s.Via)
	case known && use == client.TLSIfOffered && s.User != "":
		return badValue(at+"tls", `write "starttls", or "implicit" where the server has a port for that`, "a password is not sent where it may be in clear")
	case s.CAFile != "" && !filepath.IsAbs(s.CAFile):
		return badValue(at+"ca_file", `write an absolute path, as in "/etc/cairn/ca.pem"`, "%q is not an absolute path", s.CAFile)
	case s.CAFile != "" && !s.relayed():
		return badValue(at+"ca_file", "remove it", "there is no server to vouch for: %svia is %q", at, s.Via)
	case s.Auth != "" && (!slices.Contains(client.Mechanisms, strings.ToUpper(s.Auth)) || strings.ToLower(s.Auth) != s.Auth):
		return badValue(at+"auth", `write "scram-sha-256", "plain" or "login", or "" for the best one that is offered`, "%q is none of these", s.Auth)
	case s.Auth != "" && s.User == "":
		return badValue(at+"auth", "remove it, or write who signs in as user", "there is no user")
	}
	return nil
}

// maxSmarthosts bounds entries, and domains of one.
const maxSmarthosts = 1000

// checkSmarthosts is about the ways for some domains.
func (o *OutboundConfig) checkSmarthosts() error {
	if len(o.Smarthosts) > maxSmarthosts {
		return badValue(smarthostsKey, "name more domains in one entry", "%d entries are more than %d", len(o.Smarthosts), maxSmarthosts)
	}
	for i := range o.Smarthosts {
		s := &o.Smarthosts[i]
		at := fmt.Sprintf("%s, entry %d, ", smarthostsKey, i+1)
		if len(s.To) == 0 && len(s.From) == 0 {
			return badValue(at+"to", `name the domains of its mail, as in to = ["example.net"]; what all mail goes by is outbound.via`, "it has neither to nor from")
		}
		if n := len(s.To) + len(s.From); n > maxSmarthosts {
			return badValue(at+"to", "make several entries", "%d domains are more than %d", n, maxSmarthosts)
		}
		for key, domains := range map[string][]string{"to": s.To, "from": s.From} {
			for _, d := range domains {
				if !isDomains(d) {
					return badValue(at+key, `write domains in lower case, as in ["example.net", ".example.net"]`, "%q is no domain", d)
				}
			}
		}
		if err := s.check(at); err != nil {
			return err
		}
	}
	if _, err := o.table(); err != nil {
		return badValue(smarthostsKey, "remove one of them", "%v", err)
	}
	return nil
}

// isDomains reports whether s is a domain, or one with a dot in front, which may be a single
// label.
func isDomains(s string) bool {
	below, all := strings.CutPrefix(s, ".")
	name, err := membership.CanonicalDomain(s)
	if all {
		name, err = membership.CanonicalDomain("x" + s)
		name = strings.TrimPrefix(name, "x.")
	}
	return err == nil && name == below
}

// table is which of Smarthosts counts for what mail; an error is a *smarthost.DuplicateError.
func (o *OutboundConfig) table() (*smarthost.Table, error) {
	var rules []smarthost.Rule
	for _, s := range o.Smarthosts {
		rules = append(rules, smarthost.Rule{To: s.To, From: s.From})
	}
	return smarthost.New(rules)
}

// checkSource holds Source to one address of each family.
func (o *OutboundConfig) checkSource() error {
	seen := make(map[bool]bool)
	for _, text := range o.Source {
		a, err := netip.ParseAddr(text)
		switch {
		case err != nil, a.IsUnspecified(), a.IsMulticast(), a.Is4In6(), a.Zone() != "":
			return badValue("outbound.source", `write addresses of this machine, as in ["192.0.2.7", "2001:db8::7"]`, "%q is no address that a session can come from", text)
		case seen[a.Is4()]:
			return badValue("outbound.source", "leave one of IPv4 and one of IPv6", "%q is the second of its family", text)
		}
		seen[a.Is4()] = true
	}
	return nil
}

func (c *Config) checkTLS() error {
	for _, f := range []struct{ key, path, other string }{
		{"tls.certificate_file", c.TLS.CertificateFile, c.TLS.KeyFile}, {"tls.key_file", c.TLS.KeyFile, c.TLS.CertificateFile},
	} {
		switch {
		case f.path == "" && f.other != "":
			return badValue(f.key, "name both files, or none", "a certificate needs its key, and a key its certificate")
		case f.path != "" && !filepath.IsAbs(f.path):
			return badValue(f.key, `write the absolute path of a file, as in "/etc/letsencrypt/live/mail.example.org/fullchain.pem"`, "%q is not an absolute path", f.path)
		}
	}
	if err := c.TLS.checkPolicy(); err != nil {
		return err
	}
	return c.TLS.checkACME()
}

// checkPolicy is about what is asked of those who send to us.
func (c *TLSConfig) checkPolicy() error {
	if !slices.Contains([]string{mtaSTSOff, string(mtasts.None), string(mtasts.Testing), string(mtasts.Enforce)}, c.MTASTS) {
		return badValue("tls.mta_sts", `write "off", "testing", "enforce" or "none"`, "%q is none of these", c.MTASTS)
	}
	if c.MTASTS != mtaSTSOff && c.HTTPSListen == "" {
		return badValue("tls.mta_sts", `write https_listen = "0.0.0.0:443" below [tls], or mta_sts = "off"`, "a policy is read over HTTPS, and there is no tls.https_listen")
	}
	if len(c.MTASTSHosts) > maxPolicyHosts {
		return badValue("tls.mta_sts_mx", "name the mail exchangers of the DNS alone", "%d names are more than %d", len(c.MTASTSHosts), maxPolicyHosts)
	}
	for _, host := range c.MTASTSHosts {
		if a, err := membership.CanonicalDomain(host); err != nil || a != host {
			return badValue("tls.mta_sts_mx", `write full host names in lower case, as in ["mail.example.org"], or []`, "%q is not a host name", host)
		}
	}
	return nil
}

// checkACME is about how certificates are issued.
func (c *TLSConfig) checkACME() error {
	for key, at := range map[string]string{"tls.http_listen": c.HTTPListen, "tls.https_listen": c.HTTPSListen} {
		if err := checkListen(at); err != nil {
			return badValue(key, `write host:port, as in "0.0.0.0:443"`, "%v", err)
		}
	}
	for key, path := range map[string]string{"tls.webroot": c.Webroot, "tls.acme_ca_file": c.ACMECAFile} {
		if path != "" && !filepath.IsAbs(path) {
			return badValue(key, `write an absolute path, as in "/var/www/html"`, "%q is not an absolute path", path)
		}
	}
	if err := c.checkDNS(); err != nil {
		return err
	}
	directory, err := url.Parse(c.ACMEDirectory)
	switch {
	case err != nil || directory.Scheme != "https" || directory.Host == "":
		return badValue("tls.acme_directory", "write the URL of the authority's directory, as in "+strconv.Quote(letsEncrypt), "%q is no URL with https", c.ACMEDirectory)
	case strings.ContainsFunc(c.ACMEEmail, func(r rune) bool { return r <= ' ' || r == ',' || r == '?' || r >= 0x7f }) || c.ACMEEmail != "" && !strings.Contains(c.ACMEEmail, "@"):
		return badValue("tls.acme_email", `write an address, as in "postmaster@example.org"`, "%q is no mail address", c.ACMEEmail)
	case c.ACME && c.CertificateFile != "":
		return badValue("tls.acme", "set it to false, or certificate_file and key_file to \"\"", "tls.certificate_file names a certificate already")
	case c.ACME && c.HTTPListen == "" && c.HTTPSListen == "" && c.Webroot == "" && !c.byDNS():
		return badValue("tls.acme", `name where the authority may look, as in https_listen = "0.0.0.0:443" or http_listen = "0.0.0.0:80", or what changes the DNS, dns_command or dns_server`, "no authority can see whose name it is")
	}
	return nil
}

// checkDNS is about how records come into the DNS for an authority.
func (c *TLSConfig) checkDNS() error {
	if err := checkFilter(c.DNSCommand); err != nil {
		return badValue("tls.dns_command", `write the program's absolute path and its arguments, as in ["/usr/local/bin/dns", "--zone", "example.org"], or []`, "%v", err)
	}
	if c.DNSServer == "" {
		for key, value := range map[string]string{"tls.dns_key": c.DNSKey, "tls.dns_secret_file": c.DNSSecretFile} {
			if value != "" {
				return badValue(key, `name the server that takes updates, as in dns_server = "192.0.2.53:53", or set this to ""`, "a key signs updates, and there is no tls.dns_server")
			}
		}
		return nil
	}
	host, port, err := net.SplitHostPort(c.DNSServer)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || host == "" || n == 0 {
		return badValue("tls.dns_server", `write host:port, as in "192.0.2.53:53"`, "%q is not host:port", c.DNSServer)
	}
	switch err := dns01.CheckKeyName(c.DNSKey); {
	case len(c.DNSCommand) > 0:
		return badValue("tls.dns_server", `set it to "", or dns_command to []`, "tls.dns_command names a program already")
	case c.DNSKey == "":
		return badValue("tls.dns_key", `write the key's name as the server has it, as in "cairn"`, "updates are signed, and it names no key")
	case err != nil:
		return badValue("tls.dns_key", `write the key's name as the server has it, as in "cairn"`, "%v", err)
	case !filepath.IsAbs(c.DNSSecretFile):
		return badValue("tls.dns_secret_file", `write the absolute path of a file with the key's secret alone, in base64, as in "/etc/cairn/dns-secret"`, "%q is not an absolute path", c.DNSSecretFile)
	}
	return nil
}

// byDNS reports whether there is a way to records in the DNS.
func (c *TLSConfig) byDNS() bool { return len(c.DNSCommand) > 0 || c.DNSServer != "" }

// maxSuppress is ten years.
const maxSuppress = 10 * 365 * 24 * time.Hour

// suppress is for how long addresses that are gone are refused; 0: not at all.
func (o *OutboundConfig) suppress() (time.Duration, error) {
	if o.Suppress == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(o.Suppress)
	if err == nil && (d < 0 || d > maxSuppress) {
		err = errors.New("out of range")
	}
	return d, err
}

func (c *Config) checkFilters() error {
	for _, f := range []struct {
		key  string
		argv []string
	}{{"submission.filter", c.Submission.Filter}, {"inbound.filter", c.Inbound.Filter}} {
		if err := checkFilter(f.argv); err != nil {
			return badValue(f.key, `write the program's absolute path and its arguments, as in ["/usr/local/bin/disclaim", "--short"], or []`, "%v", err)
		}
	}
	return nil
}

func (c *Config) checkRecords() error {
	if _, err := smtpgw.ParseLeaveOut(c.Records.LeaveOut); err != nil {
		return badValue("records.leave_out", `name components, as in ["language"]`, "%v", err)
	}
	if _, err := smtpgw.ParseDerive(c.Records.Derive); err != nil {
		return badValue("records.derive", `name derived components, as in ["image-hash"]`, "%v", err)
	}
	return nil
}

// checkListeners is about those that the world reaches.
func (c *Config) checkListeners() error {
	if err := checkListen(c.Inbound.Listen); err != nil {
		return badValue("inbound.listen", `write host:port, as in "0.0.0.0:25"`, "%v", err)
	}
	if err := c.Inbound.checkSealers(); err != nil {
		return badValue("inbound.trusted_sealers", `write domains, as in ["lists.example.org"], or []`, "%v", err)
	}
	if c.Inbound.DMARCReports && !c.Inbound.Authenticate {
		return badValue("inbound.dmarc_reports", "set inbound.authenticate to true, or this to false", "without inbound.authenticate nothing is found out that could be reported")
	}
	if _, err := prefixes(c.Inbound.Proxies); err != nil {
		return badValue("inbound.proxies", `name networks or addresses, as in ["192.0.2.0/24"]`, "%v", err)
	}
	if key, err := c.Inbound.checkBlocklists(); err != nil {
		return badValue(key, `write zones, as in ["bl.example.org"], or []`, "%v", err)
	}
	if c.Inbound.CatchAll != "" {
		if canonical, err := mailstore.CanonicalAddress(c.Inbound.CatchAll); err != nil || canonical != c.Inbound.CatchAll {
			return badValue("inbound.catch_all", `write an address of an account in lower case, as in "office@example.org", or ""`, "%q is no such address", c.Inbound.CatchAll)
		}
	}
	for _, a := range c.P2P.Listen {
		if err := checkP2PListen(a); err != nil {
			return badValue("p2p.listen", `write a multiaddr of IP and TCP, as in "/ip4/0.0.0.0/tcp/4801"`, "%v", err)
		}
	}
	for _, a := range c.P2P.Bootstrap {
		if err := membership.CheckPeerAddress(a); err != nil {
			return badValue("p2p.bootstrap", `copy an address that "cairn status" shows on the other node`, "%v", err)
		}
	}
	return nil
}

func (c *Config) checkVerdict() error {
	if t := c.Verdict.Threshold; t < 1 || t > 100 {
		return badValue("verdict.threshold", "write a percentage from 1 to 100", "%d is out of range", t)
	}
	if _, ok := screen.ParseInvalid(c.Verdict.Invalid); !ok {
		return badValue("verdict.invalid", `write "spam", "quarantine", "refuse" or "discard"`, "%q is none of the four", c.Verdict.Invalid)
	}
	return c.Verdict.checkContext()
}

// MiningShare is Mine in cores: 0 is off, 0.1 is 10% of one core.
func (c *Config) MiningShare() float64 {
	share, _ := parseShare(c.Mine)
	return share
}

// MaxMessageSize is Mail.MaxSize in bytes.
func (c *Config) MaxMessageSize() int64 {
	n, _ := parseSize(c.Mail.MaxSize)
	return n
}

func parseShare(s string) (float64, error) {
	if s == "off" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(v) || v <= 0 {
		return 0, fmt.Errorf("%q is not a share", s)
	}
	if percent {
		v /= 100
	}
	if percent && v > 1 {
		return 0, fmt.Errorf("%q is more than one core", s)
	}
	if v > 1024 {
		return 0, fmt.Errorf("%q is more cores than any machine has", s)
	}
	return v, nil
}

func parseSize(s string) (int64, error) {
	number, unit := s, int64(1)
	if n, ok := strings.CutSuffix(s, "K"); ok {
		number, unit = n, 1<<10
	} else if n, ok := strings.CutSuffix(s, "M"); ok {
		number, unit = n, 1<<20
	}
	v, err := strconv.ParseInt(number, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size", s)
	}
	if v *= unit; v < minMessageSize || v > maxMessageSize {
		return 0, fmt.Errorf("%q is out of range", s)
	}
	return v, nil
}

func checkListen(s string) error {
	if s == "" {
		return nil
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is not host:port", s)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("%q: %q is not a port number", s, port)
	}
	return nil
}

// checkP2PListen holds that s is an IP address with a TCP port, which is all
// that nodes speak.
func checkP2PListen(s string) error {
	a, err := multiaddr.NewMultiaddr(s)
	if err != nil {
		return fmt.Errorf("%q: %v", s, err)
	}
	if at, err := manet.ToNetAddr(a); err != nil || at.Network() != "tcp" {
		return fmt.Errorf("%q is not an IP address with a TCP port", s)
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }
