package main

import (
	"fmt"
	"os"

	"cairn/mailstore/message"
)

func main() {
	raw, _ := os.ReadFile(os.Args[1])
	d := message.DissectFile(raw, nil)
	for _, c := range d.Components() {
		if c.Type.String() == os.Args[2] {
			fmt.Printf("## %d r%d %q\n%s\n", c.Index, c.Reading, c.Label, c.Content)
		}
	}
}
