//go:build race

package message_test

func init() { poolsForget = 2 }
