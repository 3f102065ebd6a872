package report

import (
	"strings"
	"unicode/utf8"
)

// A table is rows of cells under a title. The first column is words, the others are numbers and stand to the right.
type table struct {
	title   string
	note    string // a sentence below the title, if any
	columns []string
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// group begins a group of rows with a line of its own.
func (t *table) group(name string) { t.rows = append(t.rows, []string{groupMark + name}) }

// groupMark begins the one cell of a row that is the name of a group. No cell begins with it otherwise.
const groupMark = "\x00"

// text returns the table aligned for a terminal.
func (t *table) text() string {
	widths := make([]int, len(t.columns))
	for _, row := range append([][]string{t.columns}, t.rows...) {
		if strings.HasPrefix(row[0], groupMark) {
			continue
		}
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	b.WriteString(t.title + "\n")
	if t.note != "" {
		b.WriteString("  " + t.note + "\n")
	}
	writeRow := func(row []string) {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				line += "  " + cell + pad
			} else {
				line += "  " + pad + cell
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	writeRow(t.columns)
	rule := make([]string, len(widths))
	for i, w := range widths {
		rule[i] = strings.Repeat("-", w)
	}
	writeRow(rule)
	for _, row := range t.rows {
		if name, ok := strings.CutPrefix(row[0], groupMark); ok {
			b.WriteString("  " + name + ":\n")
			continue
		}
		writeRow(row)
	}
	return b.String()
}

// markdown returns the table as Markdown.
func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString("### " + t.title + "\n\n")
	if t.note != "" {
		b.WriteString(t.note + "\n\n")
	}
	writeRow := func(row []string) {
		for i, cell := range row {
			row[i] = strings.ReplaceAll(cell, "|", "\\|")
		}
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	writeRow(append([]string(nil), t.columns...))
	b.WriteString("|---" + strings.Repeat("|---:", len(t.columns)-1) + "|\n")
	for _, row := range t.rows {
		if name, ok := strings.CutPrefix(row[0], groupMark); ok {
			row = make([]string, len(t.columns))
			row[0] = "**" + name + "**"
		}
		writeRow(append([]string(nil), row...))
	}
	return b.String()
}
