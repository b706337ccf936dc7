// Package archtest holds the shape of the module: which package may import
// which, and a few rules that a compiler does not know. Table is the one place
// where the shape is written down; the tests of this package hold the tree to it.
//
// Files are read whatever their build tags say, so that a rule also holds for
// the systems and processors that the tests don't run on. The rules of style
// also hold for the modules below this one; the table holds for this one alone.
package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Tree is the module's files.
type Tree struct {
	Module string // its path in go.mod
	fset   *token.FileSet
	gos    []*goFile
	texts  []*textFile
	nested []string // directories of other modules
}

type goFile struct {
	name string // slashes, relative to the module's root
	dir  string
	src  []byte
	*ast.File
}

type textFile struct {
	name string
	src  []byte
}

// skipped are directories that hold no sources. In a linked worktree of git .git
// is a file.
var skipped = []string{".git", "bin", "dist", "node_modules"}

// Load reads the module at the root of fsys.
func Load(fsys fs.FS) (*Tree, error) {
	mod, err := fs.ReadFile(fsys, "go.mod")
	if err != nil {
		return nil, err
	}
	t := &Tree{fset: token.NewFileSet()}
	if _, err := fmt.Sscanf(string(mod), "module %s", &t.Module); err != nil {
		return nil, fmt.Errorf("go.mod: %w", err)
	}
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(skipped, d.Name()):
			return fs.SkipDir
		case d.Name() == ".git":
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		return t.add(fsys, name)
	})
	return t, err
}

// add reads one file. Those that are no text are passed over.
func (t *Tree) add(fsys fs.FS, name string) error {
	src, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	if bytes.IndexByte(src, 0) >= 0 {
		return nil
	}
	t.texts = append(t.texts, &textFile{name, src})
	if dir := path.Dir(name); path.Base(name) == "go.mod" && dir != "." {
		t.nested = append(t.nested, dir)
	}
	if path.Ext(name) != ".go" || strings.Contains(name, "testdata/") {
		return nil
	}
	file, err := parser.ParseFile(t.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.gos = append(t.gos, &goFile{name, path.Dir(name), src, file})
	return nil
}

// inModule reports whether dir belongs to the module itself.
func (t *Tree) inModule(dir string) bool {
	return !slices.ContainsFunc(t.nested, func(n string) bool { return within(dir, n) })
}

// within reports whether path p is base or below it.
func within(p, base string) bool { return p == base || strings.HasPrefix(p, base+"/") }

func (f *goFile) isTest() bool    { return strings.HasSuffix(f.name, "_test.go") }
func (f *goFile) generated() bool { return ast.IsGenerated(f.File) }

// packages returns the directories of the module's own packages, sorted.
func (t *Tree) packages() []string {
	var dirs []string
	for _, f := range t.gos {
		if t.inModule(f.dir) && !slices.Contains(dirs, f.dir) {
			dirs = append(dirs, f.dir)
		}
	}
	slices.Sort(dirs)
	return dirs
}
