package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// source is a Go file that is edited where the syntax tree says, so that all
// else in it stays as it was written.
type source struct {
	text  []byte
	files *token.FileSet
	file  *ast.File
}

func parse(name string, text []byte) (*source, error) {
	s := &source{text: text, files: token.NewFileSet()}
	var err error
	s.file, err = parser.ParseFile(s.files, name, text, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

func (s *source) offset(p token.Pos) int { return s.files.Position(p).Offset }

// replace returns the source with other text from start to end.
func (s *source) replace(start, end int, text string) (*source, error) {
	whole := bytes.Join([][]byte{s.text[:start], []byte(text), s.text[end:]}, nil)
	formatted, err := format.Source(whole)
	if err != nil {
		return nil, err
	}
	return parse(s.files.File(s.file.Pos()).Name(), formatted)
}

// cut removes text, with its line if nothing else is on it.
func (s *source) cut(start, end int) (*source, error) {
	for end < len(s.text) && (s.text[end] == ',' || s.text[end] == ' ') {
		end++
	}
	before := bytes.TrimRight(s.text[:start], " \t")
	if bytes.HasSuffix(before, []byte("\n")) && end < len(s.text) && s.text[end] == '\n' {
		start, end = len(before), end+1
	}
	return s.replace(start, end, "")
}

// list finds the first list of that type: []openapi.Route{…}.
func (s *source) list(of string) *ast.CompositeLit {
	var found *ast.CompositeLit
	ast.Inspect(s.file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok && found == nil && lit.Type != nil && types.ExprString(lit.Type) == of {
			found = lit
		}
		return found == nil
	})
	return found
}

// add adds an element at the end of a list.
func (s *source) add(of, element string) (*source, error) {
	list := s.list(of)
	if list == nil {
		return nil, fmt.Errorf("there is no %s{…} to add to", of)
	}
	end := s.offset(list.Rbrace)
	if len(list.Elts) == 0 {
		return s.replace(s.offset(list.Lbrace)+1, end, "\n"+element+",\n")
	}
	last := s.offset(list.Elts[len(list.Elts)-1].End())
	if bytes.ContainsRune(s.text[last:end], '\n') {
		return s.replace(end, end, element+",\n")
	}
	return s.replace(last, end, ", "+element)
}

// remove takes the elements of a list that match.
func (s *source) remove(of string, matches func(ast.Expr) bool) (*source, error) {
	for again := true; again; {
		list := s.list(of)
		if again = false; list == nil {
			return s, nil
		}
		for _, element := range list.Elts {
			if !matches(element) {
				continue
			}
			var err error
			if s, err = s.cut(s.offset(element.Pos()), s.offset(element.End())); err != nil {
				return nil, err
			}
			again = true
			break
		}
	}
	list := s.list(of)
	if len(list.Elts) > 0 {
		return s, nil
	}
	return s.replace(s.offset(list.Lbrace), s.offset(list.Rbrace)+1, "{}")
}

// member returns the text of a struct literal's member: Path in {Path: "/notes"}.
func member(element ast.Expr, name string) string {
	lit, ok := element.(*ast.CompositeLit)
	if !ok {
		return ""
	}
	for _, e := range lit.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok && types.ExprString(pair.Key) == name {
			return literalText(pair.Value)
		}
	}
	return ""
}

func literalText(e ast.Expr) string {
	if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
		text, _ := strconv.Unquote(lit.Value) // it has been parsed
		return text
	}
	return ""
}

// declared are the names that a file declares for its package.
func declared(file *ast.File) (names []string) {
	for _, decl := range file.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name != "init" {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					names = append(names, spec.Name.Name)
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						names = append(names, name.Name)
					}
				}
			}
		}
	}
	return names
}

var majorVersion = regexp.MustCompile(`^v\d+$`)

// importName is how a file calls a package that it imports.
func importName(spec *ast.ImportSpec) string {
	if spec.Name != nil {
		return spec.Name.Name
	}
	whole := literalText(spec.Path)
	if base := path.Base(whole); !majorVersion.MatchString(base) {
		return strings.TrimSuffix(base, ".v1")
	}
	return path.Base(path.Dir(whole))
}
