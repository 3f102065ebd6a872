package main

import (
	"log/slog"
	"time"

	"github.com/weftsync/weft/server"
	"github.com/weftsync/weft/storage"
)

// serverFlags are the flags that every command that serves has.
type serverFlags struct {
	Data      string   `default:"data" env:"WEFT_DATA" placeholder:"DIR" help:"Directory that holds the documents; it is made when missing (${default})."`
	AdminAddr string   `name:"admin" env:"WEFT_ADMIN" placeholder:"HOST:PORT" help:"Serve profiles, figures and kicking there. Keep it to yourself: there is no authorisation."`
	Origins   []string `name:"origin" env:"WEFT_ORIGIN" placeholder:"ORIGIN" help:"Web origin whose pages may connect, as https://example.com, https://*.example.com, or http://localhost:*; \"self\" for the server's own. May be given several times."`
	Prefix    string   `env:"WEFT_PREFIX" placeholder:"/PATH/" help:"Path under which browsers see the server, behind a proxy that mounts it there."`
	LogLevel  string   `default:"info" enum:"debug,info,warn,error" env:"WEFT_LOG_LEVEL" help:"How much to log: ${enum} (${default})."`

	Drain   time.Duration `default:"3s" env:"WEFT_DRAIN" help:"When stopping, spread the closing of connections over this time (${default})."`
	StopFor time.Duration `name:"stop-within" default:"30s" env:"WEFT_STOP_WITHIN" help:"When stopping, cut what is still open after this time (${default})."`

	Reserve int64 `default:"0" env:"WEFT_RESERVE" placeholder:"BYTES" help:"Refuse writes when less disk space than this is free; 0 is 256 MiB, negative never."`

	KeepDeleted time.Duration `default:"168h" env:"WEFT_KEEP_DELETED" help:"For how long a deleted document can be taken back before it is erased; negative for ever (${default})."`

	History      bool          `env:"WEFT_HISTORY" help:"Keep the past of documents when they are compacted (server/OPERATIONS.md, History)."`
	HistoryAge   time.Duration `env:"WEFT_HISTORY_AGE" placeholder:"TIME" help:"Keep no more of it than this old; 0 for no bound."`
	HistoryBytes int64         `env:"WEFT_HISTORY_BYTES" placeholder:"N" help:"Keep no more of a document than about so many bytes of updates; 0 for no bound."`

	limitFlags `group:"Limits (server/OPERATIONS.md says what happens at each)"`
}

// limitFlags are the limits that a command line can change. Zero is the default.
type limitFlags struct {
	DocumentBytes     int64 `env:"WEFT_DOCUMENT_BYTES" placeholder:"N" help:"Largest document, encoded (32 MiB)."`
	MessagesPerSecond int   `env:"WEFT_MESSAGES_PER_SECOND" placeholder:"N" help:"Messages a second from one connection; negative for no limit (1000)."`
	BytesPerSecond    int   `env:"WEFT_BYTES_PER_SECOND" placeholder:"N" help:"Bytes a second from one connection; negative for no limit (4 MiB)."`
	OutboxBytes       int   `env:"WEFT_OUTBOX_BYTES" placeholder:"N" help:"Bytes that may wait for one connection (4 MiB)."`
	PerDocument       int   `name:"connections-per-document" env:"WEFT_CONNECTIONS_PER_DOCUMENT" placeholder:"N" help:"Connections of one document (5000)."`
}

// options returns the server's options for what the flags say.
func (f *serverFlags) options(addr string, log *slog.Logger) server.Options {
	keep := f.KeepDeleted
	if keep == 0 {
		keep = time.Nanosecond // the flag's nought is until the next sweep, the option's is the default
	}
	return server.Options{
		Storage: storage.Options{
			Dir: f.Data, Logger: log, ReserveBytes: f.Reserve,
			History: storage.History{On: f.History, Age: f.HistoryAge, Bytes: f.HistoryBytes},
		},
		Compaction: storage.CompactionOptions{KeepDeleted: keep},
		Origins:    f.Origins, Prefix: f.Prefix, Logger: log, Drain: f.Drain, Addr: addr, AdminAddr: f.AdminAddr,
		Limits: server.Limits{
			DocumentBytes: f.DocumentBytes, MessagesPerSecond: f.MessagesPerSecond, BytesPerSecond: f.BytesPerSecond,
			OutboxBytes: f.OutboxBytes, ConnectionsPerDocument: f.PerDocument,
		},
	}
}

// logger returns a logger of JSON lines to the standard error output.
func (f *serverFlags) logger(e *env) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(f.LogLevel)) // kong has checked it
	return slog.New(slog.NewJSONHandler(e.stderr, &slog.HandlerOptions{Level: level}))
}
