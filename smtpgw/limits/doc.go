// Package limits decides what a peer of the gateway may go on to do, by what was seen of it and of
// its neighbours: how often it connects, how many messages and recipients it brings, how often it
// fails, and how fast its large messages come. An account that has signed in is held to rates of
// its own.
//
// It is pure: an event and the time go in, a decision comes out. Peers are told apart by IP address
// (IPv4 /32, IPv6 /64) and, with more room, by network (/24, /48): one host commonly has all of a
// /64, and one site all of a /48. What is remembered is bounded by their number; whoever was seen
// the longest time ago is forgotten first, and who is kept out stays longer than others.
package limits
