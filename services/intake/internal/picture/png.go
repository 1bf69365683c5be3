package picture

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// pngBegins is the signature of a PNG file.
const pngBegins = "\x89PNG\r\n\x1a\n"

// shownChunks are the chunks that a viewer needs to show the picture in its colours (PNG,
// third edition, chapter 11). Texts, times, Exif and whatever else there is are left out.
var shownChunks = map[string]bool{
	"IHDR": true, "PLTE": true, "IDAT": true, "IEND": true, "tRNS": true, "gAMA": true, "cHRM": true, "sRGB": true, "iCCP": true,
	"cICP": true, "sBIT": true, "bKGD": true, "pHYs": true,
}

// cleanPNG copies what a viewer needs to show the picture, up to its end. A picture that has
// to be turned says so in an Exif chunk of its own. It reports false for what is not a whole
// PNG picture.
func cleanPNG(content []byte) ([]byte, bool) {
	rest, ok := bytes.CutPrefix(content, []byte(pngBegins))
	if !ok {
		return nil, false
	}
	turned := uint16(upright)
	var kept []chunk
	for {
		c, after, ok := nextChunk(rest)
		if !ok {
			return nil, false
		}
		rest = after
		if c.kind == "eXIf" {
			turned = orientationOf(c.data)
		}
		if shownChunks[c.kind] {
			kept = append(kept, c)
		}
		if c.kind == "IEND" {
			break
		}
	}
	var out bytes.Buffer
	out.Grow(len(content))
	out.WriteString(pngBegins)
	for i, c := range kept {
		writeChunk(&out, c)
		if i == 0 && turned != upright { // after the header, before the picture
			writeChunk(&out, chunk{kind: "eXIf", data: tiffOf(turned)})
		}
	}
	return out.Bytes(), true
}

// chunk is one part of a PNG file.
type chunk struct {
	kind string
	data []byte
}

// nextChunk cuts a chunk off, whole and with the right check sum, or reports false.
func nextChunk(rest []byte) (c chunk, after []byte, ok bool) {
	const around = 12 // length, kind, check sum
	if len(rest) < around {
		return c, nil, false
	}
	size := int64(binary.BigEndian.Uint32(rest))
	if size+around > int64(len(rest)) {
		return c, nil, false
	}
	end := 8 + int(size)
	if crc32.ChecksumIEEE(rest[4:end]) != binary.BigEndian.Uint32(rest[end:]) {
		return c, nil, false
	}
	return chunk{kind: string(rest[4:8]), data: rest[8:end]}, rest[end+4:], true
}

func writeChunk(out *bytes.Buffer, c chunk) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(c.data))) //nolint:gosec // as long as it was read
	out.Write(n[:])
	sum := crc32.NewIEEE()
	for _, b := range [][]byte{[]byte(c.kind), c.data} {
		out.Write(b)
		_, _ = sum.Write(b) // a sum takes everything
	}
	binary.BigEndian.PutUint32(n[:], sum.Sum32())
	out.Write(n[:])
}
