package message

import (
	"os"
	"runtime/debug"
	"testing"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // what these tests make, they drop at once
	os.Exit(m.Run())
}
