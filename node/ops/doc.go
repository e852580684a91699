// Package ops is what whoever keeps a node running for years looks at: figures for Prometheus,
// whether it lives and is ready, and the word of that to systemd. No address of anybody is in it.
package ops
