package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"cairn/mailstore"
	"cairn/node/api"
)

// exported says what export wrote.
type exported struct {
	api.Document
	Path     string   `json:"path"`
	Format   string   `json:"format"` // mbox or maildir
	Messages int      `json:"messages"`
	Damaged  []string `json:"damaged"` // messages whose text is not there as it was stored, which were left out
}

// exportPage is how many messages are asked for at a time.
const exportPage = 500

func (a *app) cmdExport() *cobra.Command {
	var r api.SearchRequest
	var format, out string
	c := &cobra.Command{
		Use:   "export --out PATH [QUERY...]",
		Short: "Write the mail that a query finds to files",
		Long: `Write the mail that a query finds to files, octet for octet: as a Maildir, which is made, with a file for each message,
or as one file in the mbox format. There a line that begins with "From ", behind any number of ">", has one ">" more
(mboxrd), and each message an empty line behind it; --out - writes that to standard output. Mail is written in the order of search, newest first.
In a Maildir what is not unread is marked as seen. Other labels and verdicts are not written.

What exists is not written over. Deleted mail is left out unless asked for.`,
		Example: `  cairn export --account alice --out alice-2026 date:2026
  cairn export --format mbox --out invoices.mbox "subject:invoice has:attachment"`,
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return usage(c, "--out is missing: it says what to write")
			}
			if format != "mbox" && format != "maildir" {
				return usage(c, "there is no format %q; there are maildir and mbox", format)
			}
			if out == "-" && (format != "mbox" || a.json) {
				return usage(c, "--out - writes an mbox to standard output: give --format mbox, without --json")
			}
			r.Query, r.Limit = strings.Join(args, " "), exportPage
			client := a.client()
			defer client.Close()
			page, err := client.Search(c.Context(), r) // before anything is made
			if err != nil {
				return err
			}
			var to mailWriter
			switch {
			case out == "-":
				to = newMbox(nopCloser{a.out})
			case format == "mbox":
				f, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if err != nil {
					return exportError(out, err)
				}
				to = newMbox(f)
			default:
				if to, err = newMaildir(out); err != nil {
					return exportError(out, err)
				}
			}
			e := &exported{Path: out, Format: format, Damaged: []string{}}
			bar := a.countBar(page.Total, "exporting")
			err = e.pages(c.Context(), client, r, page, to, bar)
			bar.Finish()
			if err = errors.Join(err, to.Close()); err != nil {
				return fmt.Errorf("exporting: %s were written: %w", plural(e.Messages, "message"), err)
			}
			if len(e.Damaged) > 0 {
				a.exit = 1
			}
			if out == "-" {
				for _, ref := range e.Damaged {
					fmt.Fprintf(a.err, "%s is damaged and was left out\n", line(ref, 0))
				}
				return nil
			}
			return a.print(e, func(b *bytes.Buffer) {
				fmt.Fprintf(b, "%s written to %s\n", plural(e.Messages, "message"), out)
				for _, ref := range e.Damaged {
					fmt.Fprintf(b, "  %s is damaged and was left out\n", ref)
				}
			})
		},
	}
	c.Flags().StringVar(&r.Account, "account", "", "of this account only")
	c.Flags().StringVar(&format, "format", "maildir", "maildir or mbox")
	c.Flags().StringVarP(&out, "out", "o", "", "folder or file to make")
	return c
}

func exportError(path string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return api.Errorf(api.CodeExists, "choose another --out", "exporting: %s is there already", path)
	}
	return fmt.Errorf("exporting: %w", err)
}

// pages writes what a search finds, page by page; page is the first one.
func (e *exported) pages(ctx context.Context, c *api.Client, r api.SearchRequest, page *api.SearchResult, to mailWriter, bar *progressbar.ProgressBar) (err error) {
	for {
		for i := range page.Messages {
			m := &page.Messages[i]
			bar.Add(1)
			raw, err := c.Raw(ctx, m.Ref)
			if failure, ok := errors.AsType[*api.Error](err); m.Damaged != "" && ok && failure.Code != api.CodeNotRunning {
				e.Damaged = append(e.Damaged, m.Ref)
				continue
			} else if ok && failure.Code == api.CodeNotFound {
				continue // removed since
			}
			if err == nil {
				err = to.write(m, raw.Raw)
			}
			if err != nil {
				return err
			}
			e.Messages++
		}
		if page.Next == "" {
			return nil
		}
		r.After = page.Next
		if page, err = c.Search(ctx, r); err != nil {
			return err
		}
	}
}

// mailWriter takes messages one after another.
type mailWriter interface {
	write(m *api.Summary, raw []byte) error
	Close() error
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// mbox writes the mboxrd format: what begins with "From " in a message, or with that behind some
// ">", has one ">" more.
type mbox struct {
	to io.Closer
	w  *bufio.Writer
}

func newMbox(to io.WriteCloser) *mbox { return &mbox{to, bufio.NewWriter(to)} }

func (b *mbox) write(m *api.Summary, raw []byte) error {
	fmt.Fprintf(b.w, "From MAILER-DAEMON %s\n", m.Received.UTC().Format(time.ANSIC))
	for line := range bytes.Lines(raw) {
		if bytes.HasPrefix(bytes.TrimLeft(line, ">"), []byte("From ")) {
			b.w.WriteByte('>')
		}
		b.w.Write(line)
	}
	if !bytes.HasSuffix(raw, []byte("\n")) {
		b.w.WriteByte('\n')
	}
	_, err := b.w.WriteString("\n")
	return err
}

func (b *mbox) Close() error { return errors.Join(b.w.Flush(), b.to.Close()) }

// maildir is a folder as Maildir has it (https://cr.yp.to/proto/maildir.html): new has what is
// unread, cur the rest.
type maildir struct{ dir string }

func newMaildir(dir string) (maildir, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return maildir{}, err
	}
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return maildir{}, err
		}
	}
	return maildir{dir}, nil
}

func (d maildir) write(m *api.Summary, raw []byte) error {
	name := fmt.Sprintf("%d.%s.cairn", m.Received.Unix(), strings.NewReplacer("/", "_", ":", "_", ".", "_").Replace(m.Ref))
	sub := "new"
	if !slices.Contains(m.Labels, mailstore.LabelUnread) {
		sub, name = "cur", name+":2,S"
	}
	path := filepath.Join(d.dir, sub, name)
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		return err
	}
	return os.Chtimes(path, m.Received, m.Received)
}

func (maildir) Close() error { return nil }
