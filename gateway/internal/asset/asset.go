// Package asset serves the few files that pages load: the style sheet, the icon and, when
// it was built, the staff diary. A file's address holds a hash of its content, so browsers
// may keep it for ever and still see every change at once.
package asset

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// forever is for files whose address changes with their content.
const forever = "public, max-age=31536000, immutable"

// Set is the files of one folder.
type Set struct {
	files  fs.FS
	reload bool
	prefix string

	mu    sync.Mutex
	known map[string]*file // by name
}

// file is one file, ready to be sent.
type file struct {
	once        sync.Once
	err         error
	data        []byte
	zipped      []byte // nil when it would not be smaller
	contentType string
	hash        string
}

// New returns the files below an address such as "/static/". With reload they are read for
// each request and not kept by browsers.
func New(files fs.FS, prefix string, reload bool) *Set {
	return &Set{files: files, prefix: prefix, reload: reload, known: map[string]*file{}}
}

// URL is the address of a file: its name with a hash before the extension. For a file that
// is not there it is an address at which nothing is.
func (s *Set) URL(name string) string {
	f, err := s.load(name)
	if err != nil {
		return s.prefix + "missing"
	}
	ext := path.Ext(name)
	return s.prefix + strings.TrimSuffix(name, ext) + "." + f.hash + ext
}

// Handler serves files by the path value "file". With hashed, names carry the hash that
// URL put there, and another hash is another file; without, a tool has put one there.
func (s *Set) Handler(hashed bool, fail func(http.ResponseWriter, *http.Request, *fault.Error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, hash := r.PathValue("file"), ""
		if hashed {
			name, hash = unhash(name)
		}
		f, err := s.load(name)
		if err != nil || (hashed && f.hash != hash && !s.reload) {
			fail(w, r, problem.RouteNotFound())
			return
		}
		if !s.reload {
			w.Header()["Cache-Control"] = []string{forever}
		}
		f.serve(w, r)
	})
}

// Page serves one file that must be asked for each time, such as the diary's first page.
func (s *Set) Page(name string, fail func(http.ResponseWriter, *http.Request, *fault.Error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, err := s.load(name)
		if err != nil {
			fail(w, r, problem.RouteNotFound())
			return
		}
		f.serve(w, r)
	})
}

// unhash takes the hash out of a file name.
func unhash(name string) (plain, hash string) {
	ext := path.Ext(name)
	base := strings.TrimSuffix(name, ext)
	i := strings.LastIndexByte(base, '.')
	if i < 0 {
		return name, ""
	}
	return base[:i] + ext, base[i+1:]
}

// load reads a file once.
func (s *Set) load(name string) (*file, error) {
	if !fs.ValidPath(name) || strings.HasPrefix(path.Base(name), ".") {
		return nil, fs.ErrNotExist
	}
	s.mu.Lock()
	f, ok := s.known[name]
	if !ok || s.reload {
		f = &file{}
		if _, err := fs.Stat(s.files, name); err != nil {
			s.mu.Unlock()
			return nil, err // names that somebody made up are not kept
		}
		s.known[name] = f
	}
	s.mu.Unlock()
	f.once.Do(func() { f.err = f.read(s.files, name) })
	return f, f.err
}

// read prepares a file: its hash, its type and a compressed form.
func (f *file) read(files fs.FS, name string) error {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return fmt.Errorf("static file: %w", err)
	}
	sum := sha256.Sum256(data)
	f.data, f.hash = data, hex.EncodeToString(sum[:8])
	f.contentType = types[path.Ext(name)]
	if f.contentType == "" {
		f.contentType = mime.TypeByExtension(path.Ext(name))
	}
	if f.contentType == "" {
		f.contentType = "application/octet-stream"
	}
	var zipped bytes.Buffer
	z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if zipped.Len() < len(data) {
		f.zipped = zipped.Bytes()
	}
	return nil
}

// types are those of our own files; the machine's list of types may be missing or odd.
var types = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
	".html": "text/html; charset=utf-8", ".json": "application/json", ".woff2": "font/woff2",
}

// serve sends a file, compressed when the client takes it, or says that it has not changed.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["Content-Type"] = []string{f.contentType}
	h["Vary"] = []string{"Accept-Encoding"}
	etag := `"` + f.hash + `"`
	body := f.data
	if f.zipped != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h["Content-Encoding"] = []string{"gzip"}
		body, etag = f.zipped, `"`+f.hash+`-gz"`
	}
	h["Etag"] = []string{etag}
	if r.Header.Get("If-None-Match") == etag {
		delete(h, "Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	_, _ = w.Write(body) //nolint:gosec // our own file; a client that went away is no failure of ours
}
