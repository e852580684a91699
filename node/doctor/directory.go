package doctor

import "strings"

// Directory is the one that knows passwords of those who sign in.
type Directory struct {
	URL   string
	Fault string // why it cannot be asked; empty: it can
}

// directory says whether passwords can be checked that are not here.
func (f *Facts) directory() []Finding {
	const id = "directory"
	switch d := f.Directory; {
	case d == nil:
		return nil
	case d.Fault != "":
		return []Finding{{ID: id, About: d.URL, Level: Fail, Found: "the directory cannot be asked: " + strings.TrimRight(d.Fault, ": "), // an answer may lack its text
			Why:  "who has no password here cannot sign in, and is told to come again",
			Next: "see that it runs, and that url, ca_file and who searches are right below [ldap] in the configuration"}}
	default:
		return []Finding{ok(id, d.URL, "it answers, over TLS")}
	}
}
