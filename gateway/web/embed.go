// Package web carries what browsers load: templates, one style sheet, the words of each
// language, and, when Node built it, the staff diary.
//
// dist/ holds nothing but a committed .keep until the diary is built; the program works
// without it, and then [Built] is false.
package web

import (
	"embed"
	"io/fs"
	"os"
)

//go:embed all:dist
var dist embed.FS

//go:embed templates static text
var files embed.FS

// Files returns templates, static and text: those built in, or with a folder those on disk,
// so that a page can be worked on without building the program.
func Files(dir string) fs.FS {
	if dir != "" {
		return os.DirFS(dir)
	}
	return files
}

// Dist returns the built diary, from the folder when one is named.
func Dist(dir string) fs.FS {
	var root fs.FS = dist
	if dir != "" {
		root = os.DirFS(dir)
	}
	sub, err := fs.Sub(root, "dist")
	if err != nil { // the name is fixed and valid
		panic(err)
	}
	return sub
}

// Built reports whether there is a diary.
func Built(dist fs.FS) bool {
	_, err := fs.Stat(dist, "index.html")
	return err == nil
}
