package main

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
)

func TestAWAVFileComesBackAsItWas(t *testing.T) {
	want := &sound{rate: 48000, channels: [][]float64{{0, 0.5, -1, 0.25}, {-0.5, 1.5, -7, 0}}}
	got, err := parseWAV(formatWAV(want))
	if err != nil || got.rate != want.rate || len(got.channels) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	for c, channel := range want.channels {
		for n, v := range channel {
			v = min(max(v, -1), 32767.0/32768)
			if got.channels[c][n] != v {
				t.Errorf("sample %d of channel %d is %g, want %g", n, c, got.channels[c][n], v)
			}
		}
	}
}

// wav is a file of one channel at 8000 samples a second.
func wav(tag, bits uint16, data ...byte) []byte {
	out := append([]byte("RIFF....WAVEjunk"), 3, 0, 0, 0, 'x', 'y', 'z', 0) // an odd chunk, which is skipped with its padding
	out = append(out, "fmt \x10\x00\x00\x00"...)
	out, _ = binary.Append(out, binary.LittleEndian, wavFormat{Tag: tag, Channels: 1, Rate: 8000, Bits: bits})
	out = binary.LittleEndian.AppendUint32(append(out, "data"...), uint32(len(data)))
	return append(out, data...)
}

func TestSamplesOfAllWidths(t *testing.T) {
	for bits, data := range map[uint16][]byte{16: {0, 0xc0}, 24: {0, 0, 0xc0}, 32: {0, 0, 0, 0xc0}} {
		got, err := parseWAV(wav(tagPCM, bits, data...))
		if err != nil || len(got.channels[0]) != 1 || math.Abs(got.channels[0][0]+0.5) > 1e-9 {
			t.Errorf("%d bits: %+v, %v; want -0.5", bits, got, err)
		}
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	whole := wav(tagPCM, 16, 1, 2, 3, 4)
	for name, row := range map[string]struct {
		file []byte
		want string
	}{
		"a text":             {[]byte("hello"), "no WAV"},
		"one cut short":      {whole[:len(whole)-1], "3 of the 4 bytes"},
		"one without sound":  {whole[:len(whole)-12], "no samples"},
		"compressed samples": {wav(85, 16), "format 85"},
		"odd samples":        {wav(tagPCM, 12), "12 bits"},
		"no format":          {append([]byte("RIFF....WAVEdata"), 0, 0, 0, 0), "before their format"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseWAV(row.file); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("the error is %v, want one with %q", err, row.want)
			}
		})
	}
	long := &sound{rate: 1, channels: [][]float64{make([]float64, 1000)}}
	if _, err := long.resampled(rateMax); err == nil {
		t.Error("a thousand samples became 384 million")
	}
}

func FuzzParseWAV(f *testing.F) {
	f.Add(formatWAV(tone(0, 1))[:200])
	f.Add(wav(tagPCM, 24, 1, 2, 3))
	f.Add(wav(tagExtensible, 16, 1, 2))
	f.Fuzz(func(t *testing.T, file []byte) {
		if s, err := parseWAV(file); err == nil && (s.rate < 1 || len(s.channels) < 1) {
			t.Errorf("%+v was taken", s)
		}
	})
}
