package mtasts

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Path is where a policy is on the web server of Host(domain) (section 3.3).
const Path = "/.well-known/mta-sts.txt"

// Host is the name of the web server that has a domain's policy (section 3.3).
func Host(domain string) string { return "mta-sts." + domain }

// Text is the policy as a web server sends it, which is a text/plain (section 3.2). Lines end with
// CRLF, the last one too.
func (p *Policy) Text() []byte {
	var b strings.Builder
	b.WriteString("version: STSv1\r\nmode: " + string(p.Mode) + "\r\n")
	for _, name := range p.MX {
		b.WriteString("mx: " + name + "\r\n")
	}
	b.WriteString("max_age: " + strconv.FormatInt(int64(p.MaxAge/time.Second), 10) + "\r\n")
	return []byte(b.String())
}

// Record is the text of the TXT record at "_mta-sts." and the domain (section 3.1). Its id is drawn
// from the policy: it is another one for another policy, and the same for the same.
func (p *Policy) Record() string {
	sum := sha256.Sum256(p.Text())
	return "v=STSv1; id=" + hex.EncodeToString(sum[:maxID/2])
}
