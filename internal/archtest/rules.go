package archtest

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Imports returns what breaks table: a package without a row, a row without a
// package, an import that a row does not have.
func (t *Tree) Imports(table map[string]Row) (broken []string) {
	dirs := t.packages()
	for _, dir := range dirs {
		if _, ok := table[dir]; !ok {
			broken = append(broken, fmt.Sprintf(
				"%s: the package has no row in Table (internal/archtest/table.go): add one with what it has to import, and to the table of ARCHITECTURE.md", dir))
		}
	}
	for dir := range table {
		if !slices.Contains(dirs, dir) {
			broken = append(broken, fmt.Sprintf("%s: Table has a row for it, the tree has no such package: delete the row", dir))
		}
	}
	for _, f := range t.gos {
		row, ok := table[f.dir]
		if !ok || f.isTest() || !t.inModule(f.dir) {
			continue
		}
		for _, spec := range f.File.Imports {
			p, _ := strconv.Unquote(spec.Path.Value) // it has been parsed
			if !row.allows(p, t.Module) {
				broken = append(broken, fmt.Sprintf("%s: imports %s, which the row of %s does not allow", t.fset.Position(spec.Pos()), p, f.dir))
			}
		}
	}
	slices.Sort(broken)
	return broken
}

func (r Row) allows(p, module string) bool {
	if within(p, module) {
		dir := strings.TrimPrefix(p, module+"/")
		return slices.Contains(r.Ours, dir) || slices.Contains(r.Ours, anything) && !strings.HasPrefix(dir, "cmd/")
	}
	first, _, _ := strings.Cut(p, "/")
	if !strings.Contains(first, ".") {
		return p != "C" // the standard library, but never cgo
	}
	return slices.ContainsFunc(r.Third, func(third string) bool { return within(p, third) })
}

// LongFiles returns the Go files of more lines than most, generated ones aside.
func (t *Tree) LongFiles(most int) (broken []string) {
	for _, f := range t.gos {
		if n := bytes.Count(f.src, []byte("\n")); n > most && !f.generated() {
			broken = append(broken, fmt.Sprintf("%s: %d lines, at most %d: split it by what it does", f.name, n, most))
		}
	}
	return broken
}

// WideInterfaces returns the exported interfaces of more methods than most. One
// that is embedded counts with its methods where it stands in the same package,
// and is refused otherwise.
func (t *Tree) WideInterfaces(most int) (broken []string) {
	types := map[string]*ast.InterfaceType{} // by directory and name
	for _, f := range t.gos {
		for name, it := range f.interfaces() {
			types[path.Join(f.dir, name)] = it
		}
	}
	var methods func(dir string, it *ast.InterfaceType) (n int, unknown bool)
	methods = func(dir string, it *ast.InterfaceType) (n int, unknown bool) {
		for _, m := range it.Methods.List {
			if len(m.Names) > 0 {
				n += len(m.Names)
				continue
			}
			switch e := m.Type.(type) {
			case *ast.BinaryExpr, *ast.UnaryExpr: // a constraint: no method
			case *ast.Ident:
				if in := types[path.Join(dir, e.Name)]; in != nil {
					more, un := methods(dir, in)
					n, unknown = n+more, unknown || un
				}
			default:
				unknown = true
			}
		}
		return n, unknown
	}
	for _, f := range t.gos {
		for name, it := range f.interfaces() {
			if !ast.IsExported(name) || f.isTest() {
				continue
			}
			n, unknown := methods(f.dir, it)
			switch at := t.fset.Position(it.Pos()); {
			case unknown:
				broken = append(broken, fmt.Sprintf("%s: interface %s embeds one of another package: spell its methods out", at, name))
			case n > most:
				broken = append(broken, fmt.Sprintf("%s: interface %s has %d methods, at most %d", at, name, n, most))
			}
		}
	}
	slices.Sort(broken)
	return broken
}

// interfaces returns the interface types that the file declares at top level.
func (f *goFile) interfaces() map[string]*ast.InterfaceType {
	found := map[string]*ast.InterfaceType{}
	for _, d := range f.Decls {
		gd, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, s := range gd.Specs {
			if ts, ok := s.(*ast.TypeSpec); ok {
				if it, ok := ts.Type.(*ast.InterfaceType); ok {
					found[ts.Name.Name] = it
				}
			}
		}
	}
	return found
}

// PackageComments returns the packages whose comment is missing, or does not
// begin as godoc wants it.
func (t *Tree) PackageComments() (broken []string) {
	good := map[string]bool{}
	for _, f := range t.gos {
		if f.isTest() || !t.inModule(f.dir) {
			continue
		}
		want := "Package " + f.Name.Name + " "
		if f.Name.Name == "main" {
			want = "Command " + path.Base(f.dir) + " "
		}
		good[f.dir] = good[f.dir] || strings.HasPrefix(f.Doc.Text(), want)
	}
	for dir, ok := range good {
		if !ok {
			broken = append(broken, fmt.Sprintf("%s: no file has a package comment that says what the package is for", dir))
		}
	}
	slices.Sort(broken)
	return broken
}

// Unformatted returns the Go files that gofmt would change.
func (t *Tree) Unformatted() (broken []string) {
	for _, f := range t.gos {
		if want, err := format.Source(f.src); err != nil || !bytes.Equal(want, f.src) {
			broken = append(broken, fmt.Sprintf("%s: not formatted: run gofmt -w on it", f.name))
		}
	}
	return broken
}

// ofOneMachine matches what is true on somebody's machine only: directories of
// users and of build machines, and the hosts of package registries.
var ofOneMachine = regexp.MustCompile(`(^|[\s"'=(:])/(work|root|home)/\w|\b(proxy|sum)\.golang\.org\b|\bregistry\.npmjs\.org\b|\bpypi\.org\b|\bdeb\.debian\.org\b`)

// MachineWords returns the lines of any text file that hold for one machine.
func (t *Tree) MachineWords() (broken []string) {
	for _, f := range t.texts {
		if strings.HasPrefix(f.name, "internal/archtest/") { // the pattern, and examples of it
			continue
		}
		if at := ofOneMachine.FindIndex(f.src); at != nil {
			line := 1 + bytes.Count(f.src[:at[0]], []byte("\n"))
			broken = append(broken, fmt.Sprintf("%s:%d: %q holds on one machine only", f.name, line, bytes.TrimSpace(f.src[at[0]:at[1]])))
		}
	}
	return broken
}
