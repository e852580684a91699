package testnet_test

import (
	"os"
	"strings"
	"testing"

	"cairn/node/api"
)

// On one side of a network that was split an organisation rotates its key and changes its name; on
// the other side, which gets longer, another node of it makes another event. Once the sides have
// met, the first node tells its administrator of that event, and that its own came to nothing, and
// has the key that signs in its place.
func TestEventsOfTheLosingSide(t *testing.T) {
	inCI(t)
	t.Parallel()
	a, b := newPair(t)
	second := a.addNode("dora")
	key, err := os.ReadFile(a.dir + "/keys/org.pem")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(second.dir+"/keys/org.pem", key, 0o600); err != nil {
		t.Fatal(err)
	}
	second.stop()
	b.stop()
	cairn(t, "--dir", a.dir, "org", "rotate-key", "--recovery", a.recovery())
	a.changed(a, "key")
	cairn(t, "--dir", a.dir, "org", "update", "--name", "Losing")
	a.changed(a, "name")
	a.await("a notice of that", func(*api.Status) bool { return a.count("body:losing") > 0 })
	work := a.moreWork(10) // it mines on until it has stopped
	a.stop()

	b.start()
	second.start()
	cairn(t, "--dir", second.dir, "org", "update", "--name", "Winning")
	second.changed(second, "name")
	b.await("the longer side", func(*api.Status) bool { return b.work().Cmp(work) > 0 })
	a.start()
	if c := a.changed(a, "name"); c.To != "Winning" {
		a.await("the other branch", func(s *api.Status) bool { return s.Org.Name == "Winning" })
	}
	a.await("a notice of what it has", func(*api.Status) bool { return a.count("body:winning") > 0 })
	a.await("what came to nothing", func(s *api.Status) bool { return len(s.Org.Overtaken) == 2 })
	a.await("the mail that says so", func(*api.Status) bool { return a.count("subject:nothing") > 0 })
	if now, err := os.ReadFile(a.dir + "/keys/org.pem"); err != nil || string(now) != string(key) {
		t.Errorf("the key that signs is not in its place: %v", err)
	}
	for _, want := range []string{" org rotate-key --dir ", " org update --dir "} {
		if text := cairn(t, "--dir", a.dir, "status"); !strings.Contains(text, want) {
			t.Errorf("status lacks %q:\n%s", want, text)
		}
	}
	cairn(t, "--dir", a.dir, "org", "update", "--name", "Again")
	a.await("its name", func(s *api.Status) bool { return s.Org.Name == "Again" && len(s.Org.Overtaken) == 1 })
}
