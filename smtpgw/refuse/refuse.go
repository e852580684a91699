// Package refuse has what the other side of an SMTP session, or whoever submits mail otherwise, is
// told when something is not taken: an error with code, status and text. Whatever in the gateway
// looks at what somebody else sends gives it.
package refuse

import "fmt"

// Refusal is an error that says to the other side of an SMTP session, or to whoever submits mail
// otherwise, why something is not taken.
type Refusal struct {
	Code   int    // 400 to 499: not now; 500 to 599: not at all (RFC 5321, section 4.2.1)
	Status Status // of the same class
	Text   string // for the other side's eyes: one line, without internals
}

// Status is an enhanced status code (RFC 3463): class, subject, detail.
type Status [3]int

// String is the code as it stands in replies and reports.
func (s Status) String() string { return fmt.Sprintf("%d.%d.%d", s[0], s[1], s[2]) }

func (r *Refusal) Error() string { return fmt.Sprintf("%d %s %s", r.Code, r.Status, r.Text) }

// Temporary reports whether trying again may help.
func (r *Refusal) Temporary() bool { return r.Code < 500 }

// IsPolicy reports whether it is about security or policy: the other side may not do what it wants
// to.
func (r *Refusal) IsPolicy() bool { return r.Status[1] == 7 } // RFC 3463, section 3.8

// With makes a Refusal.
func With(code, class, subject, detail int, format string, args ...any) *Refusal {
	return &Refusal{code, Status{class, subject, detail}, fmt.Sprintf(format, args...)}
}
