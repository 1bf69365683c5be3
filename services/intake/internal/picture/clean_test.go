package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// secretPlace is a text that stands in the GPS part of the Exif block of the tests, and in
// every other place where a camera or a program leaves word.
const secretPlace = "51.5014N 0.1419W"

// cameraTIFF is what a phone writes: how the picture has to be turned, its maker, and a GPS
// directory with a place.
func cameraTIFF(order binary.AppendByteOrder, orientation uint16) []byte {
	head := "MM\x00*"
	if order == binary.LittleEndian {
		head = "II*\x00"
	}
	const entries = 3
	after := uint32(8 + 2 + entries*12 + 4)
	gps := after + 16
	b := order.AppendUint32([]byte(head), 8)
	b = order.AppendUint16(b, entries)
	add := func(tag, kind uint16, count, value uint32) {
		b = order.AppendUint16(order.AppendUint16(b, tag), kind)
		b = order.AppendUint32(order.AppendUint32(b, count), value)
	}
	add(0x010f, 2, 16, after) // maker
	b = order.AppendUint16(order.AppendUint16(b, tagOrientation), typeShort)
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(order.AppendUint16(b, orientation), 0)
	add(0x8825, 4, 1, gps) // GPS directory
	b = order.AppendUint32(b, 0)
	b = append(b, "Maker of phones\x00"...)
	b = order.AppendUint16(b, 1)
	add(0x001b, 2, uint32(len(secretPlace)), gps+18) // GPSProcessingMethod, as a text
	b = order.AppendUint32(b, 0)
	return append(b, secretPlace...)
}

// scene is a picture of which no two corners are the same.
func scene() image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 16, 8))
	for y := range 8 {
		for x := range 16 {
			img.Set(x, y, color.RGBA{uint8(x * 16), uint8(y * 32), 99, 255})
		}
	}
	return img
}

// photo is a JPEG as a phone makes it: Exif with a place, XMP, IPTC, a comment, a colour
// profile, and a video after the end.
func photo(t testing.TB, order binary.AppendByteOrder, orientation uint16) []byte {
	t.Helper()
	var b, out bytes.Buffer
	if err := jpeg.Encode(&b, scene(), nil); err != nil {
		t.Fatal(err)
	}
	out.Write(b.Bytes()[:2])
	writeSegment(&out, markerJFIF, []byte("JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x00\x00"))
	writeSegment(&out, markerJFIF, []byte("JFXX\x00"+secretPlace))
	writeSegment(&out, markerExif, append(bytes.Clone(exifBegins), cameraTIFF(order, orientation)...))
	writeSegment(&out, markerExif, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>"+secretPlace))
	writeSegment(&out, markerProfile, append(bytes.Clone(profileBegins), 1, 1, 'p', 'r', 'o', 'f'))
	writeSegment(&out, markerProfile, []byte("MPF\x00"+secretPlace))
	writeSegment(&out, 0xed, []byte("Photoshop 3.0\x00"+secretPlace))
	writeSegment(&out, 0xe7, []byte(secretPlace))
	writeSegment(&out, markerComment, []byte(secretPlace))
	out.Write(b.Bytes()[2:])
	out.WriteString("ftypmp42" + secretPlace)
	return out.Bytes()
}

// drawing is a PNG with a place in every chunk that could hold one.
func drawing(t testing.TB, orientation uint16) []byte {
	t.Helper()
	var b, out bytes.Buffer
	if err := png.Encode(&b, scene()); err != nil {
		t.Fatal(err)
	}
	const header = 8 + 12 + 13
	out.Write(b.Bytes()[:header])
	for _, c := range []chunk{
		{"tEXt", []byte("Comment\x00" + secretPlace)},
		{"iTXt", []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00" + secretPlace)},
		{"tIME", []byte("\x07\xea\x0b\x1c\x0a\x00\x00")},
		{"prVt", []byte(secretPlace)},
		{"eXIf", cameraTIFF(binary.LittleEndian, orientation)},
		{"gAMA", []byte("\x00\x00\xb1\x8f")},
	} {
		writeChunk(&out, c)
	}
	out.Write(b.Bytes()[header:])
	out.WriteString(secretPlace)
	return out.Bytes()
}

// exifOf is the TIFF block of a picture, nil without one.
func exifOf(t testing.TB, content []byte) []byte {
	t.Helper()
	if segments, ok := splitJPEG(content); ok {
		for _, s := range segments {
			if tiff, ok := bytes.CutPrefix(s.payload, exifBegins); ok && s.marker == markerExif {
				return tiff
			}
		}
		return nil
	}
	rest := content[len(pngBegins):]
	for {
		c, after, ok := nextChunk(rest)
		if !ok {
			return nil
		}
		if rest = after; c.kind == "eXIf" {
			return c.data
		}
	}
}

// The place where a picture was taken, the phone that took it, and whatever else is no part
// of the picture are gone; the pixels are the same, and so is which side is up.
func TestCleanKeepsThePictureAlone(t *testing.T) {
	t.Parallel()
	for orientation := uint16(1); orientation <= 8; orientation++ {
		for name, content := range map[string][]byte{
			"JPEG, big end first": photo(t, binary.BigEndian, orientation), "JPEG, little end first": photo(t, binary.LittleEndian, orientation),
			"PNG": drawing(t, orientation),
		} {
			if !bytes.Contains(content, []byte(secretPlace)) || orientationOf(exifOf(t, content)) != orientation {
				t.Fatalf("%s: the test's own picture is not what it should be", name)
			}
			info, got, err := Clean(content)
			if err != nil {
				t.Fatalf("%s %d: %v", name, orientation, err)
			}
			for _, word := range []string{secretPlace, "Maker of phones", "XML:com", "xmpmeta", "Photoshop", "ftyp", "MPF", "JFXX", "tIME"} {
				if bytes.Contains(got, []byte(word)) {
					t.Errorf("%s %d: still says %q", name, orientation, word)
				}
			}
			if strings.HasPrefix(name, "JPEG") && !bytes.Contains(got, profileBegins) || name == "PNG" && !bytes.Contains(got, []byte("gAMA")) {
				t.Errorf("%s %d: the colours are gone", name, orientation)
			}
			if o := orientationOf(exifOf(t, got)); o != orientation || (exifOf(t, got) == nil) != (orientation == upright) {
				t.Errorf("%s: turned %d, want %d", name, o, orientation)
			}
			if info.Width != 16 || info.Height != 8 {
				t.Errorf("%s: %+v", name, info)
			}
			samePixels(t, content, got)
			if _, again, err := Clean(got); err != nil || !bytes.Equal(again, got) {
				t.Errorf("%s: cleaned again it is another picture: %v", name, err)
			}
		}
	}
}

func samePixels(t testing.TB, a, b []byte) {
	t.Helper()
	x, _, err := image.Decode(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	y, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for row := range x.Bounds().Dy() {
		for col := range x.Bounds().Dx() {
			if x.At(col, row) != y.At(col, row) {
				t.Fatalf("pixel %d, %d: %v, was %v", col, row, y.At(col, row), x.At(col, row))
			}
		}
	}
}

// What cannot be cleaned for sure is not kept.
func TestCleanRefusesWhatIsNotWhole(t *testing.T) {
	t.Parallel()
	whole := photo(t, binary.BigEndian, 6)
	end := bytes.LastIndex(whole, []byte{0xff, markerEnd})
	drawn := drawing(t, 6)
	broken := bytes.Clone(drawn)
	broken[bytes.Index(broken, []byte("IDAT"))+5] ^= 1
	for name, content := range map[string][]byte{
		"a JPEG without its end":         whole[:end],
		"a JPEG with a length too far":   slices.Concat(whole[:end], []byte{0xff, markerComment, 0xff, 0xff}),
		"a JPEG with a stray byte":       slices.Concat(whole[:2], []byte{0x00}, whole[2:]),
		"a PNG without its end":          drawn[:bytes.LastIndex(drawn, []byte("IEND"))-4],
		"a PNG with a broken check sum":  broken,
		"a PNG that says it is too long": slices.Concat(drawn[:33], []byte{0xff, 0xff, 0xff, 0xff}, drawn[33:]),
		"no picture":                     []byte("hello"),
	} {
		if _, got, err := Clean(content); err == nil || fault.From(err).Reason != "PICTURE_REFUSED" || got != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzClean: no bytes make it panic; what it keeps is a picture of the same kind and size,
// without the word, cleaned once and for all.
func FuzzClean(f *testing.F) {
	f.Add(photo(f, binary.BigEndian, 6))
	f.Add(photo(f, binary.LittleEndian, 1))
	f.Add(drawing(f, 3))
	f.Add([]byte("\xff\xd8\xff\xda\x00\x02\xff\xff\xff\xd9"))
	f.Fuzz(func(t *testing.T, content []byte) {
		info, got, err := Clean(content)
		if err != nil {
			return
		}
		again, twice, err := Clean(got)
		if err != nil || again != info || !bytes.Equal(twice, got) {
			t.Fatalf("%v, %v, %v", info, again, err)
		}
		if tiff := exifOf(t, got); tiff != nil && len(tiff) != len(tiffOf(upright)) {
			t.Fatalf("%d bytes of Exif are left", len(tiff))
		}
	})
}
