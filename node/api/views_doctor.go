package api

// DoctorRequest asks what is wrong with a node.
type DoctorRequest struct {
	To string `json:"to,omitempty"` // an address whose mail server is tried; empty: one of a connected organisation
}

// Diagnosis is what was found.
type Diagnosis struct {
	Document
	Directory string    `json:"directory"`
	Hostname  string    `json:"hostname"`
	Running   bool      `json:"running"` // else it is by the configuration alone
	Worst     string    `json:"worst"`   // ok, warn, fail: of all findings; what is not known counts as none
	Findings  []Finding `json:"findings"`
}

// Finding is what was found of one thing.
type Finding struct {
	ID      string       `json:"id"` // of the kind of check
	About   string       `json:"about,omitempty"`
	Level   string       `json:"level"` // ok, warn, fail, unknown
	Found   string       `json:"found"`
	Why     string       `json:"why,omitempty"` // that matters
	Records []ZoneRecord `json:"records"`       // to publish
	Next    string       `json:"next,omitempty"`
}

// ZoneRecord is a record to publish in the DNS.
type ZoneRecord struct {
	Name  string `json:"name"` // absolute, with a final dot
	Type  string `json:"type"`
	Value string `json:"value"` // of TXT the text, without quotes
}
