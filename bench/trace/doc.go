// Package trace reads editing histories and replays them.
//
// A history is what somebody really typed: a list of transactions, each a list of patches to one text. Real ones are
// read from the folder that the environment variable WEFT_TRACES names, else from shared/traces beside the repository,
// else from .traces inside it, which `make traces` fills from the public repository josephg/editing-traces. None of
// them is part of this repository, so every caller also has [Generated], a small one made from a seed.
//
// The files count positions in Unicode code points. Everything in this package counts UTF-16 code units, as Yjs does;
// the reader converts.
//
// The package imports the standard library only, so that the tests of any other package may use it.
package trace
