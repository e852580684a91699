package cli

import (
	"github.com/spf13/cobra"
)

// cmdBench holds the measurements that anybody can repeat.
func (a *app) cmdBench() *cobra.Command {
	return group("bench", "Measure what Cairn promises", a.cmdBenchDay(), a.cmdBenchReaders(), a.cmdBenchVerdicts())
}
