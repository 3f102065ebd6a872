// Package report holds what a run of the benchmarks measured, as data, and writes it as aligned text, as Markdown and as
// JSON. What failed is in it with its reason: a value that is missing never looks like one that is small.
package report
