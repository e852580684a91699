package day

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Memory is what the process had at the most in each quarter of the time in which mail came and
// went, in MB: the node, and the world beside it.
type Memory struct {
	Live     [4]int `json:"live_mb"`              // on the heap and in use, when it was last collected
	Resident [4]int `json:"resident_mb,omitzero"` // 0: this system does not tell
}

// Memory is flat when the last quarter takes no more than that above the second, by which all
// caches are in use: what the world remembers of mail comes to it.
const (
	mayGrow     = 1.3
	mayGrowMore = 48 // MB
)

// problem says that memory was not flat.
func (m *Memory) problem() string {
	if before, after := m.Live[1], m.Live[3]; float64(after) > mayGrow*float64(before)+mayGrowMore {
		return fmt.Sprintf("memory in use went from %d MB in the second quarter to %d MB in the last", before, after)
	}
	return ""
}

type sample struct{ live, resident int }

// memory looks at what the process has.
type memory struct {
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	samples []sample
}

const lookEvery = 250 * time.Millisecond

func watchMemory(ctx context.Context) *memory {
	ctx, cancel := context.WithCancel(ctx)
	m := &memory{cancel: cancel}
	runtime.GC()
	m.work.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			m.look()
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	return m
}

func (m *memory) stop() {
	m.cancel()
	m.work.Wait()
}

func (m *memory) look() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	s := sample{int(live[0].Value.Uint64() >> 20), resident()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.samples = append(m.samples, s)
}

// quarters are the highest of each.
func (m *memory) quarters() (q Memory) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, s := range m.samples {
		at := i * len(q.Live) / len(m.samples)
		q.Live[at], q.Resident[at] = max(q.Live[at], s.live), max(q.Resident[at], s.resident)
	}
	return q
}

// resident is RssAnon of proc(5), in MB; 0: this system does not tell.
func resident() int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nRssAnon:")
	line, _, _ := strings.Cut(rest, "\n")
	kb, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(line), " kB"))
	return kb >> 10
}
