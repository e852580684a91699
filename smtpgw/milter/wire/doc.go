// Package wire is the filter's side of the protocol by which Sendmail and Postfix ask filters about
// mail (milter), in versions 2 to 6: what a mail server says becomes messages, and what is decided
// about them becomes replies. The protocol has no RFC; it is defined by the header files of
// Sendmail's libmilter and by Postfix's MILTER_README. It does no I/O.
package wire
