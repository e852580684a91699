// Package screen says where mail goes. Whoever finds something out about a message gives evidence;
// Decide alone turns it into labels, at the arrival of the message and whenever its verdict
// changes. It does no I/O and asks no clock.
package screen
