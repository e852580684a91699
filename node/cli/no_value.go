package cli

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// mayBeEmpty annotates flags that mean something without a value.
const mayBeEmpty = "cairn_may_be_empty"

// allowEmpty lets flags of c have no value.
func allowEmpty(c *cobra.Command, names ...string) {
	for _, name := range names {
		if err := c.Flags().SetAnnotation(name, mayBeEmpty, nil); err != nil {
			panic(err)
		}
	}
}

// checkValues is the error of a flag that was given without a value, as where a variable of the
// shell is not set. It must not count as left out: that would choose more mail than is meant, or
// leave a backup in clear.
func checkValues(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if _, may := f.Annotations[mayBeEmpty]; err == nil && !may && empty(f.Value) {
			err = usage(c, "--%s has no value; if a variable of the shell stands behind it, it is not set", f.Name)
		}
	})
	return err
}

func empty(v pflag.Value) bool {
	if list, ok := v.(pflag.SliceValue); ok {
		of := list.GetSlice()
		return len(of) == 0 || slices.Contains(of, "")
	}
	return v.Type() == "string" && v.String() == ""
}
