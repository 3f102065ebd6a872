// Package crdttest is what tests of the engine need beside the engine: a
// seeded network that reorders, repeats, drops and partitions; replicas that
// talk over it; a language of random histories which runs through the engine
// and, in a Node child, through real Yjs; and the canonical text by which the
// two are compared.
//
// A history is a Script: documents, and steps that edit one, deliver to one
// what others made, or read one. Script.Run executes it on engine documents,
// Oracle.Run on Yjs documents; both answer with one Entry for each step, and
// Compare finds the first step at which they differ. Positions in a script are
// taken modulo what is there, so a script stays valid when steps are cut out of
// it, and Shrink finds a small one that still shows a difference.
//
// The language is described where its other half runs, in web/oracle.
package crdttest
