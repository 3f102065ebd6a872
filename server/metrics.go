package server

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// instrumentationName is the scope of the server's metrics and spans.
const instrumentationName = "github.com/weftsync/weft/server"

// metrics is the server as a source of OpenTelemetry metrics. Nothing is recorded through instruments: what is counted on
// the way of a message is an atomic counter of our own, and a collection reads them all once.
type metrics struct{ srv *Server }

// Metrics returns the server's metrics, for a reader of OpenTelemetry in a program that has one of its own: pass it as
// metric.WithProducer. The admin listener serves the same at /metrics. A collection costs what Stats costs.
func (s *Server) Metrics() sdkmetric.Producer { return metrics{s} }

// Produce reads every metric. It implements the Producer of OpenTelemetry.
func (m metrics) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p := page{since: m.srv.started, now: time.Now()}
	st := m.srv.Stats()
	p.server(&st)
	p.traffic(&st)
	p.storage(&st)
	version, revision := Build()
	p.gauge("weft.build_info", "", "1, with the version that runs", 1,
		attribute.String("version", version), attribute.String("revision", revision))
	return []metricdata.ScopeMetrics{{Scope: instrumentation.Scope{Name: instrumentationName, Version: version}, Metrics: p.list}}, nil
}

// server writes who and what is there.
func (p *page) server(st *Stats) {
	p.gauge("weft.ready", "", "1 while documents can be written: not draining, room on the disk, and the disk answers", truth(st.Ready))
	dialects := make([]metricdata.DataPoint[float64], 0, len(st.Dialects))
	for _, name := range slices.Sorted(maps.Keys(st.Dialects)) {
		dialects = append(dialects, p.point(float64(st.Dialects[name]), attribute.String("dialect", name)))
	}
	p.add("weft.connections", "", "WebSockets open now, by dialect; unknown has said nothing yet", metricdata.Gauge[float64]{DataPoints: dialects})
	p.count("weft.connections.accepted", "", "WebSockets accepted", st.ConnectionsTotal)
	p.count("weft.connections.cut", "", "connections ended without a handshake, because nobody took what was written", st.Cut)
	p.count("weft.connections.parked", "", "refused connections kept on the line because they would come back at once", st.Parked)
	p.gauge("weft.viewers", "", "event streams open now", float64(st.Views))
	p.count("weft.viewers.accepted", "", "event streams opened", st.ViewsTotal)
	p.gauge("weft.documents.resident", "", "documents in memory", float64(st.Documents))
	p.gauge("weft.documents.engine", "By", "approximate memory of the engines of the documents", float64(st.EngineBytes))
	p.count("weft.documents.loaded", "", "documents loaded from the log", st.Loads)
	p.count("weft.documents.failed", "", "documents that failed: could not be loaded or stored, or the engine gave up", st.Failures)
	p.count("weft.documents.evicted", "", "idle documents taken out of memory early because memory was short", st.Evictions)
	p.gauge("weft.pending.structs", "", "structs that wait for operations that have not come", float64(st.PendingStructs))
	p.gauge("weft.pending.age", "s", "how long the oldest document with such structs has had some", st.PendingAge.Seconds())
}

// traffic writes what comes and goes.
func (p *page) traffic(st *Stats) {
	p.count("weft.received.messages", "", "frames received on WebSockets", st.MessagesReceived)
	p.count("weft.received", "By", "bytes of these", st.BytesReceived)
	p.count("weft.sent.messages", "", "frames sent on WebSockets", st.MessagesSent)
	p.count("weft.sent", "By", "bytes of these", st.BytesSent)
	p.count("weft.updates", "", "updates applied and logged", st.Updates)
	p.count("weft.acks", "", "updates acknowledged after they were on disk, by an echo or a sync status 1", st.Acks)
	p.count("weft.rejected", "", "updates answered by a sync status 0: read-only, or the disk is full", st.Rejected)
	p.count("weft.resyncs", "", "answers to a step 1: a client that connects, or asks again", st.Resyncs)
	p.count("weft.repairs", "", "frames made from the log for readers that fell behind", st.Repairs)
	p.count("weft.viewer.replays", "", "logs replayed for viewers that came back", st.Replays)
	p.count("weft.viewer.resets", "", "viewers sent the whole again", st.Resets)
	p.count("weft.awareness.full", "", "news of presence dropped because the document holds no more", st.PresenceFull)
	// Every code is there from the beginning: of a series that begins at 1, a rate does not see the first.
	counted := maps.Clone(st.Refusals)
	for code := range reasons {
		counted[strconv.Itoa(int(code))] += 0
	}
	refusals := make([]metricdata.DataPoint[float64], 0, len(counted))
	for _, code := range slices.Sorted(maps.Keys(counted)) {
		n, _ := strconv.Atoi(code)                        // it was made from a number
		reason := cmp.Or(reasons[ysync.Code(n)], "other") // of an Authorizer's own
		refusals = append(refusals, p.point(float64(counted[code]), attribute.String("code", code), attribute.String("reason", reason)))
	}
	p.add("weft.refusals", "", "connections, documents, streams and requests refused, by close code",
		metricdata.Sum[float64]{DataPoints: refusals, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true})
	throttled := make([]metricdata.DataPoint[float64], 0, len(st.Throttled))
	for _, name := range slices.Sorted(maps.Keys(st.Throttled)) {
		throttled = append(throttled, p.point(float64(st.Throttled[name]), attribute.String("rate", name)))
	}
	p.add("weft.throttled", "", "times that a connection was not read for a while, or a request refused, by the rate that was exceeded",
		metricdata.Sum[float64]{DataPoints: throttled, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true})
	p.gauge("weft.inflight", "By", "large inbound messages being read or applied", float64(st.InFlightBytes))
	p.gauge("weft.unauthorized", "By", "messages held until their sender is authorised", float64(st.WaitingBytes))
	p.gauge("weft.outbox.frames", "", "frames that wait to be sent, of all connections", float64(st.OutboxFrames))
	p.gauge("weft.outbox", "By", "bytes of these, shared frames counted for each", float64(st.OutboxBytes))
	p.gauge("weft.outbox.behind", "", "connections that are read the log because they fell behind", float64(st.Behind))
	p.gauge("weft.gate.held", "", "replies, broadcasts and events that wait for the disk", float64(st.GateHeld))
	p.gauge("weft.loading", "", "documents being loaded or replayed now", float64(st.Loading))
	p.histogram("weft.propagation", "from the last byte of an update received until it was put into every outbox", st.Propagation)
	p.histogram("weft.load", "loading a document from the log", st.LoadTime)
	p.histogram("weft.compaction", "building the snapshot of a document and verifying it", st.CompactionTime)
}

// storage writes what the log has.
func (p *page) storage(st *Stats) {
	s := &st.Storage
	p.histogram("weft.fsync", "from when a group of entries was written to the log until it was durable", Histogram{
		Bounds: storage.SyncBounds[:], Counts: s.SyncSeconds[:], Total: s.SyncTotal,
	})
	p.gauge("weft.fsync.age", "s", "how long the oldest write or fsync that is under way has taken", s.SyncAge.Seconds())
	p.gauge("weft.log.waiting_entries", "", "entries accepted and not yet durable", float64(s.WaitingEntries))
	p.gauge("weft.log.waiting", "By", "bytes of these", float64(s.WaitingBytes))
	p.count("weft.log.entries", "", "entries that became durable", s.DurableEntries)
	p.count("weft.log.written", "By", "bytes of these", s.DurableBytes)
	p.count("weft.log.groups", "", "groups of entries written, with one fsync for one or several", s.Groups)
	p.gauge("weft.log.size", "By", "the write-ahead log on disk", float64(s.LogBytes))
	p.gauge("weft.disk.used", "By", "all files of the data directory", float64(s.DiskBytes))
	p.gauge("weft.disk.free", "By", "free space of the disk at the last look; 0 when it is not watched", float64(s.FreeBytes))
	p.gauge("weft.disk.full", "", "1 while writes are refused for want of space", truth(s.NoSpace))
	p.count("weft.disk.refused", "", "appends refused for want of space", s.Refused)
	p.gauge("weft.storage.failed", "", "1 after a write or an fsync has failed", truth(s.Failed))
	p.gauge("weft.storage.memory", "By", "write buffers and block cache of the store", float64(s.MemTableBytes)+float64(s.CacheBytes))
	p.count("weft.storage.stalls", "", "times that the store held back writes", s.Stalls)
	p.count("weft.storage.errors", "", "errors of the store's own background work", s.BackgroundErrors)
	p.count("weft.storage.corruptions", "", "damaged records and tables met", s.Corruptions)
	p.count("weft.compactions", "", "logs of documents replaced by snapshots", s.Snapshots)
	p.count("weft.compactions.failed", "", "compactions of documents that failed", s.CompactErrors)
}

// page is a list of metrics that is being written.
type page struct {
	since, now time.Time
	list       []metricdata.Metrics
}

// add writes one metric.
func (p *page) add(name, unit, help string, data metricdata.Aggregation) {
	p.list = append(p.list, metricdata.Metrics{Name: name, Description: help, Unit: unit, Data: data})
}

// point returns one value.
func (p *page) point(v float64, labels ...attribute.KeyValue) metricdata.DataPoint[float64] {
	return metricdata.DataPoint[float64]{Attributes: attribute.NewSet(labels...), StartTime: p.since, Time: p.now, Value: v}
}

// gauge writes a value that goes up and down.
func (p *page) gauge(name, unit, help string, v float64, labels ...attribute.KeyValue) {
	p.add(name, unit, help, metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{p.point(v, labels...)}})
}

// count writes a value that only goes up.
func (p *page) count(name, unit, help string, v uint64) {
	p.add(name, unit, help, metricdata.Sum[float64]{
		DataPoints: []metricdata.DataPoint[float64]{p.point(float64(v))}, Temporality: metricdata.CumulativeTemporality, IsMonotonic: true,
	})
}

// histogram writes durations, in seconds.
func (p *page) histogram(name, help string, h Histogram) {
	point := metricdata.HistogramDataPoint[float64]{StartTime: p.since, Time: p.now, Sum: h.Total.Seconds(), BucketCounts: h.Counts}
	for _, bound := range h.Bounds {
		point.Bounds = append(point.Bounds, bound.Seconds())
	}
	for _, n := range h.Counts {
		point.Count += n
	}
	p.add(name, "s", help, metricdata.Histogram[float64]{
		DataPoints: []metricdata.HistogramDataPoint[float64]{point}, Temporality: metricdata.CumulativeTemporality,
	})
}

// truth returns 1 for true.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// reasons names the close codes in metrics.
var reasons = map[ysync.Code]string{
	ysync.CodeRestart: "restart", ysync.CodeTryLater: "try_later", ysync.CodeMalformed: "malformed",
	ysync.CodeUnauthorized: "unauthorized", ysync.CodeForbidden: "forbidden", ysync.CodeNotFound: "not_found",
	ysync.CodeConflict: "dead_lineage", ysync.CodeTooLarge: "too_large", ysync.CodeCorrupt: "corrupt",
	ysync.CodeUnavailable: "unavailable", ysync.CodeDiskFull: "disk_full", ysync.CodeSilent: "silent", ysync.CodeSlowDown: "slow_down",
}
