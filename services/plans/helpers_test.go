package plans_test

import (
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// daysAfter gives the date n days on.
func daysAfter(date string, n int) string { return civil.MustParse(date).AddDays(n).String() }

// stringOf is a message as text.
func stringOf(m proto.Message) string { return prototext.Format(m) }
