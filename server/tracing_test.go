package server

import (
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/weftsync/weft/storage"
	ysync "github.com/weftsync/weft/sync"
)

// TestSpans: each handshake, load and compaction is a span with what is known about it.
func TestSpans(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	s := startServer(t, newDisk(), hooks{}, func(o *Options) {
		o.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
		o.Compaction = storage.CompactionOptions{Entries: 4}
	})
	e := s.join(t, "d")
	for range 5 {
		e.write("x")
		e.sync()
	}
	e.await("a compaction", func() bool { return s.Stats().Storage.Snapshots > 0 })
	s.knock(t, "sync/a%00b").awaitClose(ysync.CodeMalformed, "control")
	found := make(map[string]int)
	for _, span := range recorder.Ended() {
		found[span.Name()]++
		attributes := make(map[string]string)
		for _, a := range span.Attributes() {
			attributes[string(a.Key)] = a.Value.String()
		}
		switch {
		case span.Name() == "handshake" && (attributes["weft.dialect"] != dialectYWebsocket || attributes["weft.level"] != "write" || attributes["weft.connection"] == ""),
			attributes["weft.document"] != "d", span.Status().Code == codes.Error, span.EndTime().Before(span.StartTime()):
			t.Errorf("got span %s of %v, status %v", span.Name(), attributes, span.Status())
		}
	}
	for _, name := range []string{"handshake", "load", "compaction"} {
		if found[name] == 0 {
			t.Errorf("got spans %v, want one named %s", found, name)
		}
	}
}
