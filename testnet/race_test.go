//go:build race

package testnet_test

// raced: the race detector is in these processes, which takes several times their memory.
const raced = true
