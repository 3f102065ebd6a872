package web

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Options says how [Handler] serves the web app. The zero value serves it at the root.
type Options struct {
	// Base is the path under which browsers see weft, e.g. "/notes/". Empty means "/". A missing slash at either end is
	// added. The pages take the addresses of everything, also of the server's other paths, relative to it.
	Base string
}

// Handler serves the web app under o.Base: the pages at their addresses, the files under assets for a year (their names
// change with their content), everything with a strict Content-Security-Policy. Whatever is not the web app's is 404,
// so weft's own server puts Handler behind all its other paths.
//
// It looks at the escaped path and redirects nothing, because names of documents may contain what [http.ServeMux]
// would clean away. It answers GET and HEAD only. The path must still contain the base: mount it without
// [http.StripPrefix].
//
// A page costs one copy of about 3 kB, a file none.
func Handler(o Options) http.Handler {
	base := "/" + strings.Trim(o.Base, "/") + "/"
	if base == "//" {
		base = "/"
	}
	h := &handler{base: base, pages: map[string]page{}, files: map[string]file{}}
	if err := fs.WalkDir(Dist(), ".", h.load); err != nil {
		panic("web: read embedded files: " + err.Error()) // they are in memory
	}
	return h
}

// handler is the web app, read and prepared once.
type handler struct {
	base  string // escaped, begins and ends with a slash
	pages map[string]page
	files map[string]file
}

// page is an HTML page cut where the nonce goes in.
type page struct{ head, tail []byte }

// file is any other file, with its media type.
type file struct {
	content   []byte
	mediaType string
}

// nonceMark is where a page wants the nonce; baseMark is the base it was built with.
const (
	nonceMark = `<meta name="style-nonce" nonce="`
	baseMark  = `<base href="/">`
)

// mediaTypes are those of the files that the build makes. The operating system's own table is not asked, because it
// differs from one to the next.
var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// load takes one file of dist in.
func (h *handler) load(name string, entry fs.DirEntry, err error) error {
	if err != nil || entry.IsDir() {
		return err
	}
	content, err := fs.ReadFile(Dist(), name)
	if err != nil {
		return err
	}
	if path.Ext(name) != ".html" {
		mediaType, ok := mediaTypes[path.Ext(name)]
		if !ok {
			return fmt.Errorf("file %s has no known media type", name)
		}
		h.files[name] = file{content, mediaType}
		return nil
	}
	content = bytes.Replace(content, []byte(baseMark), []byte(`<base href="`+html.EscapeString(h.base)+`">`), 1)
	at := bytes.Index(content, []byte(nonceMark))
	if at < 0 {
		return fmt.Errorf("page %s has no place for the nonce", name)
	}
	at += len(nonceMark)
	h.pages[name] = page{content[:at], content[at:]}
	return nil
}

// ServeHTTP serves a page or a file.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), h.base)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are answered here", http.StatusMethodNotAllowed)
		return
	}
	switch {
	case rest == "":
		h.servePage(w, r, "index.html")
	case strings.HasPrefix(rest, "d/") && len(rest) > len("d/"):
		h.servePage(w, r, "editor.html")
	case strings.HasPrefix(rest, "r/") && len(rest) > len("r/"):
		h.servePage(w, r, "reader.html")
	default:
		h.serveFile(w, r, rest)
	}
}

// servePage writes a page with a fresh nonce, which is why it must not be stored.
func (h *handler) servePage(w http.ResponseWriter, r *http.Request, name string) {
	p := h.pages[name]
	nonce := newNonce()
	header := w.Header()
	secure(header, nonce)
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		return
	}
	for _, part := range [][]byte{p.head, []byte(nonce), p.tail} {
		if _, err := w.Write(part); err != nil {
			return // the client has gone
		}
	}
}

// serveFile writes a file, to be kept for ever when its name changes with its content.
func (h *handler) serveFile(w http.ResponseWriter, r *http.Request, name string) {
	f, ok := h.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	secure(header, "")
	header.Set("Content-Type", f.mediaType)
	header.Set("Content-Length", fmt.Sprint(len(f.content)))
	if strings.HasPrefix(name, "assets/") {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		header.Set("Cache-Control", "public, max-age=3600")
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(f.content) // an error means that the client has gone
	}
}

// secure sets the headers that keep a page to itself: nothing from elsewhere, no inline script, no frame of a stranger.
func secure(header http.Header, nonce string) {
	styles := "'self'"
	if nonce != "" {
		styles += " 'nonce-" + nonce + "'"
	}
	header.Set("Content-Security-Policy", strings.Join([]string{
		"default-src 'none'",
		"script-src 'self'",
		"style-src " + styles,
		"img-src 'self' data:",
		"connect-src 'self'",
		"base-uri 'self'",
		"form-action 'self'",
		"frame-ancestors 'self'",
	}, "; "))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "same-origin")
}

// newNonce returns 128 random bits, in characters that HTML and the header take as they are.
func newNonce() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails, by its documentation
	return base64.RawURLEncoding.EncodeToString(random[:])
}
