// Package assess turns what SPF, DKIM, DMARC and the names of the client find out about one message
// into evidence. It decides nothing.
package assess
