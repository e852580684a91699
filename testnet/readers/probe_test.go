package readers

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

func TestBench(t *testing.T) {
	os.Setenv("CAIRN_NODE_MODULES", "/tmp/rb/node/node_modules")
	bases, err := Bases()
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(os.Getenv("N"))
	var names []string
	if r := os.Getenv("R"); r != "" {
		names = []string{r}
	}
	kinds, _ := Find(names)
	begin := time.Now()
	r, err := Run(context.Background(), Options{Count: n, Seed: 1, Bases: bases, Readers: kinds, Judge: JudgeRecord, Keep: "/tmp/rb/keep"})
	fmt.Println("took", time.Since(begin))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.MarshalIndent(r, "", " ")
	os.WriteFile("/tmp/rb/report.json", b, 0o644)
	fmt.Println(r.Pairs, r.Verified, len(r.Findings))
	for _, x := range r.Readers {
		fmt.Println(x.Name, x.Compared, x.Findings)
	}
}
