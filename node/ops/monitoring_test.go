package ops

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMonitoring: alert rules and the board ask for figures that there are.
func TestMonitoring(t *testing.T) {
	m := new(serving)
	metrics := serve(t, m)
	metrics.Taken(1)
	metrics.Refused(1, "RCPT", 550)
	metrics.Filed("verified")
	metrics.Settled("delivered")
	metrics.SignedIn(false)
	metrics.Reported("tls", "queued")
	_, text := m.get(t, "/metrics")
	name := regexp.MustCompile(`\b(cairn|go|process)_[a-z_]+`)
	for _, file := range []string{"../../doc/monitoring/alerts.yml", "../../doc/monitoring/grafana.json", "../../doc/operations.md"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := name.FindAllString(string(b), -1)
		for _, n := range found {
			if !strings.Contains(text, "\n"+n+" ") && !strings.Contains(text, "\n"+n+"{") {
				t.Errorf("%s: there is no %s", file, n)
			}
		}
		if len(found) < 10 {
			t.Errorf("%s asks for %d figures", file, len(found))
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(b) {
			t.Errorf("%s is no JSON", file)
		}
	}
}
