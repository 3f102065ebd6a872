package peers

// Sizes are the sizes of the synthetic rows, which all sides must share.
type Sizes struct {
	// Items is how many items a document of the position rows has.
	Items int `json:"items"`
	// Batch is how many operations one measurement of an operation spans.
	Batch int `json:"batch"`
	// Clients is how many clients are known in the map row.
	Clients int `json:"clients"`
	// Merge is how many updates the merge row merges.
	Merge int `json:"merge"`
}

// Repeat says how often something is measured: at least Least times, and on until it has taken Seconds in all or has
// been done Most times; but no more, and at least once, when it has taken Enough seconds.
type Repeat struct {
	Least   int     `json:"least"`
	Seconds float64 `json:"seconds"`
	Most    int     `json:"most"`
	Enough  float64 `json:"enough"`
}

// More reports whether to measure again what was measured so often and has taken so many seconds.
func (r Repeat) More(done int, spent float64) bool {
	return done == 0 || spent < r.Enough && (done < r.Least || done < r.Most && spent < r.Seconds)
}

// A Value is one measurement: seconds, or bytes for a row of memory, and the CPU time that all threads of the process
// used meanwhile.
type Value struct {
	Value      float64 `json:"value"`
	CPUSeconds float64 `json:"cpu"`
}
