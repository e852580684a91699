// Package chaintest makes networks and valid blocks of low difficulty for the
// tests and benchmarks of packages that need a chain. It is not part of any
// node.
//
// Everything is a function of the arguments: keys come from a seed, times are
// given or follow the chain's own time. A Network may be used from several
// goroutines.
package chaintest
