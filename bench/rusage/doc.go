// Package rusage tells how much CPU time this process has used.
package rusage
