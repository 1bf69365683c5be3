package page

import (
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"sync"
)

// pages are the templates, each made ready when it is first shown: a page holds its own copy
// of the layout and of what pages share, and of a hundred pages few are ever shown.
type pages struct {
	shared *template.Template
	files  fs.FS

	mu    sync.RWMutex
	ready map[string]*template.Template
}

// parse reads every page with the layout and the parts that pages share. It fails when one of
// them is broken.
func parse(files fs.FS) (*pages, error) {
	shared, err := template.New("layout").Funcs(functions).ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	names, err := fs.Glob(files, "templates/page/*.html")
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	p := &pages{shared: shared, files: files, ready: map[string]*template.Template{}}
	for _, name := range names {
		if _, err := p.make(strings.TrimSuffix(path.Base(name), ".html")); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// make makes a page ready.
func (p *pages) make(name string) (*template.Template, error) {
	t, err := p.shared.Clone()
	if err == nil {
		t, err = t.ParseFS(p.files, "templates/page/"+name+".html")
	}
	if err != nil {
		return nil, fmt.Errorf("templates: %w", err)
	}
	return t, nil
}

// get returns a page. It fails when there is none of the name.
func (p *pages) get(name string) (*template.Template, error) {
	p.mu.RLock()
	t, ok := p.ready[name]
	p.mu.RUnlock()
	if ok {
		return t, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, ok := p.ready[name]; ok {
		return t, nil
	}
	t, err := p.make(name)
	if err == nil {
		p.ready[name] = t
	}
	return t, err
}
