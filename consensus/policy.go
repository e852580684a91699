package consensus

import "fmt"

// RecordsPolicy is what an organisation declares about its own mail.
type RecordsPolicy uint8

const (
	RecordsNone RecordsPolicy = 0 // it records nothing, or makes no promise
	RecordsSome RecordsPolicy = 1 // some of its mail is recorded
	RecordsAll  RecordsPolicy = 2 // mail of its domains without a record is missing it
)

var recordsPolicies = [...]string{RecordsNone: "none", RecordsSome: "some", RecordsAll: "all"}

// String returns none, some or all.
func (p RecordsPolicy) String() string {
	if int(p) < len(recordsPolicies) {
		return recordsPolicies[p]
	}
	return fmt.Sprintf("policy %d", uint8(p))
}

// MarshalText encodes p as none, some or all.
func (p RecordsPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText decodes none, some or all.
func (p *RecordsPolicy) UnmarshalText(text []byte) error {
	for i, name := range recordsPolicies {
		if name == string(text) {
			*p = RecordsPolicy(i)
			return nil
		}
	}
	return fmt.Errorf("records policy %q: all, some or none expected", text)
}
