package scratch

import "testing"

type failing struct{ failed bool }

func (*failing) Helper()                 {}
func (f *failing) Fatalf(string, ...any) { f.failed = true }

func TestNumber(t *testing.T) {
	const name, usual = "CAIRN_SCRATCH_NUMBER", 7
	for text, want := range map[string]int{"": usual, "1": 1, "1000": 1000, "0": -1, "-3": -1, "1O0": -1, "1,000": -1, " 5": -1, "yes": -1} {
		t.Setenv(name, text)
		f := new(failing)
		if got := Number(f, name, usual); f.failed != (want < 0) || !f.failed && got != want {
			t.Errorf("%q: %d, failed %v", text, got, f.failed)
		}
	}
}
