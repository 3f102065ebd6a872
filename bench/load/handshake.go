package load

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"strings"
)

// webSocketKey is what every connection sends; a server has to answer with what it makes of it.
const webSocketKey = "d2VmdCBiZW5jaG1hcmtzIQ=="

// webSocketAccept is that answer.
var webSocketAccept = func() string {
	sum := sha1.Sum([]byte(webSocketKey + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}()

// appendUpgrade appends the request for a WebSocket.
func appendUpgrade(b []byte, host, path string) []byte {
	return fmt.Appendf(b, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", path, host, webSocketKey)
}

// appendStreamRequest appends the request for an event stream.
func appendStreamRequest(b []byte, host, path string) []byte {
	return fmt.Appendf(b, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", path, host)
}

// maxAnswerHead bounds the headers of an answer.
const maxAnswerHead = 16 << 10

// answerHead looks for the end of the headers that b begins with and returns their length, 0 when they are not whole
// yet, and the status line and headers.
func answerHead(b []byte) (head string, size int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxAnswerHead {
			return "", 0, fmt.Errorf("an answer whose headers do not end within %d bytes", maxAnswerHead)
		}
		return "", 0, nil
	}
	return string(b[:end]), end + 4, nil
}

// checkUpgrade fails unless the headers accept a WebSocket.
func checkUpgrade(head string) error {
	status, rest, _ := strings.Cut(head, "\r\n")
	if !strings.HasPrefix(status, "HTTP/1.1 101") {
		return fmt.Errorf("the server answers %q", status)
	}
	for line := range strings.SplitSeq(rest, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		if strings.EqualFold(name, "Sec-WebSocket-Accept") && strings.TrimSpace(value) == webSocketAccept {
			return nil
		}
	}
	return fmt.Errorf("the server's upgrade does not answer the key")
}

// checkStream fails unless the headers begin an event stream in chunks.
func checkStream(head string) error {
	status, rest, _ := strings.Cut(head, "\r\n")
	if !strings.HasPrefix(status, "HTTP/1.1 200") {
		return fmt.Errorf("the server answers %q", status)
	}
	lower := strings.ToLower(rest)
	if !strings.Contains(lower, "text/event-stream") || !strings.Contains(lower, "transfer-encoding: chunked") {
		return fmt.Errorf("the server does not answer with an event stream in chunks")
	}
	return nil
}
