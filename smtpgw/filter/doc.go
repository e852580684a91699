// Package filter runs a program of the administrator's over a message: the message on its standard
// input, what is known of it in its environment, the message to go on with on its standard output.
//
// What the program's end means is that of sysexits.h, as far as mail programs use it:
//
//	0    its output takes the message's place
//	75   not now: whoever brings the message shall come again
//	77   refused, for the reason in the first line of standard error
//
// Anything else is a fault of the program's, and so is output without end, or no end in time: then
// the program and all that it started are killed. No message is lost by it, nor one let through.
package filter
