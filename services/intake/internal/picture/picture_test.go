package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"github.com/upright-clinic/upright/services/platform/fault"
)

func encode(t testing.TB, kind string, w, h int) []byte {
	t.Helper()
	img := image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.Black, color.White})
	var b bytes.Buffer
	var err error
	switch kind {
	case "jpeg":
		err = jpeg.Encode(&b, img, nil)
	case "gif":
		err = gif.Encode(&b, img, nil)
	default:
		err = png.Encode(&b, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLookGoesByTheContent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		content []byte
		want    string
	}{
		"a JPEG":                       {encode(t, "jpeg", 5, 4), "image/jpeg"},
		"a PNG":                        {encode(t, "png", 5, 4), "image/png"},
		"a GIF":                        {encode(t, "gif", 5, 4), ""},
		"nothing":                      {nil, ""},
		"the first bytes alone":        {[]byte("\xff\xd8\xff"), ""},
		"PNG bytes before a page":      {append([]byte("\x89PNG\r\n\x1a\n"), "<script>"...), ""},
		"a page":                       {[]byte("<!doctype html><script>alert(1)</script>"), ""},
		"a document":                   {[]byte("%PDF-1.7"), ""},
		"a picture with too many bits": {encode(t, "png", 9000, 8000), ""},
		"too large":                    {append(encode(t, "png", 1, 1), make([]byte, MaxBytes)...), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Look(tc.content)
			if tc.want == "" {
				if f := fault.From(err); err == nil || f.Reason != "PICTURE_REFUSED" {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if err != nil || got.MediaType != tc.want || got.Width != 5 || got.Height != 4 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}

// FuzzLook: no bytes make it panic, and what it takes is what it says.
func FuzzLook(f *testing.F) {
	f.Add(encode(f, "jpeg", 2, 2))
	f.Add(encode(f, "png", 2, 2))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := Look(content)
		if err == nil && (got.Width < 1 || got.Height < 1 || got.Width*got.Height > MaxPixels) {
			t.Fatalf("%v", got)
		}
	})
}
