package node

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/template"

	"github.com/knadh/koanf/parsers/toml/v2"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"

	"cairn/consensus/record"
	"cairn/node/home"
	"cairn/smtpgw"
	"cairn/smtpgw/screen"
)

// Config is all that an administrator decides. DefaultConfig gives a value to
// each key; the file written by init explains each where it stands.
type Config struct {
	// Hostname is the name this node greets with in SMTP and signs its
	// Authentication-Results with.
	Hostname string `koanf:"hostname"`

	// Mine is how much of this machine looks for blocks: "off", a share of
	// one core ("10%"), or a number of cores ("2").
	Mine string `koanf:"mine"`

	// Organisation is what this node enrols as.
	Organisation OrganisationConfig `koanf:"organisation"`

	// Submission takes mail from this organisation's people and programs.
	Submission SubmissionConfig `koanf:"submission"`

	// LDAP is a directory that knows passwords.
	LDAP LDAPConfig `koanf:"ldap"`

	// Inbound takes mail for this organisation from other mail servers.
	Inbound InboundConfig `koanf:"inbound"`

	// Outbound is the way to domains of no organisation of the network.
	Outbound OutboundConfig `koanf:"outbound"`

	// Milter is for a mail server beside this node that has the mailboxes.
	Milter MilterConfig `koanf:"milter"`

	// TLS is what both listeners show of whom they are.
	TLS TLSConfig `koanf:"tls"`

	// Operations is where the node tells how it is.
	Operations OperationsConfig `koanf:"operations"`

	// Mail holds limits that both listeners keep.
	Mail MailConfig `koanf:"mail"`

	// Limits bound over time what strangers ask.
	Limits LimitsConfig `koanf:"limits"`

	// Records says what the records of sent mail are about.
	Records RecordsConfig `koanf:"records"`

	// P2P is the connection to the other nodes of the network.
	P2P P2PConfig `koanf:"p2p"`

	// Verdict decides about mail by what its record says.
	Verdict VerdictConfig `koanf:"verdict"`

	// Log says what the node logs, and where.
	Log LogConfig `koanf:"log"`
}

// OrganisationConfig is read when the node joins a network and enrols. What is
// edited later is proposed as an update, in networks of version 2.
type OrganisationConfig struct {
	// Name is shown to people; at most 128 bytes.
	Name string `koanf:"name"`

	// Domains are the mail domains, 1 to 16. An account gets an address in each when
	// it is made, and in those that come later by "cairn account address add". A
	// domain in which an address is left is not given up for an edit alone.
	Domains []string `koanf:"domains"`

	// Records declares how much of the mail of these domains is recorded: "all",
	// "some" or "none". The node records all that it sends; after "all", mail
	// without a record is marked as missing it by every node that trusts this
	// organisation for them.
	Records string `koanf:"records"`

	// ThresholdFloor is the least share of the author's parts that are as recorded,
	// in percent, that recipients of this organisation's mail should accept; 0 for
	// none.
	ThresholdFloor int `koanf:"threshold_floor"`
}

// SubmissionConfig is the listener for our own people and programs.
type SubmissionConfig struct {
	// Listen is host:port; port 0 takes any free port; "" switches it off.
	Listen string `koanf:"listen"`

	// TLSListen is the same for connections that begin with TLS (RFC 8314).
	TLSListen string `koanf:"tls_listen"`

	// Unauthenticated says whether programs of this machine may send without a
	// password: "auto" (while no account has one), "always" or "never".
	Unauthenticated string `koanf:"unauthenticated"`

	// Scram says which mechanisms of SCRAM are offered: "plus" (those that bind to
	// the TLS connection too), "on" (not those) or "off".
	Scram string `koanf:"scram"`

	// RelayFrom are addresses besides those of accounts that mail may be sent
	// from: each an address, "@domain" for all of a domain, or "*" for any.
	RelayFrom []string `koanf:"relay_from"`

	// RelayNetworks are networks of mail servers of ours that hand their outgoing mail
	// here without a password, from any address of our domains or of RelayFrom.
	RelayNetworks []string `koanf:"relay_networks"`

	// Filter is a program, by its absolute path, with its arguments; none if
	// empty. It is run over each message before that is recorded.
	Filter []string `koanf:"filter"`
}

// Values of SubmissionConfig.Unauthenticated.
const (
	unauthenticatedAuto   = "auto"
	unauthenticatedAlways = "always"
	unauthenticatedNever  = "never"
)

// scramModes are the values of SubmissionConfig.Scram.
var scramModes = map[string]smtpgw.Scram{"plus": 0, "on": smtpgw.NoScramPlus, "off": smtpgw.NoScram}

// OperationsConfig is where the node tells those who keep it running how it is.
type OperationsConfig struct {
	// Listen is host:port of a web server that asks for no password; "" for none.
	Listen string `koanf:"listen"`
}

// TLSConfig names a certificate.
type TLSConfig struct {
	// CertificateFile and KeyFile are the absolute paths of a chain of certificates and
	// its key, in PEM; both "": the node makes one for itself.
	CertificateFile string `koanf:"certificate_file"`
	KeyFile         string `koanf:"key_file"`

	// ACME has a certificate authority certify Hostname (RFC 8555): that at ACMEDirectory,
	// a URL. ACMEEmail is where it may write to, "" for nowhere. ACMECAFile is the absolute
	// path of certificates in PEM that vouch for the authority's own server; "": whom the
	// machine trusts.
	ACME          bool   `koanf:"acme"`
	ACMEEmail     string `koanf:"acme_email"`
	ACMEDirectory string `koanf:"acme_directory"`
	ACMECAFile    string `koanf:"acme_ca_file"`

	// HTTPListen and HTTPSListen are host:port of web servers at which the authority looks
	// (http-01, tls-alpn-01); "" for none. Webroot is the absolute path of a folder that
	// another web server serves at port 80 of the host name.
	HTTPListen  string `koanf:"http_listen"`
	HTTPSListen string `koanf:"https_listen"`
	Webroot     string `koanf:"webroot"`

	// DNSCommand is a program, by its absolute path, with its arguments, that puts TXT records
	// into the DNS and takes them away (dns-01); none if empty. DNSServer is host:port of a server
	// that takes updates for the same (RFC 2136), "" for none; they are signed with the key named
	// DNSKey, whose secret is in DNSSecretFile.
	DNSCommand    []string `koanf:"dns_command"`
	DNSServer     string   `koanf:"dns_server"`
	DNSKey        string   `koanf:"dns_key"`
	DNSSecretFile string   `koanf:"dns_secret_file"`

	// MTASTS is the mode of the policy that HTTPSListen serves for our domains (RFC 8461):
	// "enforce", "testing" or "none"; "off": there is no policy. MTASTSHosts are the names of
	// the mail exchangers in it; none: Hostname.
	MTASTS      string   `koanf:"mta_sts"`
	MTASTSHosts []string `koanf:"mta_sts_mx"`
}

// RecordsConfig is what an organisation wants in its records.
type RecordsConfig struct {
	// LeaveOut are components that are not recorded, by name, unless a message
	// asks for them with Cairn-Components.
	LeaveOut []string `koanf:"leave_out"`

	// Derive are components that are derived from others and recorded too, by
	// name, unless a message does without with Cairn-Components.
	Derive []string `koanf:"derive"`
}

// InboundConfig is the listener for other mail servers, and what becomes of all
// mail that arrives.
type InboundConfig struct {
	// Listen is host:port; port 0 takes any free port; "" switches it off.
	Listen string `koanf:"listen"`

	// Authenticate has the DNS asked, about mail of servers that are no nodes, whether it is from
	// where it claims to be: SPF, DKIM, DMARC and the names of the server.
	Authenticate bool `koanf:"authenticate"`

	// DMARCReports has domains that ask for it told each day what came in their names, and whether
	// it passed (RFC 9990). Authenticate has to be on.
	DMARCReports bool `koanf:"dmarc_reports"`

	// TrustedSealers are domains, as they stand in seals of ARC, whose word counts that mail
	// which they sent on was from the domain in From when they got it.
	TrustedSealers []string `koanf:"trusted_sealers"`

	// RefuseListed and SuspectListed are zones of lists of addresses in the DNS (RFC 5782): whom
	// the first have is refused, and mail of whom the second have is spam unless it is recorded.
	RefuseListed  []string `koanf:"dnsbl_refuse"`
	SuspectListed []string `koanf:"dnsbl_evidence"`

	// Proxies are networks whose connections begin with a PROXY header, which says for whom they
	// are.
	Proxies []string `koanf:"proxies"`

	// CatchAll is the address of an account of this node that gets the mail for addresses of our
	// domains which nobody has; "": such mail is refused.
	CatchAll string `koanf:"catch_all"`

	// Filter is a program, by its absolute path, with its arguments; none if
	// empty. It is run over each arrival once that was judged, before it is
	// stored, and may put fields of filters on top, or refuse it.
	Filter []string `koanf:"filter"`
}

// OutboundConfig is how mail goes to the rest of the world.
type OutboundConfig struct {
	// Via is "direct": to the mail exchangers that the DNS names; "none": mail for others is
	// returned; or host:port of the smarthost that takes all of it.
	Via string `koanf:"via"`

	// Suppress is for how long mail to an address is refused to the account whose mail its server
	// has refused since the address is gone, as in "720h"; "0": not at all.
	Suppress string `koanf:"suppress"`

	// User and PasswordFile are what this node says at the smarthost, which has to encrypt then;
	// no user: it says nothing.
	User         string `koanf:"user"`
	PasswordFile string `koanf:"password_file"`

	// Smarthosts are other ways than Via for mail of some domains, at most 1000.
	Smarthosts []SmarthostConfig `koanf:"smarthosts"`

	// Helo is the name in EHLO to servers that are no nodes; empty: Hostname.
	Helo string `koanf:"helo"`
	// Source are the addresses of this machine that sessions with such servers come from, one of
	// each family at most; of a family without one, the machine chooses.
	Source []string `koanf:"source"`

	// ValidatingResolver is a resolver whose word counts for what is signed in the DNS: address and
	// port of one that nobody can come between; "", that of the machine if it runs on it; or
	// "none".
	ValidatingResolver string `koanf:"validating_resolver"`

	// TLSReports has domains that ask for it told each day what came of TLS with their servers (RFC
	// 8460).
	TLSReports bool `koanf:"tls_reports"`
}

// SmarthostConfig is the way out for mail from some domains, to some: the entry counts that has
// the longest match of the recipient's domain, then of the sender's.
type SmarthostConfig struct {
	// To and From are domains of recipients and of envelope senders; with a dot in front, all
	// below. An empty list stands for all, one of the two has to name some.
	To   []string `koanf:"to"`
	From []string `koanf:"from"`
	// Via is as in OutboundConfig.
	Via string `koanf:"via"`
	// TLS is "implicit": before the banner; "starttls": required; "if-offered"; or empty: the
	// first at port 465, the second with a user, else the third.
	TLS string `koanf:"tls"`
	// CAFile is the absolute path of the certificates, in PEM, that vouch for a server which no
	// authority of the machine's vouches for.
	CAFile string `koanf:"ca_file"`
	// User and PasswordFile are what this node says there; Auth is how: one of client.Mechanisms,
	// in lower case, or empty for the best one offered.
	User         string `koanf:"user"`
	PasswordFile string `koanf:"password_file"`
	Auth         string `koanf:"auth"`
}

// Values of OutboundConfig.Via.
const (
	viaDirect = "direct"
	viaNone   = "none"
)

// MailConfig holds limits on messages.
type MailConfig struct {
	// MaxSize is the largest message taken, with an optional K or M.
	MaxSize string `koanf:"max_size"`
}

// P2PConfig is the libp2p host.
type P2PConfig struct {
	// Listen are multiaddrs, such as "/ip4/0.0.0.0/tcp/4801". A node with none
	// only dials others.
	Listen []string `koanf:"listen"`

	// Bootstrap are nodes to connect to at the start, multiaddrs that end in
	// "/p2p/<peer id>". Those of the invite are used in any case.
	Bootstrap []string `koanf:"bootstrap"`
}

// VerdictConfig is local policy.
type VerdictConfig struct {
	// Threshold is the least share of the author's parts that are as recorded,
	// in percent, with which a mail is "changed" rather than "invalid". The
	// sender's organisation, the sender and the recipient may each ask for more.
	Threshold int `koanf:"threshold"`

	// Invalid is what becomes of mail with an invalid record: "spam" files it
	// there, "quarantine" keeps it under that label and out of every other
	// list, "refuse" does not take it, "discard" accepts and drops it. What a
	// later block or enrolment could put right is never refused or dropped.
	Invalid string `koanf:"invalid"`

	// Banners are texts that this site's own gateway puts before or behind
	// the bodies of mail on its way in, each exactly as it stands there, at
	// most 8 of 2 KiB.
	Banners []string `koanf:"banners"`

	// AddressMap says which addresses a relay of this site rewrites, as in
	// "ann@in.example = ann@example.org", what arrives on the left; or for a
	// whole domain "@in.example = @example.org".
	AddressMap []string `koanf:"address_map"`
}

// LogConfig is about the node's log.
type LogConfig struct {
	// Level is what is told: "debug", "info", "warn" or "error".
	Level string `koanf:"level"`

	// Debug are parts of the node that are told in full whatever Level is; see logs.Parts.
	Debug []string `koanf:"debug"`

	// File is the absolute path of a file that is appended to; "" is standard error.
	File string `koanf:"file"`
}

// DefaultConfig is the configuration of an organisation with these domains
// before anybody changed it.
func DefaultConfig(name string, domains []string) *Config {
	c := &Config{
		Mine:         "10%",
		Organisation: OrganisationConfig{Name: name, Domains: domains, Records: "some"},
		Submission:   SubmissionConfig{Listen: "127.0.0.1:2525", Unauthenticated: unauthenticatedAuto, Scram: "plus", RelayFrom: []string{}, RelayNetworks: []string{}, Filter: []string{}},
		Inbound: InboundConfig{
			Listen: "127.0.0.1:2526", Authenticate: true, TrustedSealers: []string{}, RefuseListed: []string{}, SuspectListed: []string{}, Proxies: []string{}, Filter: []string{},
		},
		Outbound: OutboundConfig{Via: viaDirect, Source: []string{}, Suppress: "720h", Smarthosts: []SmarthostConfig{}, TLSReports: true},
		Milter:   MilterConfig{Networks: []string{"127.0.0.0/8", "::1"}, Spam: milterTag},
		TLS:      TLSConfig{ACMEDirectory: letsEncrypt, DNSCommand: []string{}, MTASTS: mtaSTSOff, MTASTSHosts: []string{}},
		Mail:     MailConfig{MaxSize: "25M"},
		Limits:   defaultLimits(),
		Records:  RecordsConfig{LeaveOut: []string{}, Derive: []string{}},
		P2P: P2PConfig{
			Listen:    []string{"/ip4/0.0.0.0/tcp/4801", "/ip6/::/tcp/4801"},
			Bootstrap: []string{},
		},
		Verdict: VerdictConfig{
			Threshold: record.DefaultThreshold, Invalid: string(screen.InvalidSpam), Banners: []string{}, AddressMap: []string{},
		},
		Log: LogConfig{Level: "info", Debug: []string{}},
	}
	if len(domains) > 0 {
		c.Hostname = "mail." + domains[0]
	}
	return c
}

// LoadConfig reads and validates the configuration in a node's directory. A
// key that is left out keeps its default, except organisation.domains, which
// must be there. Errors are *ConfigError, *api.Error, or from the file system.
func LoadConfig(dir string) (*Config, error) {
	if err := home.Directory(dir); err != nil {
		return nil, err
	}
	if err := Unfinished(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, ConfigFile)
	if err := home.Readable(path); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && fileExists(filepath.Join(dir, home.MailHead)) {
		return nil, lost(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notInitialised(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	c, err := parseConfig(text)
	if ce, ok := errors.AsType[*ConfigError](err); ok {
		ce.File = path
	}
	return c, err
}

// parseConfig reads and validates a configuration.
func parseConfig(text []byte) (*Config, error) {
	k := koanf.New(".")
	if err := k.Load(rawbytes.Provider(text), toml.Parser()); err != nil {
		return nil, syntaxError(err)
	}
	if err := checkKeys(k); err != nil {
		return nil, err
	}
	if !k.Exists("organisation") {
		return nil, noOrganisation(len(bytes.TrimSpace(text)) == 0)
	}
	c := DefaultConfig("", nil)
	if err := k.Unmarshal("", c); err != nil {
		return nil, &ConfigError{Cause: err.Error(), Next: "give each key a value of the kind shown in the file that init writes"}
	}
	if c.Hostname == "" && len(c.Organisation.Domains) > 0 {
		c.Hostname = "mail." + c.Organisation.Domains[0]
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return c, nil
}

//go:embed cairn.toml.tmpl
var configText string

// Format gives the commented file that parseConfig reads back as c.
func (c *Config) Format() []byte {
	t := template.Must(template.New(ConfigFile).Funcs(template.FuncMap{
		"string": tomlString, "strings": tomlStrings, "smarthosts": tomlSmarthosts,
	}).Parse(configText))
	var b bytes.Buffer
	if err := t.Execute(&b, c); err != nil {
		panic(err) // the template is part of the program and only reads fields
	}
	return b.Bytes()
}
