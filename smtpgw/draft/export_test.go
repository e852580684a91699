package draft

import (
	"testing"

	"go.uber.org/goleak"

	"cairn/mailstore/scratch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(scratch.InMemory(m)) }

// CheckHeader is for the tests beside this package, which submit.
var CheckHeader = checkHeader
