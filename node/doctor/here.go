package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// CertSoon is how long before its end a certificate has to be renewed.
const CertSoon = 14 * 24 * time.Hour

const nextCertificate = "set tls.acme in the configuration, or let tls.certificate_file and tls.key_file name a chain and its key, from an authority that others trust"

// NextIssued is what helps where an authority that is asked issues no certificate; byDNS: it looks
// at a record in the DNS.
func NextIssued(byDNS bool) string {
	const before = "see that the authority answers at tls.acme_directory (one of your own needs tls.acme_ca_file), "
	const after = "; SIGHUP, as of systemctl reload, has it asked at once"
	if byDNS {
		return before + "and that tls.dns_command or tls.dns_server puts the TXT record into the DNS, to where the world sees it" + after
	}
	return before + "that the name leads to this machine in the DNS, and that the world reaches tls.http_listen at its port 80, or tls.https_listen at 443" + after
}

// nextTrusted is what helps where an authority has issued the certificate that nobody trusts.
const nextTrusted = "name an authority that others trust in tls.acme_directory (those for trials and your own are none), and start the node anew"

// nextCertificate is how the node comes to a certificate that others trust.
func (f *Facts) nextCertificate() string {
	c := &f.Certificate
	switch {
	case c.ACME && !c.Own && c.Host == "" && f.Now.Before(c.NotAfter): // an authority has issued it
		return nextTrusted
	case c.ACME:
		return NextIssued(c.DNS)
	}
	return nextCertificate
}

// mistrusted is why others do not trust the certificate; empty: they do.
func (f *Facts) mistrusted() string {
	c := &f.Certificate
	switch {
	case c.Fault != "":
		return ""
	case c.Own:
		return "it is of the node's own making"
	case !f.Now.Before(c.NotAfter):
		return "it has expired"
	case c.Host != "":
		return c.Host
	}
	return c.Chain
}

func (f *Facts) certificate() Finding {
	const id, about = "certificate", ""
	c := &f.Certificate
	switch {
	case c.Fault != "":
		return Finding{ID: id, Level: Fail, Found: "the certificate cannot be read: " + c.Fault, Why: "the node does not start without it", Next: nextCertificate}
	case c.Own:
		found := "the certificate is of the node's own making"
		if c.ACME {
			found += ", and stays so until the authority issues one"
		}
		return Finding{ID: id, Level: Warn, Found: found,
			Why: "mail is encrypted on the way, but nobody can tell this node from another, and mail programs warn", Next: f.nextCertificate()}
	case !f.Now.Before(c.NotAfter):
		return Finding{ID: id, Level: Fail, Found: "the certificate has expired on " + c.NotAfter.UTC().Format(time.DateOnly), Why: "mail programs refuse it, and servers that ask for a valid one bring no mail", Next: f.nextCertificate()}
	case c.Host != "" || c.Chain != "":
		return Finding{ID: id, Level: Warn, Found: "the certificate is not one that others trust: " + f.mistrusted(), Why: "mail programs warn, and servers that ask for a valid one bring no mail", Next: f.nextCertificate()}
	}
	left := c.NotAfter.Sub(f.Now)
	if left < CertSoon {
		next := "renew it; the node reads the files anew by itself"
		if c.ACME {
			next = NextIssued(c.DNS)
		}
		return Finding{ID: id, Level: Warn, Found: fmt.Sprintf("the certificate ends in %d days", int(left.Hours()/24)), Why: "mail programs refuse it then", Next: next}
	}
	return ok(id, about, "valid for %s, another %d days", f.Hostname, int(left.Hours()/24))
}

// unissued is about a name whose last attempt failed.
func (f *Facts) unissued(u *Unissued) Finding {
	found := "the authority issues no certificate: " + u.Why
	if !u.Again.IsZero() {
		found += "; it is asked again at " + u.Again.UTC().Format(time.DateTime)
	}
	return Finding{ID: "certificate", About: u.Name, Level: Warn, Found: found, Why: "what is shown for the name stays as it was, and ends", Next: NextIssued(f.Certificate.DNS)}
}

func (f *Facts) outward() Finding {
	const id = "outward"
	o := &f.Outward
	switch {
	case f.Nobody:
		return ok(id, "", "mail for servers that are no nodes is returned, as outbound.via says")
	case !f.Direct:
		return ok(id, "", "not needed: mail for servers that are no nodes goes by a smarthost")
	case o.To == "":
		return Finding{ID: id, Level: Unknown, Found: "not known: there is no domain whose server could be tried", Next: "cairn doctor --send ADDRESS"}
	case o.Untried != "":
		return Finding{ID: id, About: o.To, Level: Unknown, Found: "not known: there is no server of it to try: " + o.Untried, Next: "take an address at another domain: cairn doctor --send ADDRESS"}
	case o.Fault == "":
		return ok(id, o.To, "a server takes the connection")
	}
	return Finding{ID: id, About: o.To, Level: Fail, Found: "no server takes the connection: " + o.Fault,
		Why: "many networks let nobody out to port 25: mail to the rest of the world does not leave", Next: "ask who runs the network to open port 25, or set outbound.via in the configuration to a smarthost"}
}

// smarthosts says which servers that take mail for the world take a session and a sign-in.
func (f *Facts) smarthosts() (list []Finding) {
	const id = "smarthost"
	for _, s := range f.Smarthosts {
		if s.Fault == "" {
			list = append(list, ok(id, s.To, "it takes a session, and mail from here as far as it says"))
			continue
		}
		next := "mend host, port, user or password below [outbound] in the configuration, then: cairn doctor"
		if s.Untrusted {
			next = "name the server as its certificate does below [outbound] in the configuration, or in an entry of smarthosts with ca_file who vouches for it, then: cairn doctor"
		}
		list = append(list, Finding{ID: id, About: s.To, Level: Fail, Found: "no mail can be handed to it: " + s.Fault,
			Why: "mail that goes this way waits, and is returned after five days", Next: next})
	}
	return list
}

// loopback reports whether a listener is for this machine alone.
func loopback(listen string) bool {
	at, err := netip.ParseAddrPort(listen)
	return err == nil && at.Addr().Unmap().IsLoopback() || strings.HasPrefix(listen, "localhost:")
}

func (f *Facts) inbound() (list []Finding) {
	const id = "inbound"
	if f.Inbound == "" {
		return []Finding{{ID: id, Level: Warn, Found: "no listener takes mail of other servers", Why: "mail of servers that are no nodes does not arrive here", Next: "set inbound.listen in the configuration"}}
	}
	reached := false
	for _, a := range f.Addresses {
		switch {
		case a.Reach == "":
			reached = true
			list = append(list, ok(id, a.Addr.String(), "port 25 takes connections from here; from elsewhere was not tried"))
		default:
			list = append(list, Finding{ID: id, About: a.Addr.String(), Level: Warn, Found: "port 25 takes no connection from here: " + a.Reach,
				Why: "other servers bring mail to that port, unless something on the way leads elsewhere for them", Next: "try it from another network; the listener is inbound.listen in the configuration"})
		}
	}
	if loopback(f.Inbound) && !reached {
		return append([]Finding{{ID: id, Level: Fail, Found: "the listener for other servers is at " + f.Inbound + ", which other machines do not reach",
			Why: "mail of servers that are no nodes does not arrive here", Next: "set inbound.listen in the configuration to 0.0.0.0:25, or have something there lead to it"}}, list...)
	}
	if len(list) == 0 {
		list = append(list, unknown(id, "", "the listener is at %s; whether others reach it was not tried", f.Inbound))
	}
	return list
}

func (f *Facts) submission() Finding {
	const id = "submission"
	var open []string
	for _, l := range []string{f.Submission, f.SubmissionTLS} {
		if l != "" && !loopback(l) {
			open = append(open, l)
		}
	}
	whom := "who has TLS and a password alone"
	if f.Relays {
		whom = "who has TLS and a password, and without either for the mail servers of submission.relay_networks"
	}
	switch {
	case f.Submission == "" && f.SubmissionTLS == "":
		return ok(id, "", "no listener")
	case len(open) == 0:
		return ok(id, "", "for programs of this machine alone")
	case f.State == nil:
		return unknown(id, "", "at %s, for %s; whether an account has one is not known", strings.Join(open, ", "), whom)
	case !f.State.Accounts && f.Relays:
		return ok(id, "", "at %s, for the mail servers of submission.relay_networks alone: no account has a password", strings.Join(open, ", "))
	case !f.State.Accounts:
		return Finding{ID: id, Level: Warn, Found: "the listener at " + strings.Join(open, ", ") + " is open to other machines, and no account has a password",
			Why: "nobody there can sign in, so it only draws who guesses", Next: "cairn account passwd NAME"}
	}
	return ok(id, "", "at %s, for %s", strings.Join(open, ", "), whom)
}

// state says what the node itself finds wrong.
func (f *Facts) state() (list []Finding) {
	s := f.State
	if s == nil {
		return []Finding{{ID: "running", Level: Warn, Found: "no node runs: what only it knows was not looked at", Why: "mail is neither taken nor carried", Next: NextRun}}
	}
	list = append(list, s.clock(), s.member(), s.peers())
	add := func(bad bool, id string, level Level, found, why, next, well string) {
		if !bad {
			list = append(list, ok(id, "", "%s", well))
			return
		}
		list = append(list, Finding{ID: id, Level: level, Found: found, Why: why, Next: next})
	}
	add(s.Full != "", "room", Fail, s.Full, "mail is put off while nothing can be stored", "make room on the disk", "there is room to store mail")
	add(s.Damaged > 0, "store", Fail, fmt.Sprintf("%d places of the mail store were found damaged", s.Damaged), "mail that stands there is lost unless it is in a backup", NextCheck, "nothing was found damaged since the start")
	add(s.Halted != "", "recorder", Fail, "mail is not recorded: "+s.Halted, "it waits, and is returned in the end", s.HaltNext, "mail is recorded")
	if s.Copied {
		list = append(list, Finding{ID: "copy", Level: Fail, Found: "another process runs with the keys of this node", Why: "neither speaks for it, and no mail goes out or in", Next: NextStatus})
	}
	if len(s.CutOff) > 0 {
		list = append(list, Finding{ID: "cut-off", Level: Warn, Found: "addresses at domains that are not the organisation's: " + strings.Join(s.CutOff, ", "), Why: "they get no mail", Next: NextStatus})
	}
	return list
}

func (s *State) clock() Finding {
	const id = "clock"
	if len(s.Clock) == 0 && !s.Waiting {
		return ok(id, "", "nothing says that it is wrong")
	}
	level := Warn
	if s.Waiting {
		level = Fail
	}
	return Finding{ID: id, Level: level, Found: strings.Join(s.Clock, "; "), Why: "records and verdicts go by the clock; where it is surely wrong, mining and expiry wait", Next: "have a time service keep the clock"}
}

func (s *State) member() Finding {
	const id = "member"
	switch {
	case s.Ended != "":
		return Finding{ID: id, Level: Fail, Found: s.Ended, Why: "nobody of the network brings mail here, and ours is not recorded", Next: s.EndedNxt}
	case !s.Enrolled:
		return Finding{ID: id, Level: Warn, Found: "the node is no member yet; it waits for " + s.WaitsFor, Why: "until then its mail has no records", Next: NextStatus}
	}
	return ok(id, "", "the node is one of its organisation's")
}

func (s *State) peers() Finding {
	const id = "peers"
	switch {
	case s.Peers > 0:
		return ok(id, "", "%d connected", s.Peers)
	case !s.Others:
		return ok(id, "", "none, and no other organisation is known")
	}
	return Finding{ID: id, Level: Fail, Found: "no other node is connected", Why: "neither mail of the network nor its blocks come here", Next: "cairn peers ls"}
}
