package server

import (
	"encoding/json"
	"net/http"
	"net/http/pprof"
)

// adminHandler serves metrics, profiles, figures and what an administrator may do, on an address of its own that the world should not reach.
func (s *Server) adminHandler() (http.Handler, error) {
	metrics, err := s.metricsHandler()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("GET /metrics", metrics)
	mux.HandleFunc("POST /admin/kick", s.serveKick)
	mux.HandleFunc("POST /admin/reauthorize", s.serveReauthorize)
	mux.HandleFunc("POST /admin/backup", s.serveBackup)
	mux.HandleFunc("POST /admin/undelete", s.serveUndelete)
	mux.HandleFunc("GET /stats", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Stats()) // an error means that the client has gone
	})
	return mux, nil
}
