package smtpgw

import "cairn/mailstore/outbox"

// takesRequireTLS reports whether REQUIRETLS is offered to a peer: over what nobody can read on the
// way alone.
func (w *wire) takesRequireTLS() bool { return w.secrecy.on || w.ofNode }

// withoutText is what is asked about reports on mail with REQUIRETLS: they are as with RET=HDRS
// (RFC 8689, section 5).
func withoutText(d outbox.DSN) outbox.DSN {
	d.Full, d.HDRS = false, true
	return d
}
