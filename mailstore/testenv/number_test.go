package testenv

import "testing"

func TestNumber(t *testing.T) {
	const name, usual = "CAIRN_TESTENV_NUMBER", 7
	for text, want := range map[string]int{"": usual, "1": 1, "1000": 1000, "0": -1, "-3": -1, "1O0": -1, "1,000": -1, " 5": -1, "yes": -1} {
		t.Setenv(name, text)
		n := new(noting)
		if got := Number(n, name, usual); (n.failed != "") != (want < 0) || n.failed == "" && got != want {
			t.Errorf("%q: %d, %s", text, got, n.failed)
		}
	}
}
