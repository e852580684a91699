// Package node puts one Cairn node together: it constructs the parts,
// connects them and serves. What each part does lives in its own package;
// here is only the wiring, the configuration and the node's identity.
package node
