// Package testnet runs several real Cairn nodes in one process on loopback:
// real libp2p hosts, real stores, real SMTP listeners. Its story, told by
// Run, is the first thing a newcomer sees; its tests hold the properties that
// need more than one node: delivery, partition, crash and recovery.
package testnet
