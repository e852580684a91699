package cli

import (
	"bytes"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cairn/node/api"
)

func (a *app) cmdAccountPasswd() *cobra.Command {
	var file, hashFile string
	var remove bool
	c := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Set the password of an account",
		Long: `Set the password that an account signs in with, at the submission port. It is asked for twice, or read from a file;
--hash-file takes over one of which another program has made a hash (Argon2id, bcrypt or SHA-crypt, as in /etc/shadow);
--remove takes it back. For programs that keep it, such as a printer, make an app password instead: each can be taken
back alone.`,
		Example: "  cairn account passwd alice\n  cairn account passwd alice --password-file secret\n  cairn account passwd alice --hash-file hash\n  cairn account passwd alice --remove",
		Args:    exactly(1),
		RunE: func(c *cobra.Command, args []string) error {
			r := api.PasswordRequest{Account: args[0], Remove: remove}
			var err error
			switch {
			case remove && (file != "" || hashFile != ""), file != "" && hashFile != "":
				return usage(c, "--password-file, --hash-file and --remove: give one of them")
			case remove:
			case hashFile != "":
				r.Hash, err = hash.read(hashFile)
			case file != "":
				r.Password, err = password.read(file)
			default:
				r.Password, err = a.askTwice(c.Context(), password, "New password of "+args[0]+": ")
			}
			if err != nil {
				return err
			}
			return ask(a, c, about((*api.Client).SetPassword, r), func(b *bytes.Buffer, e *api.Account) {
				if remove {
					fmt.Fprintf(b, "%s has no password now\n", e.Name)
				} else {
					fmt.Fprintf(b, "the password of %s is set\n", e.Name)
				}
			})
		},
	}
	c.Flags().StringVar(&file, "password-file", "", "read it from this file (default: it is asked for)")
	c.Flags().StringVar(&hashFile, "hash-file", "", "take over a password of which this file has the hash")
	c.Flags().BoolVar(&remove, "remove", false, "take the password back")
	return c
}

func (a *app) cmdAccountApp() *cobra.Command {
	add := &cobra.Command{
		Use:   "add NAME APP",
		Short: "Make an app password, which is shown this once",
		Args:  exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c, about((*api.Client).AddApp, api.AppRequest{Account: args[0], Name: args[1]}), func(b *bytes.Buffer, e *api.NewAppPassword) {
				fmt.Fprintf(b, "%s signs in as %s with this password, which is not shown again:\n  %s\n", e.App.Name, e.Account, e.Secret)
			})
		},
	}
	rm := &cobra.Command{
		Use:   "rm NAME APP",
		Short: "Take an app password back",
		Args:  exactly(2),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c, about((*api.Client).RemoveApp, api.AppRequest{Account: args[0], Name: args[1]}), showApps)
		},
	}
	return group("app", "Manage the passwords of an account's programs", add, rm)
}

func showApps(b *bytes.Buffer, e *api.Account) {
	rows := [][]string{{"APP PASSWORD", "SINCE", "LAST USED"}}
	for _, app := range e.Apps {
		used := "never"
		if !app.LastUsed.IsZero() {
			used = app.LastUsed.Format(time.DateTime)
		}
		rows = append(rows, []string{app.Name, app.Since.Format(time.DateOnly), used})
	}
	table(b, rows)
}

// passwordsNote says what an account can sign in with.
func passwordsNote(e *api.Account) string {
	switch {
	case e.Password && len(e.Apps) > 0:
		return "its own, " + plural(len(e.Apps), "app")
	case e.Password:
		return "its own"
	case len(e.Apps) > 0:
		return plural(len(e.Apps), "app")
	}
	return ""
}
