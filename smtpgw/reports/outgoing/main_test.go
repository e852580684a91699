package outgoing

import (
	"os"
	"testing"

	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { os.Exit(scratch.InMemory(m).Run()) }
