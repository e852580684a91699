// Package day lives a site's day in some minutes: a real node takes mail from the world and sends
// mail to it, where some servers are down, slow, greylist or refuse. The world is on this machine:
// real SMTP servers, each at an address of its own on loopback, and a DNS server that names them.
// Nothing of the node is left out; only the times between attempts and until reports are as much
// shorter as the day is.
//
// What has to become of each mail is known beforehand. In the end that is compared with what is in
// the mailboxes, at the servers and in the queue: a mail that is nowhere, or in two places, is a
// problem.
package day
