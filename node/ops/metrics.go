package ops

import (
	"context"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"cairn/consensus/record"
	"cairn/node/api"
	"cairn/smtpgw"
)

// Metrics counts what becomes of mail, as a smtpgw.Meter, and gathers figures of a node. Its zero
// value is not usable.
type Metrics struct {
	registry *prometheus.Registry
	taken    *prometheus.CounterVec
	refused  *prometheus.CounterVec
	filed    *prometheus.CounterVec
	settled  *prometheus.CounterVec
	signedIn *prometheus.CounterVec
	reported *prometheus.CounterVec
}

var _ smtpgw.Meter = (*Metrics)(nil)

// NewMetrics returns counters at zero, and gauges of what status tells whenever they are asked for.
func NewMetrics(status func(context.Context) (*api.Status, error)) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "cairn", Name: name, Help: help}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		taken:    counter("messages_taken_total", "Messages that a listener has answered with 250, and those that came by the socket.", "listener"),
		refused:  counter("replies_refused_total", "Replies 4xx and 5xx to MAIL, RCPT or a message.", "listener", "stage", "class"),
		filed:    counter("messages_filed_total", "Arrivals that were stored, by their first verdict.", "verdict"),
		settled:  counter("attempts_total", "Attempts to carry mail to a domain, by what came of them.", "outcome"),
		signedIn: counter("sign_ins_total", "Attempts to sign in.", "result"),
		reported: counter("reports_sent_total", "Reports to other domains, for each destination, by what came of them.", "kind", "outcome"),
	}
	m.registry.MustRegister(m.taken, m.refused, m.filed, m.settled, m.signedIn, m.reported, &gauges{status: status},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Taken counts a message.
func (m *Metrics) Taken(by smtpgw.Mode) { m.taken.WithLabelValues(by.String()).Inc() }

// Refused counts a reply, by the first digit of its code.
func (m *Metrics) Refused(by smtpgw.Mode, stage string, code int) {
	m.refused.WithLabelValues(by.String(), stage, strconv.Itoa(code/100)+"xx").Inc()
}

// Filed counts an arrival.
func (m *Metrics) Filed(v record.Verdict) { m.filed.WithLabelValues(string(v)).Inc() }

// Settled counts an attempt.
func (m *Metrics) Settled(outcome string) { m.settled.WithLabelValues(outcome).Inc() }

// SignedIn counts an attempt to.
func (m *Metrics) SignedIn(ok bool) {
	result := "refused"
	if ok {
		result = "accepted"
	}
	m.signedIn.WithLabelValues(result).Inc()
}

// Reported counts a report to another domain.
func (m *Metrics) Reported(kind, outcome string) { m.reported.WithLabelValues(kind, outcome).Inc() }

const (
	// fresh is how long a status counts: asking for it counts mail of each account.
	fresh = 5 * time.Second
	// statusTime is how long it may take.
	statusTime = 10 * time.Second
)

// gauge is one figure of a status.
type gauge struct {
	desc  *prometheus.Desc
	value func(*api.Status) float64
}

func newGauge(name, help string, value func(*api.Status) float64) gauge {
	return gauge{prometheus.NewDesc("cairn_"+name, help, nil, nil), value}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// figures are the gauges of a status.
var figures = []gauge{
	newGauge("accounts", "Accounts.", func(s *api.Status) float64 { return float64(s.Mail.Accounts) }),
	newGauge("messages", "Messages that are stored.", func(s *api.Status) float64 { return float64(s.Mail.Messages) }),
	newGauge("queue_entries", "Entries of the outbound queue.", func(s *api.Status) float64 { return float64(s.Mail.Queued) }),
	newGauge("queue_unsealed", "Of these, without a record yet.", func(s *api.Status) float64 { return float64(s.Mail.Unsealed) }),
	newGauge("queue_deferred", "Of these, tried without success.", func(s *api.Status) float64 { return float64(s.Mail.Deferred) }),
	newGauge("queue_held", "Of these, kept from leaving, since no block may hold the record.", func(s *api.Status) float64 { return float64(s.Mail.Held) }),
	newGauge("queue_held_by_hand", "Of these, kept back by somebody until they are released.", func(s *api.Status) float64 { return float64(s.Mail.ByHand) }),
	newGauge("records_unconfirmed", "Sent mails whose records are in no block yet.", func(s *api.Status) float64 { return float64(s.Mail.Sealed) }),
	newGauge("verdicts_pending", "Received mails whose records are in no block yet.", func(s *api.Status) float64 { return float64(s.Mail.Pending) }),
	newGauge("recorder_halted", "1 while our mail is not recorded, and so waits.", func(s *api.Status) float64 { return flag(s.Mail.Halted != "") }),
	newGauge("store_full", "1 while nothing can be stored for want of room on the disk.", func(s *api.Status) float64 { return flag(s.Mail.Full != "") }),
	newGauge("store_damaged", "Places of the mail store that were found damaged since the start.", func(s *api.Status) float64 { return float64(s.Mail.Damaged) }),
	newGauge("index_lag", "Changes of the mail store that the search index has not taken in.", func(s *api.Status) float64 { return float64(s.Index.Lag) }),
	newGauge("chain_height", "Height of the best chain here.", func(s *api.Status) float64 { return float64(s.Chain.Height) }),
	newGauge("chain_tip_timestamp_seconds", "Time of its last block.", func(s *api.Status) float64 { return float64(s.Chain.TipTime.UnixMilli()) / 1000 }),
	newGauge("chain_syncing", "1 while a peer is known to be ahead.", func(s *api.Status) float64 { return flag(s.Chain.Syncing) }),
	newGauge("mempool_bytes", "What waits for a block.", func(s *api.Status) float64 { return float64(s.Chain.Mempool.Bytes) }),
	newGauge("peers", "Connected nodes.", func(s *api.Status) float64 { return float64(s.Peers) }),
	newGauge("peers_silent", "Bootstrap addresses that do not answer.", func(s *api.Status) float64 { return float64(len(s.SilentPeers)) }),
	newGauge("clock_wrong", "1 while this machine's clock, or the chain's, is wrong.", func(s *api.Status) float64 { return flag(s.Clock.Wrong || len(s.Clock.Findings) > 0) }),
	newGauge("member", "1 while the organisation is enrolled, and this node is one of its nodes.", func(s *api.Status) float64 { return flag(s.Org.Enrolled && s.Org.Ended == "") }),
	newGauge("copied", "1 while another process runs with the keys of this node.", func(s *api.Status) float64 { return flag(s.Copy != nil && !s.Copy.Stays) }),
	newGauge("certificate_expiry_seconds", "When the first of the certificates ends that the servers show, in seconds since 1970.", firstEnd),
	newGauge("start_timestamp_seconds", "When the node was started.", func(s *api.Status) float64 { return float64(s.Started.UnixMilli()) / 1000 }),
}

// firstEnd is when the first certificate ends. One figure for all: which one it is, doctor tells.
func firstEnd(s *api.Status) float64 {
	end := math.Inf(1)
	for _, c := range s.Certificates {
		end = min(end, float64(c.Until.Unix()))
	}
	return end
}

// gauges collects the figures of a status.
type gauges struct {
	status func(context.Context) (*api.Status, error)

	mu   sync.Mutex
	last *api.Status
	at   time.Time
}

// Describe is of prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, f := range figures {
		to <- f.desc
	}
}

// Collect is of prometheus.Collector. A status that cannot be had is an error of each figure: none
// is told that is not known.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	s, err := g.now()
	for _, f := range figures {
		if err != nil {
			to <- prometheus.NewInvalidMetric(f.desc, err)
			continue
		}
		to <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, f.value(s))
	}
}

func (g *gauges) now() (*api.Status, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last != nil && time.Since(g.at) < fresh {
		return g.last, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), statusTime)
	defer cancel()
	s, err := g.status(ctx)
	if err != nil {
		return nil, err
	}
	g.last, g.at = s, time.Now()
	return s, nil
}
