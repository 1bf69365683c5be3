package picture

import (
	"bytes"
	"encoding/binary"
)

// upright is the orientation of a picture that is shown as it is stored.
const upright = 1

// Layout of a TIFF block, in which Exif keeps its tags (TIFF 6.0, Exif 2.3).
const (
	tiffHeader     = 8      // byte order, 42, place of the first directory
	tiffEntry      = 12     // tag, type, count, value
	tagOrientation = 0x0112 // how the picture has to be turned, 1 to 8
	typeShort      = 3
)

// orientationOf reads how a picture has to be turned from a TIFF block; upright when it
// does not say, or says nothing that can be read.
func orientationOf(tiff []byte) uint16 {
	if len(tiff) < tiffHeader {
		return upright
	}
	var order binary.ByteOrder = binary.BigEndian
	switch string(tiff[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
	default:
		return upright
	}
	at := int64(order.Uint32(tiff[4:]))
	if at+2 > int64(len(tiff)) {
		return upright
	}
	for n := range int64(order.Uint16(tiff[at:])) {
		from := at + 2 + n*tiffEntry
		if from+tiffEntry > int64(len(tiff)) {
			break
		}
		e := tiff[from:]
		if order.Uint16(e) == tagOrientation && order.Uint16(e[2:]) == typeShort && order.Uint32(e[4:]) == 1 {
			if turned := order.Uint16(e[8:]); turned >= upright && turned <= 8 {
				return turned
			}
		}
	}
	return upright
}

// tiffOf is a TIFF block that says how a picture has to be turned, and nothing else.
func tiffOf(orientation uint16) []byte {
	var b bytes.Buffer
	b.WriteString("MM\x00*")
	for _, v := range []any{
		uint32(tiffHeader), uint16(1), // one entry, right after the header
		uint16(tagOrientation), uint16(typeShort), uint32(1), orientation, uint16(0),
		uint32(0), // no other directory
	} {
		_ = binary.Write(&b, binary.BigEndian, v) // a buffer takes everything
	}
	return b.Bytes()
}
