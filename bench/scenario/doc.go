// Package scenario holds what is done to a server to see how it behaves, each under a name, and the servers that it is
// done to: weft and its peers, which are started and ended here by their process ids. The load itself is made by package
// load. A scenario that cannot be carried out says why; there are no zeros for what was not measured.
package scenario
