//go:build !race

package testnet_test

const raced = false
