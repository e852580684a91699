package testnet_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"cairn/node/cli"
)

// asCairn makes the test binary behave as the program itself, so that tests
// run nodes in processes of their own and can really kill them.
const asCairn = "CAIRN_TEST_AS_CAIRN"

func TestMain(m *testing.M) {
	if os.Getenv(asCairn) != "" {
		os.Exit(cli.Main(os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}
