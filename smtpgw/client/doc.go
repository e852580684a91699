// Package client is the client's side of SMTP: the routes that mail takes to accounts here, to
// nodes and to mail servers that are none, what is asked of TLS on the way, the sessions that bring
// it there, and how many of these a set of hosts may have.
//
//   - Route says where mail for a domain goes. Who routes finds it: the client asks neither the DNS
//     nor the chain.
//   - Open opens a Session with who a route leads to, and SendOnce carries one message in one of its
//     own. With a Host, which is no node, the session is encrypted as TLSUse, Host.Verify and
//     REQUIRETLS (RFC 8689) have it, and signed in to where there is a Login.
//   - HostSets deals sessions with the same mail servers out among the domains that they serve.
//
// go-smtp's client rewrites what it sends, and knows neither BDAT nor pipelining: a message has to
// arrive as the octets that were recorded, and in few round trips.
package client
