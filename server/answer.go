package server

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	ysync "github.com/weftsync/weft/sync"
)

// statusOf returns the HTTP status for a refusal.
func statusOf(c ysync.Code) int {
	switch c {
	case ysync.CodeMalformed:
		return http.StatusBadRequest
	case ysync.CodeUnauthorized:
		return http.StatusUnauthorized
	case ysync.CodeForbidden:
		return http.StatusForbidden
	case ysync.CodeNotFound:
		return http.StatusNotFound
	case ysync.CodeConflict:
		return http.StatusConflict
	case ysync.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case ysync.CodeCorrupt:
		return http.StatusInternalServerError
	case ysync.CodeDiskFull:
		return http.StatusInsufficientStorage
	case ysync.CodeSlowDown:
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

// refuseHTTP answers a request with a status and the refusal's code and reason.
func (s *Server) refuseHTTP(w http.ResponseWriter, r *http.Request, status int, refusal *ysync.Refusal) {
	s.refused(newID(), r.RemoteAddr, refusal.Code, refusal.Reason)
	if !refusal.Code.Permanent() {
		seconds := max(math.Ceil(refusal.After.Seconds()), retryMillis/1000)
		w.Header().Set("Retry-After", strconv.Itoa(int(seconds)))
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	writeJSON(w, status, []byte(`{"error":{"code":`+strconv.Itoa(int(refusal.Code))+`,"reason":`+string(quoteJSON(refusal.Reason))+`}}`))
}

// writeJSON answers with a JSON text.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client has gone
}

// quoteJSON returns s as a JSON string.
func quoteJSON(s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil {
		return []byte(`""`)
	}
	return quoted
}
