// Package acme lets a certificate authority certify the names of this node's servers, and sees to
// it that what it certified does not run out: ACME, RFC 8555, with the challenges http-01 (section
// 8.3), dns-01 (section 8.4) and tls-alpn-01 (RFC 8737). Each name has a certificate and a key of
// its own, so that one name that cannot be certified holds up no other. Keys stay the same over
// renewals: a TLSA record of one (RFC 6698) stays true.
package acme
