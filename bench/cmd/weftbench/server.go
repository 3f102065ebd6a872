package main

import (
	"context"

	"github.com/weftsync/weft/bench/suite"
)

// server measures running servers.
func (b *bench) server(ctx context.Context) {
	result, err := suite.Run(ctx, b.Server, b.root, b.report.Machine.Commit, suite.NewProgress(b.stderr, b.Plain))
	if result != nil {
		b.report.SetServer(result)
	}
	if err != nil {
		b.report.Fail("servers", err)
	}
}
