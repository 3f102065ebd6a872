package crdt

import "fmt"

// ConvertUpdateV1ToV2 returns a V1 update in the V2 format, without a document
// (Yjs: convertUpdateFormatV1ToV2). The error wraps an *UpdateError. The cost is
// linear in the bytes of the update; the memory is that of the result.
func ConvertUpdateV1ToV2(update []byte) ([]byte, error) { return convertUpdate(v1, v2, update, nil) }

// ConvertUpdateV2ToV1 returns a V2 update in the V1 format (Yjs:
// convertUpdateFormatV2ToV1). The error wraps an *UpdateError. Embeds and values
// of formats become JSON, which has no undefined, no NaN and no byte arrays.
func ConvertUpdateV2ToV1(update []byte) ([]byte, error) { return convertUpdate(v2, v1, update, nil) }

// convertUpdate rewrites an update; change may be nil, or change each part on
// the way.
func convertUpdate(from, to format, update []byte, change func(*part)) ([]byte, error) {
	w := to.writer(from, len(update))
	deletes, err := readWhole(from, update, func(p *part) {
		if change != nil {
			change(p)
		}
		w.write(p)
	})
	if err != nil {
		return nil, fmt.Errorf("converting an update: %w", err)
	}
	return w.finish(deletes), nil
}
