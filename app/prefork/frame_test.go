package prefork

import (
	"bytes"
	"testing"
)

func TestReadFrame_RefusesWhatIsTooLong(t *testing.T) {
	if _, _, err := readFrame(bytes.NewReader([]byte{'m', 0xff, 0xff, 0xff, 0xff})); err == nil {
		t.Error("it takes 4 GiB")
	}
	var wire bytes.Buffer
	if err := writeFrame(&wire, frameMessage, make([]byte, frameLimit+1)); err == nil || wire.Len() > 0 {
		t.Errorf("it writes %d bytes: %v", wire.Len(), err)
	}
	if err := writeFrame(&wire, frameMessage, []byte("word")); err != nil {
		t.Fatal(err)
	}
	if kind, body, err := readFrame(&wire); kind != frameMessage || string(body) != "word" || err != nil {
		t.Errorf("it reads %c %q %v", kind, body, err)
	}
}
