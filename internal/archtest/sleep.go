package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
)

// Sleeps returns the calls of time.Sleep in tests that pass real time. A call
// passes none
//
//   - inside the argument of synctest.Test;
//   - in any function literal of a function that makes a bubble, itself or by
//     calling one that does: tables of steps are written so; or in what is
//     handed to the one that does;
//   - in a function that is used from such places alone.
func (t *Tree) Sleeps() (broken []string) {
	byPackage := map[string][]*ast.File{}
	for _, f := range t.gos {
		if f.isTest() {
			key := f.dir + " " + f.Name.Name
			byPackage[key] = append(byPackage[key], f.File)
		}
	}
	for _, files := range byPackage {
		for _, pos := range t.newSleepers(files).find() {
			broken = append(broken, fmt.Sprintf(
				"%s: a test sleeps in real time: put it into a synctest bubble, or wait for what happens", t.fset.Position(pos)))
		}
	}
	slices.Sort(broken)
	return broken
}

// sleepers are the test files of one package, and what names mean in them.
type sleepers struct {
	files   []*ast.File
	decls   map[types.Object]*ast.FuncDecl
	uses    map[types.Object][]token.Pos // outside of their own declarations
	calls   map[*ast.CallExpr]types.Object
	virtual []ast.Node // where time is not real
}

func (t *Tree) newSleepers(files []*ast.File) *sleepers {
	// Imports are not resolved, which costs errors that don't matter here and
	// saves reading all of them.
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Error: func(error) {}}
	_, _ = conf.Check("", t.fset, files, info)

	s := &sleepers{
		files: files,
		decls: map[types.Object]*ast.FuncDecl{},
		uses:  map[types.Object][]token.Pos{},
		calls: map[*ast.CallExpr]types.Object{},
	}
	s.inspect(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if obj := info.Defs[n.Name]; obj != nil && n.Body != nil {
				s.decls[obj] = n
			}
		case *ast.CallExpr:
			switch f := n.Fun.(type) {
			case *ast.Ident:
				s.calls[n] = info.Uses[f]
			case *ast.SelectorExpr:
				s.calls[n] = info.Uses[f.Sel]
			}
		}
	})
	for id, obj := range info.Uses {
		if d := s.decls[obj]; d != nil && !contains(d, id.Pos()) {
			s.uses[obj] = append(s.uses[obj], id.Pos())
		}
	}
	return s
}

func (s *sleepers) inspect(visit func(ast.Node)) {
	for _, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool { visit(n); return true })
	}
}

// find returns where the tests sleep in real time.
func (s *sleepers) find() (at []token.Pos) {
	makers := s.makers()
	s.inspect(func(n ast.Node) {
		if call, ok := n.(*ast.CallExpr); ok && (selects(call.Fun, "synctest", "Test") || makers[s.calls[call]] != nil) {
			s.virtual = append(s.virtual, call)
		}
	})
	for _, d := range makers {
		ast.Inspect(d, func(n ast.Node) bool {
			if lit, ok := n.(*ast.FuncLit); ok {
				s.virtual = append(s.virtual, lit)
			}
			return true
		})
	}
	isReal := func(p token.Pos) bool { return !s.isVirtual(p) }
	for again := true; again; {
		again = false
		for obj, d := range s.decls {
			if uses := s.uses[obj]; isReal(d.Pos()) && len(uses) > 0 && !slices.ContainsFunc(uses, isReal) {
				s.virtual = append(s.virtual, d)
				again = true
			}
		}
	}
	s.inspect(func(n ast.Node) {
		if call, ok := n.(*ast.CallExpr); ok && selects(call.Fun, "time", "Sleep") && isReal(call.Pos()) {
			at = append(at, call.Pos())
		}
	})
	return at
}

func (s *sleepers) isVirtual(p token.Pos) bool {
	return slices.ContainsFunc(s.virtual, func(n ast.Node) bool { return contains(n, p) })
}

// makers returns the functions that make bubbles, by themselves or by calling
// others that do.
func (s *sleepers) makers() map[types.Object]*ast.FuncDecl {
	makers := map[types.Object]*ast.FuncDecl{}
	for again := true; again; {
		again = false
		for obj, d := range s.decls {
			ast.Inspect(d, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if ok && makers[obj] == nil && (selects(call.Fun, "synctest", "Test") || makers[s.calls[call]] != nil) {
					makers[obj], again = d, true
				}
				return true
			})
		}
	}
	return makers
}

func contains(n ast.Node, p token.Pos) bool { return n.Pos() <= p && p < n.End() }

// selects reports whether e is pkg.name.
func selects(e ast.Expr, pkg, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	id, ok := s.X.(*ast.Ident)
	return ok && id.Name == pkg
}
