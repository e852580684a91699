package smtpgw

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/client"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// What becomes of each mail is in the log: a line when it is taken, a line each time that it is
// settled for some of its recipients, and a line for each refusal (see package maillog).

// refusalLines is what of refusals is told about each network that strangers come from, and about
// members together: more than there is in ordinary life, and no log is filled by whoever is
// refused again and again.
var refusalLines = logration.Rate{Lines: 200, Gap: time.Second}

// maxLineNetworks is how many networks have a credit of their own.
const maxLineNetworks = 64

// logOf is where a line goes, to log or below, about something that was refused to a peer.
// Programs of our own users are not rationed.
func (s *Server) logOf(p *peer, log *slog.Logger) *slog.Logger {
	switch {
	case s.mode == Submission:
		return log
	case p.member:
		return s.memberLines.Of(log, time.Now())
	}
	return s.strangerLines.Of(p.network, log, time.Now())
}

// submitted tells that a mail of our own users was queued.
func (s *Submitter) submitted(env Receipt, peer trace.Peer, from string, rcpts []string, began time.Time) {
	s.cfg.Meter.Taken(Submission)
	s.cfg.Log.Info("mail submitted", "mail", env.Ref, "peer", peer.Addr, "from", from, "to", maillog.To(rcpts), "size", len(env.Raw), "took", since(began))
}

// handedOver tells that an arrival is with another node of the organisation.
func (s *Server) handedOver(a *arrival.Arrival, route client.Route, ref string, began time.Time) {
	s.log.Info("mail handed over", "mail", ref, "sent_as", receivedID(a.Raw), "peer", a.Peer.Addr, "node", route.To,
		"from", a.From, "to", maillog.To(a.Recipients), "size", len(a.Raw), "took", since(began))
}

// refused tells that a peer did not get what it asked for. about is the address of MAIL or RCPT.
func (s *session) refused(stage, about string, refusal *refuse.Refusal) {
	s.srv.cfg.Meter.Refused(s.srv.mode, stage, refusal.Code)
	from, to := s.from, maillog.To(s.rcpts)
	switch stage {
	case "MAIL":
		from = about
	case "RCPT":
		to = about
	}
	logRefusal(s.srv.logOf(s.wire.peer, s.log()), s.ref, stage, from, to, refusal)
}

// logRefusal tells of a mail that is not taken now, or for good.
func logRefusal(log *slog.Logger, ref, stage, from, to string, refusal *refuse.Refusal) {
	log.Info("mail refused", "mail", ref, "stage", stage, "from", from, "to", to,
		"code", refusal.Code, "status", refusal.Status.String(), "err", maillog.Clipped(refusal.Text))
}

// answered tells of a reply 4xx or 5xx to a command that no session saw.
func (s *Server) answered(p *peer, addr, verb, reply string) {
	code, text, _ := strings.Cut(strings.TrimSpace(reply), " ")
	status, text, _ := strings.Cut(text, " ")
	s.logOf(p, s.log).Info("command refused", "mode", s.mode.String(), "peer", addr, "stage", verb, "code", code, "status", status, "err", maillog.Clipped(text))
}

// since is how long something took, in ms.
func since(began time.Time) time.Duration { return time.Since(began).Round(time.Millisecond) }

// Tell implements arrival.Landing: it puts the line of an arrival that is stored into the log, and
// tells the queue of what goes on.
func (l *landing) Tell() {
	if len(l.sentOn)+len(l.back) > 0 {
		l.d.forwarding.Queue.WakeSealer()
	}
	if len(l.back) > 0 {
		l.d.log.Info("a report goes on to whom the sender of mail that was sent on stands for", "mail", l.ref, "sent_as", l.sentAs(), "peer", l.a.Peer.Addr, "to", maillog.To(l.back), "size", len(l.a.Raw))
	}
	if len(l.rcpts) == 0 {
		return
	}
	l.judge()
	verdict := string(l.found.Found().Verdict)
	l.d.meter.Filed(record.Verdict(verdict))
	l.d.log.Info("mail filed", "mail", l.ref, "sent_as", l.sentAs(), "peer", l.a.Peer.Addr, "from", l.a.From, "to", maillog.To(l.a.Recipients),
		"size", len(l.a.Raw), "verdict", verdict, "filed", strings.Join(l.filed, "; "), "took", since(l.began))
	if len(l.sentOn) > 0 {
		l.d.log.Info("mail sent on", "mail", l.ref, "from", l.a.From, "to", maillog.To(l.sentOn))
	}
	if len(l.stays) > 0 {
		l.d.log.Info("mail not sent on", "mail", l.ref, "from", l.a.From, "to", maillog.To(l.a.Recipients), "why", strings.Join(l.stays, "; "))
	}
	if l.counted > 0 {
		l.d.log.Info("another server reports that it could not deliver mail of ours", "mail", l.ref, "peer", l.a.Peer.Addr, "to", maillog.To(l.a.Recipients), "failed", l.counted)
	}
}

// sentAs is the id that whoever brought the arrival has for it; empty if it is ours too.
func (l *landing) sentAs() string {
	if l.a.Peer.Protocol == trace.ProtocolLocal {
		return ""
	}
	return receivedID(l.a.Raw)
}

// note keeps what became of one account's copy for the log line.
func (l *landing) note(tx *mailstore.Tx, s *share, id mailstore.MessageID) error {
	a, err := tx.Account(s.account)
	if err != nil {
		return err
	}
	switch {
	case len(s.linked) > 0:
		var places []string
		for _, label := range s.decision.Labels {
			if !strings.HasPrefix(label, mailstore.VerdictPrefix) {
				places = append(places, label)
			}
		}
		l.filed = append(l.filed, fmt.Sprintf("%s/%d %s", a.Name, id, strings.Join(places, " ")))
	case s.discarded:
		l.filed = append(l.filed, a.Name+" discarded")
	default:
		l.filed = append(l.filed, a.Name+" had it before")
	}
	return nil
}
