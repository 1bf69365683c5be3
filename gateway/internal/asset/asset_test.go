package asset_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/upright-clinic/upright/gateway/internal/asset"
	"github.com/upright-clinic/upright/services/platform/fault"
)

var css = strings.Repeat("body { color: black; }\n", 100)

func serve(t *testing.T, reload bool, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	set := asset.New(fstest.MapFS{"a.css": {Data: []byte(css)}, ".keep": {}}, "/static/", reload)
	mux := http.NewServeMux()
	mux.Handle("GET /static/{file...}", set.Handler(true, func(w http.ResponseWriter, _ *http.Request, _ *fault.Error) {
		w.WriteHeader(http.StatusNotFound)
	}))
	r := httptest.NewRequest("GET", strings.Replace(path, "URL", set.URL("a.css"), 1), nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

func TestFileIsKeptForEver(t *testing.T) {
	t.Parallel()
	w := serve(t, false, "URL")
	if w.Code != 200 || w.Body.String() != css || w.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if got := w.Header().Get("Cache-Control"); !strings.Contains(got, "immutable") {
		t.Errorf("Cache-Control %q", got)
	}
	again := serve(t, false, "URL", "If-None-Match", w.Header().Get("Etag"))
	if again.Code != 304 || again.Body.Len() != 0 {
		t.Errorf("unchanged: %d with %d bytes", again.Code, again.Body.Len())
	}
}

func TestFileIsCompressed(t *testing.T) {
	t.Parallel()
	w := serve(t, false, "URL", "Accept-Encoding", "gzip, br")
	if w.Header().Get("Content-Encoding") != "gzip" || w.Body.Len() >= len(css)/4 {
		t.Fatalf("%v, %d bytes", w.Header(), w.Body.Len())
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || string(got) != css {
		t.Errorf("unpacked %d bytes, %v", len(got), err)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/static/a.css", "/static/a.0000000000000000.css", "/static/b.css", "/static/.keep", "/static/..%2fa.css"} {
		if w := serve(t, false, path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := serve(t, true, "/static/a.0000.css"); w.Code != 200 || w.Header().Get("Cache-Control") != "" {
		t.Errorf("while files are worked on, any hash will do: %d %v", w.Code, w.Header())
	}
}
