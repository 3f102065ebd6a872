package server

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/weftsync/weft/storage"
)

// The attributes of spans. The name of a document is one; of a metric it never is.
const (
	documentKey   = attribute.Key("weft.document")
	connectionKey = attribute.Key("weft.connection")
	dialectKey    = attribute.Key("weft.dialect")
	levelKey      = attribute.Key("weft.level")
	codeKey       = attribute.Key("weft.code")
	sequenceKey   = attribute.Key("weft.sequence")
	bytesKey      = attribute.Key("weft.bytes")
)

// span begins a span and returns what ends it: with an error, and what is known by then.
func (s *Server) span(name string, with ...attribute.KeyValue) (end func(error, ...attribute.KeyValue)) {
	return s.spanFrom(time.Now(), name, with...)
}

// spanFrom is span for what began before.
func (s *Server) spanFrom(began time.Time, name string, with ...attribute.KeyValue) (end func(error, ...attribute.KeyValue)) {
	_, span := s.tracer.Start(context.Background(), name, trace.WithTimestamp(began), trace.WithAttributes(with...))
	return func(err error, with ...attribute.KeyValue) {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.SetAttributes(with...)
		span.End()
	}
}

// mergeLog is MergeLog with a span and a place in the histogram.
func (s *Server) mergeLog(ctx context.Context, name string, load func(func(storage.Entry) error) error) ([]byte, error) {
	began := time.Now()
	end := s.span("compaction", documentKey.String(name))
	state, err := MergeLog(ctx, name, load)
	end(err, bytesKey.Int(len(state)))
	s.counters.compaction.observe(time.Since(began))
	return state, err
}

// traced notes that a session was answered: it is open, or was refused. The span begins when the session began to wait,
// which in the y-websocket dialect is with the first frame.
func (s *session) traced(err error) {
	end := s.conn.srv.spanFrom(s.since, "handshake", documentKey.String(s.document), connectionKey.String(s.conn.id.String()),
		dialectKey.String(s.conn.dialectName()), levelKey.String(s.grant.Level.String()))
	if err != nil {
		end(err, codeKey.Int(int(asRefusal(err).Code)))
		return
	}
	end(nil)
}
