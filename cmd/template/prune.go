package main

import (
	"go/ast"
	"go/token"
	"slices"
)

// prune takes out those declarations of the given names that nothing in the file
// uses any more, and the imports that nothing uses then.
func (s *source) prune(names ...string) (*source, error) {
	for _, name := range names {
		at := slices.IndexFunc(s.file.Decls, func(d ast.Decl) bool { return soleName(d) == name })
		if at < 0 || s.uses(name) > 1 { // beside its own
			continue
		}
		var err error
		if s, err = s.cut(s.start(s.file.Decls[at]), s.offset(s.file.Decls[at].End())); err != nil {
			return nil, err
		}
	}
	for {
		at := slices.IndexFunc(s.file.Imports, func(spec *ast.ImportSpec) bool { return s.uses(importName(spec)) == 0 })
		if at < 0 {
			return s, nil
		}
		var err error
		if s, err = s.cut(s.offset(s.file.Imports[at].Pos()), s.offset(s.file.Imports[at].End())); err != nil {
			return nil, err
		}
	}
}

// soleName is what a declaration declares, if that is a single name.
func soleName(decl ast.Decl) string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return d.Name.Name
		}
	case *ast.GenDecl:
		if len(d.Specs) == 1 && (d.Tok == token.CONST || d.Tok == token.VAR) {
			if spec := d.Specs[0].(*ast.ValueSpec); len(spec.Names) == 1 {
				return spec.Names[0].Name
			}
		}
	}
	return ""
}

// start is where a declaration begins with its comment.
func (s *source) start(decl ast.Decl) int {
	var doc *ast.CommentGroup
	switch d := decl.(type) {
	case *ast.FuncDecl:
		doc = d.Doc
	case *ast.GenDecl:
		doc = d.Doc
	}
	if doc != nil {
		return s.offset(doc.Pos())
	}
	return s.offset(decl.Pos())
}

// uses counts an identifier, but for an import's name.
func (s *source) uses(name string) (count int) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.Name == name {
			count++
		}
		_, imports := n.(*ast.ImportSpec)
		return !imports
	})
	return count
}
