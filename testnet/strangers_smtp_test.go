package testnet_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Of SMTP strangers.
const (
	idleConnections = 1000
	tooMany         = 10_000 // recipients
	bigTexts        = 12
	bigText         = 23 << 20 // bytes
)

// smtpAttacks are those of SMTP clients on the listener for mail from outside.
func smtpAttacks(p *process) []attack {
	return []attack{
		{name: "SMTP: texts of one octet a second", run: overSMTP(slowTexts, p)},
		{name: "SMTP: 1,000 idle connections", run: overSMTP(idle, p)},
		{name: "SMTP: 10,000 recipients", run: overSMTP(manyRecipients, p)},
		{name: "SMTP: twelve texts of 23 MB that do not end", texts: bigTexts * bigText, run: overSMTP(bigOnes, p)},
	}
}

// overSMTP looks the address up when an attack begins: the node may have started again since the
// last one.
func overSMTP(one func(ctx context.Context, at string, did *deeds), p *process) func(context.Context, *testing.T, *deeds) {
	return func(ctx context.Context, _ *testing.T, did *deeds) { one(ctx, p.status.Listen.Inbound, did) }
}

// talker is one SMTP connection of a stranger.
type talker struct {
	net.Conn
	r *bufio.Reader
}

// call connects from one of this machine's many addresses; nil if that fails.
func call(ctx context.Context, at string, number int) *talker {
	from := &net.TCPAddr{IP: net.IPv4(127, byte(1+number%200), byte(number>>8), byte(1+number%250))}
	conn, err := (&net.Dialer{LocalAddr: from, Timeout: 5 * time.Second}).DialContext(ctx, "tcp", at)
	if err != nil {
		if conn, err = (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", at); err != nil {
			return nil // elsewhere than on Linux loopback has one address
		}
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return &talker{conn, bufio.NewReader(conn)}
}

// say sends lines one by one and reads the reply to each; false once the connection has ended or a
// reply is 4xx or 5xx.
func (c *talker) say(lines ...string) bool {
	for _, line := range lines {
		if line != "" {
			if _, err := io.WriteString(c, line+"\r\n"); err != nil {
				return false
			}
		}
		for {
			reply, err := c.r.ReadString('\n')
			if err != nil || len(reply) < 4 || reply[0] > '3' {
				return false
			}
			if reply[3] == ' ' {
				break
			}
		}
	}
	return true
}

// inText leads a connection to where the text of a mail is expected.
func (c *talker) inText() bool {
	return c.say("", "EHLO stranger.test", "MAIL FROM:<>", "RCPT TO:<bob@bravo.test>", "DATA")
}

// crowd runs n strangers at once, each again and again.
func crowd(ctx context.Context, n int, one func(number int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				one(i)
				rest(ctx, 50*time.Millisecond)
			}
		})
	}
	wg.Wait()
}

func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func slowTexts(ctx context.Context, at string, did *deeds) {
	crowd(ctx, 300, func(number int) {
		c := call(ctx, at, number)
		if c == nil {
			return
		}
		defer c.Close()
		for ok := c.inText(); ok && ctx.Err() == nil; rest(ctx, time.Second) {
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
			did.Add(1)
		}
	})
}

func idle(ctx context.Context, at string, did *deeds) {
	crowd(ctx, idleConnections, func(number int) {
		if c := call(ctx, at, number); c != nil {
			defer c.Close()
			did.Add(1)
			_, _ = io.Copy(io.Discard, c.r) // until it is closed
		}
	})
}

func manyRecipients(ctx context.Context, at string, did *deeds) {
	crowd(ctx, 4, func(number int) {
		c := call(ctx, at, number)
		if c == nil {
			return
		}
		defer c.Close()
		if !c.say("", "EHLO stranger.test", "MAIL FROM:<>") {
			return
		}
		go func() { _, _ = io.Copy(io.Discard, c.r) }()
		w := bufio.NewWriter(c)
		for i := range tooMany {
			if _, err := fmt.Fprintf(w, "RCPT TO:<bob%d@bravo.test>\r\n", i); err != nil {
				return
			}
		}
		if w.Flush() == nil {
			did.Add(1)
		}
	})
}

func bigOnes(ctx context.Context, at string, did *deeds) {
	line := append(bytes.Repeat([]byte("x"), 76), '\r', '\n')
	block := bytes.Repeat(line, 1<<20/len(line))
	crowd(ctx, bigTexts, func(number int) {
		c := call(ctx, at, number)
		if c == nil {
			return
		}
		defer c.Close()
		if !c.inText() {
			return
		}
		_, _ = io.WriteString(c, "Subject: big\r\n\r\n")
		for range bigText / len(block) {
			if _, err := c.Write(block); err != nil {
				return
			}
			did.Add(1)
		}
		rest(ctx, time.Hour) // all is there but the end
	})
}
