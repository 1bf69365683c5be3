package picture

import (
	"bytes"
	"encoding/binary"
)

// JPEG markers (ITU T.81, table B.1).
const (
	markerStart    = 0xd8 // start of the picture
	markerEnd      = 0xd9 // end of the picture
	markerScan     = 0xda // start of compressed data
	markerRestart0 = 0xd0 // restart, within compressed data
	markerRestart7 = 0xd7
	markerJFIF     = 0xe0 // application data 0
	markerExif     = 0xe1 // application data 1: Exif with the place and the camera, and XMP
	markerProfile  = 0xe2 // application data 2: colour profile, or further pictures
	markerAdobe    = 0xee // application data 14: how the colours are coded
	markerAppLast  = 0xef
	markerComment  = 0xfe
)

var (
	exifBegins    = []byte("Exif\x00\x00")
	profileBegins = []byte("ICC_PROFILE\x00")
)

// cleanJPEG copies what a viewer needs to show the picture: no Exif, XMP, IPTC, comment,
// maker's data, preview or further picture, and nothing after the end. A picture that has
// to be turned says so in an Exif block of its own. It reports false for what is not a whole
// JPEG picture.
func cleanJPEG(content []byte) ([]byte, bool) {
	segments, ok := splitJPEG(content)
	if !ok {
		return nil, false
	}
	turned := uint16(upright)
	var out bytes.Buffer
	out.Grow(len(content))
	out.Write([]byte{0xff, markerStart})
	for _, s := range segments {
		if tiff, ok := bytes.CutPrefix(s.payload, exifBegins); ok && s.marker == markerExif {
			turned = orientationOf(tiff)
		}
	}
	written := turned == upright
	for _, s := range segments {
		if !written && s.marker != markerJFIF { // JFIF must be first, Exif comes next
			writeSegment(&out, markerExif, append(bytes.Clone(exifBegins), tiffOf(turned)...))
			written = true
		}
		if s.shown() {
			writeSegment(&out, s.marker, s.payload)
			out.Write(s.data)
		}
	}
	out.Write([]byte{0xff, markerEnd})
	return out.Bytes(), true
}

// segment is a marker with its payload, and the compressed data that follows a scan.
type segment struct {
	marker  byte
	payload []byte
	data    []byte
}

// shown reports whether a viewer needs the segment.
func (s segment) shown() bool {
	switch s.marker {
	case markerJFIF:
		return bytes.HasPrefix(s.payload, []byte("JFIF\x00")) // JFXX is a preview
	case markerProfile:
		return bytes.HasPrefix(s.payload, profileBegins)
	case markerAdobe:
		return bytes.HasPrefix(s.payload, []byte("Adobe"))
	case markerComment:
		return false
	}
	return s.marker < markerJFIF || s.marker > markerAppLast
}

func writeSegment(out *bytes.Buffer, marker byte, payload []byte) {
	out.Write([]byte{0xff, marker})
	_ = binary.Write(out, binary.BigEndian, uint16(len(payload)+2)) //nolint:gosec // as long as it was read, or shorter
	out.Write(payload)
}

// splitJPEG cuts a picture into its segments, up to its end. It reports false when one is
// not whole, or there is no end.
func splitJPEG(content []byte) (all []segment, ok bool) {
	if len(content) < 2 || content[0] != 0xff || content[1] != markerStart {
		return nil, false
	}
	for at := 2; at+1 < len(content); {
		if content[at] != 0xff {
			return nil, false
		}
		marker := content[at+1]
		switch {
		case marker == 0xff: // fill byte
			at++
			continue
		case marker == markerEnd:
			return all, true
		case marker < 0xc0 || marker >= markerRestart0 && marker <= markerStart: // has no length, and no place here
			return nil, false
		}
		if at+4 > len(content) {
			return nil, false
		}
		end := at + 2 + int(binary.BigEndian.Uint16(content[at+2:]))
		if end < at+4 || end > len(content) {
			return nil, false
		}
		s := segment{marker: marker, payload: content[at+4 : end]}
		at = end
		if marker == markerScan {
			at += scanLength(content[at:])
			s.data = content[end:at]
		}
		all = append(all, s)
	}
	return nil, false
}

// scanLength is how many bytes of compressed data there are before the next marker that is
// not a restart.
func scanLength(data []byte) int {
	for at := 0; at+1 < len(data); at++ {
		if data[at] != 0xff {
			continue
		}
		if next := data[at+1]; next != 0 && next != 0xff && (next < markerRestart0 || next > markerRestart7) {
			return at
		}
	}
	return len(data)
}
