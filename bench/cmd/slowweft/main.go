// Command slowweft is weft's server on a disk that is slow, for the benchmarks: every fsync takes --fsync longer. It is
// open to everybody on this machine, and has no limits on how fast a connection sends.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/weftsync/weft/bench/slowdisk"
	"github.com/weftsync/weft/server"
	"github.com/weftsync/weft/storage"
	"github.com/weftsync/weft/sync"
)

func main() {
	log.SetFlags(0)
	data := flag.String("data", "", "directory of the documents")
	fsync := flag.Duration("fsync", 5*time.Millisecond, "how much longer an fsync takes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, *data, *fsync); err != nil {
		log.Fatalf("slowweft: %v", err)
	}
}

// run serves until ctx ends, and says on out where.
func run(ctx context.Context, out io.Writer, data string, fsync time.Duration) error {
	s, err := server.New(server.Options{
		Storage:    storage.Options{Dir: data, FS: slowdisk.Disk(fsync)},
		Authorizer: server.AllowAll(sync.Admin),
		Addr:       "127.0.0.1:0",
		AdminAddr:  "127.0.0.1:0",
		Limits:     server.Limits{MessagesPerSecond: -1, BytesPerSecond: -1},
		Logger:     slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	if err := s.Listen(); err != nil {
		ended <- err
	} else {
		fmt.Fprintf(out, "admin on http://%s/\nlistening on http://%s/\n", s.AdminAddr(), s.Addr())
		go func() { ended <- s.Serve() }()
		<-ctx.Done()
	}
	within, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := s.Shutdown(within); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return <-ended
}
