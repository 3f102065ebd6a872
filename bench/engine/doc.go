// Package engine measures the engine on the work that a server and an editor do all day: a history replayed locally, its
// updates taken in one by one, a document loaded, encoded, merged, and kept in memory; and on positions and maps where
// other engines grow slow. bench/yjs does the same work with real Yjs.
package engine
