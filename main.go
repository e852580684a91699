// Command cairn is a peer-to-peer mail node.
package main

import (
	"os"

	"cairn/node/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:]))
}
