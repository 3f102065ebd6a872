package crdttest

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"

	"github.com/weftsync/weft/crdt"
)

// ScriptValue returns the Go value of a value in a script: a JSON scalar, or
// one of the tagged arrays that web/oracle/values.mjs lists.
func ScriptValue(v any) any {
	switch v := v.(type) {
	case []any:
		return taggedValue(v)
	case int:
		return float64(v)
	default:
		return v
	}
}

func taggedValue(v []any) any {
	switch v[0] {
	case "u":
		return crdt.Undefined
	case "n":
		return scriptNumber(v[1].(string))
	case "b":
		n, err := strconv.ParseInt(v[1].(string), 10, 64)
		if err != nil {
			panic(fmt.Sprintf("crdttest: bigint %v: %v", v[1], err))
		}
		return crdt.BigInt(n)
	case "x":
		p, err := hex.DecodeString(v[1].(string))
		if err != nil {
			panic(fmt.Sprintf("crdttest: binary %v: %v", v[1], err))
		}
		return p
	case "s":
		return scriptUnits(v[1].(string))
	case "a":
		out := make([]any, 0, len(v)-1)
		for _, e := range v[1:] {
			out = append(out, ScriptValue(e))
		}
		return out
	case "o":
		out := crdt.Object{}
		for i := 1; i+1 < len(v); i += 2 {
			out = append(out, crdt.Field{Key: ScriptValue(v[i]).(string), Value: ScriptValue(v[i+1])})
		}
		return out
	}
	panic(fmt.Sprintf("crdttest: unknown value tag %v", v[0]))
}

func scriptNumber(s string) float64 {
	switch s {
	case "-0":
		return math.Copysign(0, -1)
	case "NaN":
		return math.Float64frombits(0x7ff8 << 48) // JavaScript's
	case "Infinity":
		return math.Inf(1)
	case "-Infinity":
		return math.Inf(-1)
	}
	bits, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		panic(fmt.Sprintf("crdttest: number %q: %v", s, err))
	}
	return math.Float64frombits(bits)
}

// scriptUnits returns the string of UTF-16 units given in hex, lone surrogates
// in their three-byte form.
func scriptUnits(s string) string {
	var out []byte
	for i := 0; i+4 <= len(s); i += 4 {
		u, err := strconv.ParseUint(s[i:i+4], 16, 16)
		if err != nil {
			panic(fmt.Sprintf("crdttest: units %q: %v", s, err))
		}
		out = appendUnit(out, uint16(u))
	}
	return string(out)
}

// appendUnit appends a UTF-16 unit to WTF-8, joining it to a high surrogate
// that ends there.
func appendUnit(b []byte, u uint16) []byte {
	if n := len(b); u&0xfc00 == 0xdc00 && n >= 3 && b[n-3] == 0xed && b[n-2] >= 0xa0 && b[n-2] <= 0xaf {
		high := uint32(b[n-2]&0x0f)<<6 | uint32(b[n-1]&0x3f)
		r := 0x10000 + high<<10 + uint32(u&0x3ff)
		return append(b[:n-3], byte(0xf0|r>>18), byte(0x80|r>>12&0x3f), byte(0x80|r>>6&0x3f), byte(0x80|r&0x3f))
	}
	switch {
	case u < 0x80:
		return append(b, byte(u))
	case u < 0x800:
		return append(b, byte(0xc0|u>>6), byte(0x80|u&0x3f))
	default:
		return append(b, byte(0xe0|u>>12), byte(0x80|u>>6&0x3f), byte(0x80|u&0x3f))
	}
}
