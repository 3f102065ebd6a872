package server

import (
	"regexp"
	"strings"
	"testing"
)

// TestDeployFiles: what an operator copies says what it has to, and balances. web/clients/proxied.mjs runs those of the proxies.
func TestDeployFiles(t *testing.T) {
	tests := []struct {
		file string
		has  []string
		not  []string
	}{
		{"weft.service", []string{"KillSignal=SIGTERM", "TimeoutStopSec=40", "Restart=on-failure", "NoNewPrivileges=yes", "ProtectSystem=strict", "GOMEMLIMIT=", "DynamicUser=yes", "LimitNOFILE="}, []string{"User=root"}},
		{"Dockerfile", []string{"CGO_ENABLED=0", "FROM scratch", "USER 65532:65532", "VOLUME /data", `ENTRYPOINT ["/weft"]`, "--read-only"}, []string{"--allow-anonymous"}},
		{"nginx.conf", []string{"proxy_http_version 1.1;", "proxy_set_header Upgrade $http_upgrade;", "proxy_set_header Connection $connection_upgrade;", "proxy_buffering off;", "proxy_read_timeout 75s;", "X-Forwarded-For", "error_page 502 504 = @later;"}, []string{"$request_uri", "$request "}},
		{"Caddyfile", []string{"reverse_proxy 127.0.0.1:8080", "flush_interval -1", "delete token", "request>headers delete", "handle_errors"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			text := string(readFile(t, "deploy/"+tt.file))
			for _, part := range tt.has {
				if !strings.Contains(text, part) {
					t.Errorf("lacks %q", part)
				}
			}
			for _, part := range tt.not {
				if strings.Contains(text, part) {
					t.Errorf("has %q", part)
				}
			}
			if o, c := strings.Count(text, "{"), strings.Count(text, "}"); o != c {
				t.Errorf("got %d opening braces and %d closing", o, c)
			}
		})
	}
	for _, line := range strings.Split(string(readFile(t, "deploy/weft.service")), "\n") {
		if !regexp.MustCompile(`^($|#|\[[A-Z]\w+\]$|[A-Z]\w+=.*$)`).MatchString(line) {
			t.Errorf("weft.service: %q is no line of a unit", line)
		}
	}
	for line := range strings.Lines(string(readFile(t, "deploy/nginx.conf"))) {
		code, _, _ := strings.Cut(line, "#")
		if code = strings.TrimSpace(code); code != "" && !strings.ContainsAny(code[len(code)-1:], ";{}") {
			t.Errorf("nginx.conf: %q does not end", code)
		}
	}
}
