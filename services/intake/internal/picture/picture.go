// Package picture decides whether bytes are a picture that the clinic takes, and takes out
// what its sender did not mean to tell. It goes by the content alone: names and announced
// types are what their sender likes.
package picture

import (
	"bytes"
	"image"
	_ "image/jpeg" // the two kinds of picture that are taken
	_ "image/png"
	"net/http"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Bounds of a picture: bytes, and pixels that a viewer must not have to unpack.
const (
	MaxBytes  = 8 << 20
	MaxPixels = 64_000_000
)

// Info is what the content says of itself.
type Info struct {
	MediaType     string
	Width, Height int
}

// Look says what a picture is. It fails with INVALID_ARGUMENT, PICTURE_REFUSED when the
// content is too large, is not a JPEG or PNG picture by its first bytes and by its header,
// or has no or too many pixels.
func Look(content []byte) (Info, error) {
	if len(content) > MaxBytes {
		return Info{}, refused("is larger than 8 MiB")
	}
	kind := http.DetectContentType(content)
	if kind != "image/jpeg" && kind != "image/png" {
		return Info{}, refused("is not a JPEG or PNG picture")
	}
	header, format, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil || "image/"+format != kind {
		return Info{}, refused("is not a whole picture")
	}
	if header.Width < 1 || header.Height < 1 || int64(header.Width)*int64(header.Height) > MaxPixels {
		return Info{}, refused("has too many pixels")
	}
	return Info{MediaType: kind, Width: header.Width, Height: header.Height}, nil
}

// Clean is Look, and returns the picture as it may be kept: the same pixels and colours,
// turned the same way, without the place it was taken at, the time, the camera, texts,
// previews and anything else that does not show it. Nothing is compressed anew. It fails as
// Look does.
func Clean(content []byte) (Info, []byte, error) {
	info, err := Look(content)
	if err != nil {
		return info, nil, err
	}
	clean := cleanJPEG
	if info.MediaType == "image/png" {
		clean = cleanPNG
	}
	out, whole := clean(content)
	if !whole {
		return Info{}, nil, refused("is not a whole picture")
	}
	return info, out, nil
}

func refused(why string) error {
	return fault.New(fault.InvalidArgument, "PICTURE_REFUSED", "The file "+why+".").OnField("content", why)
}
