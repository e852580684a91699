package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// domain looks at all that others ask the DNS about a domain.
func (f *Facts) domain(d *Domain) []Finding {
	if d.Reserved {
		return []Finding{{ID: "domain", About: d.Name, Level: Warn, Found: "the domain is one that is kept out of the DNS (RFC 6761)",
			Why: "mail in its name goes between nodes of the network alone"}}
	}
	list := []Finding{f.mx(d)}
	if !f.Nobody {
		list = append(list, f.spf(d))
		if f.Records == "all" {
			list = append(list, f.recordsAll(d))
		}
		list = append(list, f.dkim(d)...)
	}
	return append(list, dmarc(d), f.sts(d), rpt(d))
}

// here reports whether a mail exchanger is this node.
func (f *Facts) here(m *MX) bool {
	return m.Host == f.Hostname || slices.ContainsFunc(m.Addrs, func(a netip.Addr) bool {
		return slices.ContainsFunc(f.Addresses, func(own Address) bool { return own.Addr == a })
	})
}

func (f *Facts) mx(d *Domain) Finding {
	const id = "mx"
	record := []Record{{d.Name + ".", "MX", "10 " + f.Hostname + "."}}
	switch {
	case d.MXFault != "":
		return asked(id, d.Name, d.MXFault)
	case len(d.MX) == 0:
		return Finding{ID: id, About: d.Name, Level: Fail, Found: "the domain has no mail exchanger",
			Why: "servers of the rest of the world do not know where to bring its mail", Records: record}
	case len(d.MX) == 1 && d.MX[0].Host == "":
		return Finding{ID: id, About: d.Name, Level: Fail, Found: "the domain says that it takes no mail (RFC 7505)",
			Why: "servers of the rest of the world return mail for it at once", Records: record}
	}
	var hosts []string
	leads := false
	for i := range d.MX {
		hosts = append(hosts, d.MX[i].Host)
		leads = leads || f.here(&d.MX[i])
	}
	if leads {
		return ok(id, d.Name, "%s", strings.Join(hosts, ", "))
	}
	return Finding{ID: id, About: d.Name, Level: Warn, Found: "mail goes to " + strings.Join(hosts, ", ") + ", which is not this node",
		Why: "mail arrives here only if that server hands it on", Records: record}
}

// Sender are the addresses that mail leaves from.
func (f *Facts) Sender() (list []netip.Addr) {
	if len(f.Source) > 0 {
		return f.Source
	}
	for _, a := range f.Addresses {
		list = append(list, a.Addr)
	}
	return list
}

// spfRecords are the SPF records among texts (RFC 7208, section 4.5).
func spfRecords(texts []string) (list []string) {
	for _, t := range texts {
		if fields := strings.Fields(t); len(fields) > 0 && strings.EqualFold(fields[0], "v=spf1") {
			list = append(list, t)
		}
	}
	return list
}

// newSPF is a record that names those mail leaves from: by the host name where no address of them
// is known, lest it says that nobody sends.
func (f *Facts) newSPF() string {
	if len(f.Sender()) == 0 {
		return "v=spf1 a:" + f.Hostname + " -all"
	}
	return withAddresses("v=spf1 -all", f.Sender())
}

func (f *Facts) spf(d *Domain) Finding {
	const id = "spf"
	records := spfRecords(d.TXT.Records)
	switch {
	case d.TXT.Fault != "":
		return asked(id, d.Name, d.TXT.Fault)
	case len(records) > 1:
		return Finding{ID: id, About: d.Name, Level: Fail, Found: fmt.Sprintf("the domain has %d SPF records", len(records)),
			Why: "with more than one none of them counts (RFC 7208, section 4.5)", Next: "remove all but one"}
	case len(records) == 0 && !f.Direct:
		return Finding{ID: id, About: d.Name, Level: Warn, Found: "the domain has no SPF record",
			Why: "servers that get its mail take it for suspect", Next: "publish what who runs the smarthost says"}
	case len(records) == 0:
		return Finding{ID: id, About: d.Name, Level: Fail, Found: "the domain has no SPF record",
			Why: "servers that get its mail take it for suspect, and large ones refuse it", Records: []Record{{d.Name + ".", "TXT", f.newSPF()}}}
	case !f.Direct:
		return unknown(id, d.Name, "not known: from which addresses the smarthost sends; the record is %q", records[0])
	}
	var missing []netip.Addr
	for _, o := range d.SPF {
		switch o.Result {
		case "pass":
		case "temperror":
			return asked(id, d.Name, o.Reason)
		case "permerror":
			return Finding{ID: id, About: d.Name, Level: Fail, Found: "the SPF record does not count: " + o.Reason,
				Why: "servers that get the domain's mail take it for suspect", Records: []Record{{d.Name + ".", "TXT", f.newSPF()}}}
		default:
			missing = append(missing, o.Addr)
		}
	}
	if len(missing) > 0 {
		return Finding{ID: id, About: d.Name, Level: Fail, Found: fmt.Sprintf("the SPF record does not include %s", joined(missing)),
			Why: "mail from there looks forged, and is refused or filed as spam", Records: []Record{{d.Name + ".", "TXT", withAddresses(records[0], missing)}}}
	}
	if len(d.SPF) == 0 {
		return unknown(id, d.Name, "not known: the node's addresses are not; the record is %q", records[0])
	}
	if end := ending(records[0]); end != "-all" && end != "~all" && end != "redirect" {
		return Finding{ID: id, About: d.Name, Level: Warn, Found: fmt.Sprintf("the SPF record %q does not end in -all or ~all", records[0]),
			Why: "it says nothing against mail that others send in the domain's name", Records: []Record{{d.Name + ".", "TXT", withAddresses(records[0], nil)}}}
	}
	return ok(id, d.Name, "%s", records[0])
}

// ending is what an SPF record says of all others: its all mechanism with the qualifier, redirect,
// or nothing.
func ending(record string) string {
	end := ""
	for _, term := range strings.Fields(strings.ToLower(record)) {
		switch strings.TrimLeft(term, "+-~?") {
		case "all":
			if term == "all" {
				return "+all"
			}
			return term
		}
		if strings.HasPrefix(term, "redirect=") {
			end = "redirect"
		}
	}
	return end
}

// withAddresses is an SPF record that includes addresses too, before its end, which is -all unless
// it has one that says as much.
func withAddresses(record string, addrs []netip.Addr) string {
	terms := []string{}
	end := "-all"
	for _, t := range strings.Fields(record) {
		switch lower := strings.ToLower(t); {
		case strings.HasPrefix(lower, "redirect=") && ending(record) == "redirect":
			end = t
		case strings.TrimLeft(lower, "+-~?") != "all":
			terms = append(terms, t)
		case lower == "~all":
			end = t
		}
	}
	for _, a := range addrs {
		kind := "ip6:"
		if a = a.Unmap(); a.Is4() {
			kind = "ip4:"
		}
		terms = append(terms, kind+a.String())
	}
	return strings.Join(append(terms, end), " ")
}

// recordsAll looks for other senders where the organisation declares that all its mail is recorded.
func (f *Facts) recordsAll(d *Domain) Finding {
	const id = "records-all"
	records := spfRecords(d.TXT.Records)
	if d.TXT.Fault != "" || len(records) != 1 {
		return unknown(id, d.Name, "not known: there is no one SPF record")
	}
	var others []string
	for _, term := range strings.Fields(strings.ToLower(records[0]))[1:] {
		if bare := strings.TrimPrefix(term, "+"); !f.ours(d, bare) {
			others = append(others, term)
		}
	}
	if len(others) == 0 {
		return ok(id, d.Name, "the SPF record names this node alone")
	}
	return Finding{ID: id, About: d.Name, Level: Warn, Found: "the organisation declares that all its mail is recorded, and the SPF record names other senders: " + strings.Join(others, " "),
		Why:  "nodes that trust the organisation mark mail as missing its record that these send",
		Next: "have them send through this node, or declare records = \"some\" under [organisation] in the configuration"}
}

// ours reports whether a term of an SPF record lets nobody send but this node.
func (f *Facts) ours(d *Domain, term string) bool {
	if strings.HasPrefix(term, "-") || strings.HasPrefix(term, "~") || strings.HasPrefix(term, "?") {
		return true // lets nobody
	}
	if strings.HasPrefix(term, "exp=") {
		return true
	}
	if _, addr, is := strings.Cut(term, ":"); is && (strings.HasPrefix(term, "ip4:") || strings.HasPrefix(term, "ip6:")) {
		addr = strings.TrimSuffix(strings.TrimSuffix(addr, "/32"), "/128")
		a, err := netip.ParseAddr(addr)
		return err == nil && slices.Contains(f.Sender(), a)
	}
	if term == "mx" || term == "mx:"+d.Name {
		return len(d.MX) > 0 && !slices.ContainsFunc(d.MX, func(m MX) bool { return !f.here(&m) })
	}
	return term == "a:"+f.Hostname || term == "a" && d.Name == f.Hostname
}

func (f *Facts) dkim(d *Domain) (list []Finding) {
	const id = "dkim"
	if len(d.Keys) == 0 {
		why := d.KeysWhy
		if why == "" {
			why = "the node has made no keys for the domain yet"
		}
		return []Finding{{ID: id, About: d.Name, Level: Unknown, Found: why, Next: "cairn dkim ls"}}
	}
	signs := slices.ContainsFunc(d.Keys, func(k DKIM) bool { return k.Signs && k.Fault == "" })
	var names []string
	for _, k := range d.Keys {
		switch {
		case k.State == "ended", k.State == "former" && !k.Signs: // whose record may have been removed for good reason
		case k.Fault == "" && k.Signs:
			names = append(names, k.Selector)
		case strings.Contains(k.Fault, "does not answer"):
			list = append(list, asked(id, d.Name, k.Selector+": "+k.Fault))
		case k.Fault != "":
			level, why := Fail, "mail leaves without a signature, and is taken for suspect or refused"
			if signs {
				level, why = Warn, "who knows this kind of key alone finds no signature that verifies"
			}
			list = append(list, Finding{ID: id, About: d.Name, Level: level, Found: fmt.Sprintf("the record of the key %s: %s", k.Selector, k.Fault),
				Why: why, Records: []Record{{k.Name + ".", "TXT", k.Record}}})
		}
	}
	if len(names) > 0 {
		list = append(list, ok(id, d.Name, "signed by %s", strings.Join(names, ", ")))
	}
	return list
}

func dmarc(d *Domain) Finding {
	const id = "dmarc"
	name := "_dmarc." + d.Name + "."
	first := []Record{{name, "TXT", "v=DMARC1; p=none; rua=mailto:postmaster@" + d.Name}}
	var own []string
	for _, t := range d.OwnTXT.Records {
		if strings.HasPrefix(t, "v=DMARC1") {
			own = append(own, t)
		}
	}
	switch {
	case d.OwnTXT.Fault != "":
		return asked(id, d.Name, d.OwnTXT.Fault)
	case d.DMARC.Fault != "":
		return asked(id, d.Name, d.DMARC.Fault)
	case len(own) > 1 || len(own) == 1 && !d.DMARC.Sound:
		found := "the DMARC record cannot be read: " + own[0]
		if len(own) > 1 {
			found = fmt.Sprintf("the domain has %d DMARC records", len(own))
		}
		return Finding{ID: id, About: d.Name, Level: Fail, Found: found, Why: "it counts as none: anybody's mail in the domain's name is taken", Records: first}
	case d.DMARC.Policy == "":
		return Finding{ID: id, About: d.Name, Level: Warn, Found: "the domain has no DMARC record",
			Why: "anybody's mail in its name is taken, and large servers refuse bulk mail of domains without one", Records: first}
	case d.DMARC.Policy == "none" || d.DMARC.Testing:
		return Finding{ID: id, About: d.Name, Level: Warn, Found: "the DMARC policy asks for nothing (p=none, or t=y)",
			Why:     "forged mail in the domain's name is taken; once SPF and DKIM are well for all that sends, ask for more",
			Records: []Record{{name, "TXT", "v=DMARC1; p=quarantine; rua=mailto:postmaster@" + d.Name}}}
	case len(own) == 0:
		return ok(id, d.Name, "p=%s, by the record of a domain above it", d.DMARC.Policy)
	}
	return ok(id, d.Name, "%s", own[0])
}

func (f *Facts) sts(d *Domain) Finding {
	const id = "mta-sts"
	txt := slices.DeleteFunc(slices.Clone(d.STSTXT.Records), func(t string) bool { return !strings.HasPrefix(t, "v=STSv1") })
	host := "mta-sts." + d.Name
	switch {
	case d.STSTXT.Fault != "":
		return asked(id, d.Name, d.STSTXT.Fault)
	case d.STS.Fault != "":
		return asked(id, d.Name, d.STS.Fault)
	case len(txt) > 1:
		return Finding{ID: id, About: d.Name, Level: Fail, Found: fmt.Sprintf("the domain has %d records of MTA-STS", len(txt)),
			Why: "with more than one none of them counts (RFC 8461, section 3.1)", Next: "remove all but one"}
	case len(txt) == 1 && d.STS.Mode == "":
		return Finding{ID: id, About: d.Name, Level: Fail, Found: "the record of MTA-STS is there, and no policy can be fetched",
			Why: "who sends to the domain is not held to encryption", Next: servePolicy(d, host)}
	case d.STS.Mode == "" && len(txt) == 0 && len(d.OwnSTS) > 0:
		return Finding{ID: id, About: d.Name, Level: Warn, Found: "the node serves a policy of MTA-STS, and the domain has no record that says so",
			Why: "nobody who sends to the domain looks for the policy", Records: d.OwnSTS}
	case d.STS.Mode == "" && len(txt) == 0:
		return Finding{ID: id, About: d.Name, Level: Warn, Found: "the domain has no policy of MTA-STS",
			Why:  "who stands on the way can have mail for the domain sent to him, or without encryption",
			Next: "set tls.mta_sts = \"testing\", tls.https_listen and tls.acme in the configuration, start the node anew, and publish what it shows: cairn status"}
	case len(txt) == 0:
		return Finding{ID: id, About: d.Name, Level: Warn, Found: "a policy of MTA-STS is known from before, and its record is there no more",
			Why: "who has not seen the policy is not held to encryption", Records: f.stsRecords(d)}
	case d.STS.Mode == "none":
		return Finding{ID: id, About: d.Name, Level: Warn, Found: "the policy of MTA-STS has the mode none", Why: "who sends to the domain is not held to encryption"}
	case len(d.STS.Refused) > 0:
		level := Warn
		if d.STS.Mode == "enforce" {
			level = Fail
		}
		next := "name them in the policy, each as \"mx: NAME\", and give its record another id"
		if len(d.OwnSTS) > 0 {
			next = "list all mail exchangers in tls.mta_sts_mx in the configuration, start the node anew, and publish what it shows: cairn status"
		}
		return Finding{ID: id, About: d.Name, Level: level, Found: "the policy of MTA-STS does not name the mail exchangers " + strings.Join(d.STS.Refused, ", "),
			Why: "servers that heed the policy do not bring mail to them", Next: next}
	case d.STS.Mode == "enforce" && f.mistrusted() != "":
		return Finding{ID: id, About: d.Name, Level: Fail, Found: "the policy of MTA-STS asks for a certificate that others trust, and the node's is not: " + f.mistrusted(),
			Why: "servers that heed the policy do not bring mail here", Next: f.nextCertificate()}
	}
	return ok(id, d.Name, "mode %s, and it names the mail exchangers", d.STS.Mode)
}

// servePolicy is how others come to see the policy of a domain.
func servePolicy(d *Domain, host string) string {
	if len(d.OwnSTS) > 0 {
		return "see that " + host + " leads to this machine in the DNS, and that the world reaches tls.https_listen at its port 443, with a certificate for that name"
	}
	return "serve the policy at https://" + host + "/.well-known/mta-sts.txt"
}

// stsRecords are those by which others find the policy of a domain.
func (f *Facts) stsRecords(d *Domain) []Record {
	if len(d.OwnSTS) > 0 {
		return d.OwnSTS
	}
	return []Record{{"_mta-sts." + d.Name + ".", "TXT", "v=STSv1; id=" + f.Now.UTC().Format("20060102150405")}}
}

func rpt(d *Domain) Finding {
	const id = "tls-rpt"
	if d.RPT.Fault != "" {
		return asked(id, d.Name, d.RPT.Fault)
	}
	record := []Record{{"_smtp._tls." + d.Name + ".", "TXT", "v=TLSRPTv1; rua=mailto:postmaster@" + d.Name}}
	found := slices.DeleteFunc(slices.Clone(d.RPT.Records), func(t string) bool { return !strings.HasPrefix(t, "v=TLSRPTv1") })
	switch {
	case len(found) == 0:
		return Finding{ID: id, About: d.Name, Level: Warn, Found: "the domain asks for no reports of TLS (RFC 8460)",
			Why: "nobody tells you when encryption on the way here fails", Records: record}
	case len(found) > 1 || !strings.Contains(found[0], "rua="):
		return Finding{ID: id, About: d.Name, Level: Warn, Found: "the record of TLS reports does not count, it has to be one with rua=",
			Why: "nobody tells you when encryption on the way here fails", Records: record}
	}
	return ok(id, d.Name, "%s", found[0])
}

// dane says whether other servers are held to the keys that their domains publish (RFC 7672).
func (f *Facts) dane() Finding {
	const id = "dane"
	why := "which keys other mail servers have cannot be known (DANE), so mail is encrypted only where they offer it, or ask for it by MTA-STS"
	next := "run a resolver that validates on this machine, as unbound is, name it first in /etc/resolv.conf, and start the node again"
	switch v := &f.Validation; {
	case !f.Direct:
		return unknown(id, "", "not looked at: no mail goes from here straight to mail servers of others")
	case v.Off:
		return Finding{ID: id, Level: Warn, Found: `outbound.validating_resolver is "none"`, Why: why, Next: "set it to a resolver that validates DNSSEC, or remove it for the one of this machine"}
	case v.Server == "":
		return Finding{ID: id, Level: Warn, Found: "the resolver of this machine runs on another one, whose word that something is signed counts for nothing", Why: why, Next: next}
	case v.Silent:
		return asked(id, v.Server, v.Fault)
	case v.Fault != "":
		return Finding{ID: id, About: v.Server, Level: Warn, Found: "the resolver does not validate DNSSEC: " + v.Fault, Why: why, Next: next}
	}
	return ok(id, f.Validation.Server, "the resolver validates DNSSEC: mail servers whose domains publish their keys are held to them")
}

// tlsa holds the records of the host name to the key of the listeners.
func (f *Facts) tlsa() Finding {
	const id = "tlsa"
	about, record := f.TLSA.Name, []Record{{f.TLSA.Name + ".", "TLSA", f.TLSA.Record}}
	if f.TLSA.Next != "" {
		record = append(record, Record{f.TLSA.Name + ".", "TLSA", f.TLSA.Next})
	}
	const why = "senders that use DANE bring mail only to the key that such a record names"
	switch v := f.TLSA; {
	case v.Fault != "":
		return asked(id, about, v.Fault)
	case !v.Signed && len(v.Published) == 0:
		return ok(id, about, "there is no record, and the zone is not signed (DNSSEC): one would count for nothing")
	case !v.Signed:
		return Finding{ID: id, About: about, Level: Warn, Found: "there are records, and the zone is not signed (DNSSEC)", Why: "they count for nothing", Next: "have the zone signed by who serves it, or remove the records"}
	case v.Matches && v.Next != "" && !slices.Contains(v.Published, v.Next):
		return Finding{ID: id, About: about, Level: Warn, Found: "the record of the next key is not there", Why: "the next key is used once it was there, beside the present one, for two TTLs",
			Next: "add its record to that of the present key; or give the next key up: cairn tls roll --cancel", Records: record[1:]}
	case v.Matches && v.Former != "" && slices.Contains(v.Published, v.Former):
		return Finding{ID: id, About: about, Level: Warn, Found: "the record of the key before is still there: " + v.Former, Why: "who has that key can pass for this server", Next: "remove this record"}
	case v.Matches:
		return ok(id, about, "%s", strings.Join(v.Published, ", "))
	case len(v.Published) == 0:
		return Finding{ID: id, About: about, Level: Warn, Found: "the zone is signed, and there is no record of the listeners' key",
			Why: "with one, nobody in between could keep senders that use DANE from encrypting", Records: record}
	}
	return Finding{ID: id, About: about, Level: Fail, Found: "the records name other keys than that of the listeners: " + strings.Join(f.TLSA.Published, ", "), Why: why, Records: record}
}

func joined(addrs []netip.Addr) string {
	list := make([]string, len(addrs))
	for i, a := range addrs {
		list[i] = a.String()
	}
	return strings.Join(list, ", ")
}
