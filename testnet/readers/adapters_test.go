package readers

import (
	"context"
	"fmt"
	"os"
	"testing"
)

func TestProbe(t *testing.T) {
	raw, _ := os.ReadFile("/tmp/rb/m.eml")
	os.Setenv("CAIRN_NODE_MODULES", "/tmp/rb/node/node_modules")
	for _, k := range Kinds() {
		dir := t.TempDir()
		os.Chmod(dir, 0o755)
		r, err := k.Open(dir)
		if err != nil {
			t.Error(err)
			continue
		}
		s, err := r.Read(context.Background(), [][]byte{raw, raw})
		fmt.Println("=====", k.Name, err)
		if err == nil {
			for f, v := range s[1] {
				fmt.Printf("%s: %q\n", f, v)
			}
			if len(Differences(s[0], s[1], nil)) > 0 {
				fmt.Println("DIFF", s[0])
			}
		}
		r.Close()
	}
}
