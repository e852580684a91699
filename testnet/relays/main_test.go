package relays_test

import (
	"testing"

	"go.uber.org/goleak"

	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }
