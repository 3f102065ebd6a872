// Package web holds weft's web app: the page that lists documents, the editor, and the reader's page that follows a
// document over server-sent events alone.
//
// The pages are plain TypeScript. They are built with "npm run build" into dist, which is committed and embedded here,
// so that building weft needs Go and nothing else. Tests tell when dist is not what its sources give.
//
// [Handler] serves the pages the way they want to be served. [Dist] gives the bare files to those who serve them in
// their own way; they have to answer the pages' addresses as Handler does:
//
//	/                 index.html
//	/d/{document}     editor.html, whatever the document's name
//	/r/{document}     reader.html, whatever the document's name
//	/assets/…         the file itself; its name changes with its content
//	/favicon.svg      the file itself
//
// Every page has a <base href="/">, to which all its addresses are relative; under a prefix it has to name the prefix.
// The pages need no inline scripts. The editor makes one style element, whose nonce it takes from the page's
// <meta name="style-nonce" nonce="">.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist returns the built web app: index.html, editor.html, reader.html, favicon.svg and the folder assets. The files
// are in memory, reading them cannot fail.
func Dist() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("web: embedded folder dist: " + err.Error()) // the path is constant and valid
	}
	return files
}
