package main

import (
	"context"
	"path/filepath"

	"github.com/weftsync/weft/bench/suite"
)

// server measures running servers.
func (b *bench) server(ctx context.Context) {
	if b.Server.Weft == "" {
		b.Server.Weft = filepath.Join("bin", "weft")
	}
	result, err := suite.Run(ctx, b.Server, b.root, b.report.Machine.Commit, suite.NewProgress(b.stderr, b.Plain))
	if result != nil {
		b.report.SetServer(result)
	}
	if err != nil {
		b.report.Fail("servers", err)
	}
}
