package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// sound is sound as numbers from -1 to 1, a row for each channel.
type sound struct {
	rate     int // samples a second
	channels [][]float64
}

// Limits of the WAV files that are read without ffmpeg.
const (
	channelsMax = 8
	rateMax     = 384_000
	samplesMax  = 1 << 27 // of all channels, after resampling
)

// Format tags of a WAV file.
const (
	tagPCM        = 1
	tagExtensible = 0xfffe // the tag proper is the beginning of an identifier
)

// wavFormat is the chunk that says how samples are written.
type wavFormat struct {
	Tag, Channels uint16
	Rate, Bytes   uint32
	Block, Bits   uint16
}

// check refuses what parseWAV cannot read.
func (f wavFormat) check() error {
	switch {
	case f.Tag != tagPCM || f.Bits != 16 && f.Bits != 24 && f.Bits != 32:
		return fmt.Errorf("samples of format %d with %d bits: without ffmpeg only PCM of 16, 24 and 32 bits can be read", f.Tag, f.Bits)
	case f.Channels < 1 || f.Channels > channelsMax:
		return fmt.Errorf("%d channels are not between 1 and %d", f.Channels, channelsMax)
	case f.Rate < 1 || f.Rate > rateMax:
		return fmt.Errorf("%d samples a second are not between 1 and %d", f.Rate, rateMax)
	}
	return nil
}

// parseWAV reads a WAV file. One that is cut short is an error.
func parseWAV(file []byte) (*sound, error) {
	if len(file) < 12 || string(file[:4]) != "RIFF" || string(file[8:12]) != "WAVE" {
		return nil, errors.New("it is no WAV file")
	}
	var format wavFormat
	for rest := file[12:]; len(rest) >= 8; {
		name, size := string(rest[:4]), int64(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		if size > int64(len(rest)) {
			return nil, fmt.Errorf("it is cut short: %d of the %d bytes of %q are there", len(rest), size, name)
		}
		chunk := rest[:size]
		rest = rest[min(size+size%2, int64(len(rest))):]
		switch name {
		case "fmt ":
			if err := binary.Read(bytes.NewReader(chunk), binary.LittleEndian, &format); err != nil {
				return nil, fmt.Errorf("its format cannot be read: %w", err)
			}
			if format.Tag == tagExtensible && size >= 26 {
				format.Tag = binary.LittleEndian.Uint16(chunk[24:])
			}
			if err := format.check(); err != nil {
				return nil, err
			}
		case "data":
			if format.Rate == 0 {
				return nil, errors.New("its samples come before their format")
			}
			return format.samples(chunk), nil
		}
	}
	return nil, errors.New("it has no samples")
}

// samples reads the samples of a file. Those of a moment stand together.
func (f wavFormat) samples(data []byte) *sound {
	s := &sound{rate: int(f.Rate), channels: make([][]float64, f.Channels)}
	width := int(f.Bits / 8)
	moments := len(data) / (width * len(s.channels))
	for c := range s.channels {
		s.channels[c] = make([]float64, moments)
		for n := range moments {
			sample := data[(n*len(s.channels)+c)*width:][:width]
			var word [4]byte // the sample in the upper bytes, so that its sign is where it belongs
			copy(word[4-width:], sample)
			s.channels[c][n] = float64(int32(binary.LittleEndian.Uint32(word[:]))) / (1 << 31)
		}
	}
	return s
}

// formatWAV writes a WAV file of 16 bits. What is louder than full scale is cut off there.
func formatWAV(s *sound) []byte {
	moments, channels := len(s.channels[0]), len(s.channels)
	block := 2 * channels
	out := binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(36+moments*block))
	out = append(out, "WAVEfmt "...)
	out = binary.LittleEndian.AppendUint32(out, 16)
	out, _ = binary.Append(out, binary.LittleEndian, wavFormat{Tag: tagPCM, Channels: uint16(channels),
		Rate: uint32(s.rate), Bytes: uint32(s.rate * block), Block: uint16(block), Bits: 16}) // numbers of fixed size cannot fail
	out = append(out, "data"...)
	out = binary.LittleEndian.AppendUint32(out, uint32(moments*block))
	for n := range moments {
		for _, channel := range s.channels {
			v := math.Round(channel[n] * (1 << 15))
			out = binary.LittleEndian.AppendUint16(out, uint16(int16(min(max(v, -1<<15), 1<<15-1))))
		}
	}
	return out
}

// resampled is the sound at another rate.
func (s *sound) resampled(rate int) (*sound, error) {
	r, err := newResampler(s.rate, rate)
	if err != nil {
		return nil, err
	}
	if float64(len(s.channels)*len(s.channels[0]))*float64(rate) > samplesMax*float64(s.rate) {
		return nil, fmt.Errorf("at %d samples a second it would have more than %d", rate, samplesMax)
	}
	out := &sound{rate: rate}
	for _, channel := range s.channels {
		out.channels = append(out.channels, r.resample(channel))
	}
	return out, nil
}
