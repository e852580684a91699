//go:build race

package record_test

func init() { poolsForget = 3 }
