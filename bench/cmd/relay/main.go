// Command relay serves a [relay.Relay] on a loopback port, for the benchmarks.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/weftsync/weft/bench/relay"
)

func main() {
	log.SetFlags(0)
	port := flag.String("port", "0", "port on the loopback interface; 0: a free one")
	batch := flag.Bool("batch", false, "write all frames that wait for a connection in one system call")
	flag.Parse()
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", *port))
	if err != nil {
		log.Fatalf("relay: %v", err)
	}
	fmt.Printf("listening on http://%s/\n", listener.Addr())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, os.Interrupt)
	go func() {
		<-stop
		os.Exit(0)
	}()
	log.Fatalf("relay: %v", http.Serve(listener, &relay.Relay{Batch: *batch}))
}
