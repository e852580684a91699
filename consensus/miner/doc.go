// Package miner makes blocks: it puts a template together from the state and
// what waits in the mempool, searches for its proof of work with a limited
// share of the processor, signs it and hands it over.
//
// [Template] is a pure function, and [Miner] the loop that joins it and a search
// that can be stopped to a chain and a pool. Only members mine:
// the key that signs must be an enrolled recorder key.
package miner
