package app

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Page is a part of a list, newest first.
type Page struct {
	Size  int
	Token string
}

// place is where in a list a page starts: behind the thing of this instant and id.
type place struct {
	micros int64
	id     string
}

// size gives how many are wanted, the usual number for 0 and at most the greatest.
func (p Page) size(usual, greatest int) int {
	if p.Size == 0 {
		return usual
	}
	return min(p.Size, greatest)
}

// start reads the token. INVALID_ARGUMENT for one that this service has not made.
func (p Page) start() (place, error) {
	if p.Token == "" {
		return place{}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(p.Token)
	at, id, ok := strings.Cut(string(text), " ")
	micros, err2 := strconv.ParseInt(at, 10, 64)
	if err != nil || err2 != nil || !ok || micros <= 0 {
		return place{}, fault.Invalid("page_token", "is not one that a list has given")
	}
	return place{micros: micros, id: id}, nil
}

func token(at time.Time, id string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(sqldb.Micros(at), 10) + " " + id))
}
