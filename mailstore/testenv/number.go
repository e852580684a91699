package testenv

import (
	"os"
	"strconv"
	"testing"
)

// Number is what a variable of the environment says, such as how many rounds a test makes; usual
// where it is not set. What is no number from 1 on fails the test: it would make fewer rounds than
// somebody believes.
func Number(t testing.TB, name string, usual int) int {
	t.Helper()
	text, set := os.LookupEnv(name)
	if !set || text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q: set it to a number from 1 on, or not at all", name, text)
	}
	return n
}
