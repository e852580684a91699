package doctor

// DNS01 is how records come into the DNS that an authority looks at.
type DNS01 struct {
	By    string // the program, or the server
	Fault string // why they cannot; empty: they can, as far as that was tried
}

// dns01 says whether an authority could be shown a record.
func (f *Facts) dns01() []Finding {
	const id = "dns-01"
	switch d := f.DNS01; {
	case d == nil:
		return nil
	case d.Fault != "":
		return []Finding{{ID: id, About: d.By, Level: Fail, Found: "no record can be put into the DNS for the authority: " + d.Fault,
			Why:  "no certificate is issued or renewed that way",
			Next: "mend dns_command, or dns_server, dns_key and dns_secret_file, below [tls] in the configuration, then: cairn doctor"}}
	default:
		return []Finding{ok(id, d.By, "it is there for the TXT record; none was written now")}
	}
}
