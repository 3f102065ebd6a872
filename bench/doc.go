// Package bench holds what measures weft: editing histories (trace), their updates (updates), real Yjs beside us (yjs),
// the work that the engine is measured on (engine), a generator of load for servers (load), the server's process
// (target), the report, and the command that runs it all (cmd/weftbench). Its own tests are Go benchmarks of the engine,
// for benchstat.
//
// METHOD.md says what is measured, how, and how to repeat it.
package bench
