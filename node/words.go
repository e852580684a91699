package node

import "fmt"

// plural tells a number of things whose plural is made by an s: "1 member", "2 members".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
