package crdttest

// build returns a random type with content; node asks for XML.
func (g *generator) build(depth int, node bool) *Build {
	kinds := "ttaammefhx"
	if node {
		kinds = "eeeexxhf"
	}
	b := &Build{Type: string(kinds[g.below(len(kinds))])}
	switch b.Type {
	case "t", "x":
		g.buildText(b, depth)
	case "a":
		for range g.below(4) {
			b.List = append(b.List, g.part(depth, true))
		}
	case "e":
		b.Name = pick(g, keys)
		fallthrough
	case "f":
		for range g.below(3) {
			if depth > 0 {
				b.List = append(b.List, Part{Build: g.build(depth-1, true)})
			}
		}
	case "h":
		b.Name = pick(g, keys)
	}
	if b.Type == "m" || b.Type == "h" || b.Type == "e" || g.chance(10) && (b.Type == "t" || b.Type == "x") {
		for range g.below(4) {
			p := g.part(depth, false)
			p.Key = pick(g, keys)
			b.Keys = append(b.Keys, p)
		}
	}
	return b
}

func (g *generator) buildText(b *Build, depth int) {
	if g.chance(80) {
		b.String = pick(g, g.words)
		if g.chance(40) {
			b.Attrs = pick(g, markSets)
		}
	}
	if g.chance(30) {
		b.Delta = g.delta(depth)
	}
}

// part returns a value or a type, element one that an array takes.
func (g *generator) part(depth int, element bool) Part {
	if depth > 0 && g.chance(40) {
		return Part{Build: g.build(depth-1, false)}
	}
	if element {
		return Part{Value: pick(g, plainValues)}
	}
	return Part{Value: g.value()}
}

func (g *generator) delta(depth int) []DeltaStep {
	steps := make([]DeltaStep, 1+g.below(6))
	for i := range steps {
		s := &steps[i]
		if g.chance(50) {
			s.Attrs = pick(g, markSets)
		}
		switch n := g.below(10); {
		case n < 4:
			s.String = pick(g, g.words)
		case n < 5:
			s.Embed = pick(g, embedValues)
		case n < 6 && depth > 0:
			s.Build = g.build(depth-1, false)
		case n < 8 || i == 0: // Yjs fails where a delta begins with a deletion in a text that never held anything
			s.Retain = 1 + g.below(6)
		default:
			s.Delete, s.Attrs = 1+g.below(4), nil
		}
	}
	return steps
}
