package smtpgw

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"cairn/smtpgw/deliverytest"
)

func TestDialogues(t *testing.T) {
	for _, mode := range []Mode{Inbound, Submission} {
		ar, err := txtar.ParseFile("testdata/" + mode.String() + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			t.Run(mode.String()+"/"+f.Name, func(t *testing.T) {
				var d *dialogue
				if mode == Inbound {
					d = dial(t, inbound(t, testConfig, localStore(t), &deliverytest.Verifier{}))
				} else {
					addr, _ := submission(t, testConfig, localStore(t))
					d = dial(t, addr)
				}
				for line := range strings.Lines(string(f.Data)) {
					line = strings.TrimSuffix(line, "\n")
					text := strings.TrimPrefix(line[2:], " ")
					switch line[:2] {
					case "C:":
						d.conn.Write([]byte(text + "\r\n"))
					case "S:":
						d.expect(text)
					case "E:":
						d.closed()
					default:
						t.Fatalf("line %q", line)
					}
				}
			})
		}
	}
}
