package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// errUnknownShape says that a file does not look as the generator expects.
var errUnknownShape = errors.New("unknown shape")

// goFile is a Go file that is edited. Places are found in its syntax tree, and
// everything else stays byte for byte.
type goFile struct {
	path string
	text string
	set  *token.FileSet
	tree *ast.File
}

func parseGo(path, text string) (*goFile, error) {
	f := &goFile{path: path, text: text, set: token.NewFileSet()}
	var err error
	f.tree, err = parser.ParseFile(f.set, path, text, parser.ParseComments)
	return f, err
}

func (f *goFile) offset(p token.Pos) int { return f.set.Position(p).Offset }

// insert puts text at an offset, formats the file and parses it again.
func (f *goFile) insert(at int, text string) error {
	return f.replace(at, at, text)
}

func (f *goFile) replace(from, to int, text string) error {
	formatted, err := format.Source([]byte(f.text[:from] + text + f.text[to:]))
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	edited, err := parseGo(f.path, string(formatted))
	if err != nil {
		return err
	}
	*f = *edited
	return nil
}

func (f *goFile) unknown(what string) error {
	return fmt.Errorf("%s has no %s: %w", f.path, what, errUnknownShape)
}

// function returns a top-level function.
func (f *goFile) function(name string) (*ast.FuncDecl, error) {
	for _, d := range f.tree.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == name && fn.Body != nil {
			return fn, nil
		}
	}
	return nil, f.unknown("function " + name)
}

// structType returns a struct that is declared at the top level.
func (f *goFile) structType(name string) (*ast.StructType, error) {
	var found *ast.StructType
	ast.Inspect(f.tree, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == name {
			found, _ = spec.Type.(*ast.StructType)
		}
		return found == nil
	})
	if found == nil {
		return nil, f.unknown("struct " + name)
	}
	return found, nil
}

// addField adds a field at the end of a struct.
func (f *goFile) addField(structName, field string) error {
	s, err := f.structType(structName)
	if err != nil {
		return err
	}
	return f.insert(f.offset(s.Fields.Closing), "\t"+field+"\n")
}

// addElement adds an element at the end of a literal of the type within a function.
func (f *goFile) addElement(function, typeName, element string) error {
	fn, err := f.function(function)
	if err != nil {
		return err
	}
	var literal *ast.CompositeLit
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		if l, ok := n.(*ast.CompositeLit); ok && l.Type != nil && f.source(l.Type) == typeName {
			literal = l
		}
		return literal == nil
	})
	if literal == nil {
		return f.unknown(typeName + "{…} in " + function)
	}
	return f.insert(f.offset(literal.Rbrace), "\t"+element+",\n\t")
}

// addBeforeComment adds statements in front of the comment that opens a part of a function.
func (f *goFile) addBeforeComment(function, comment, statements string) error {
	fn, err := f.function(function)
	if err != nil {
		return err
	}
	for _, group := range f.tree.Comments {
		if group.Pos() > fn.Body.Pos() && group.End() < fn.Body.End() && strings.TrimSpace(group.Text()) == comment {
			return f.insert(f.offset(group.Pos()), statements+"\n\n\t")
		}
	}
	return f.unknown(fmt.Sprintf("comment %q in %s", comment, function))
}

// addAfterCalls adds statements behind the last statement of a function that calls a
// method of the variable, such as api.Get; with methods, one of these.
func (f *goFile) addAfterCalls(function, variable, statements string, methods ...string) error {
	fn, err := f.function(function)
	if err != nil {
		return err
	}
	var last ast.Stmt
	for _, s := range fn.Body.List {
		receiver, method := methodCall(s)
		if receiver == variable && (len(methods) == 0 || slices.Contains(methods, method)) {
			last = s
		}
	}
	if last == nil {
		return f.unknown(fmt.Sprintf("call of %s in %s", variable, function))
	}
	between := "\n\n\t"
	if len(methods) > 0 {
		between = "\n\t"
	}
	return f.insert(f.offset(last.End()), between+statements)
}

// addBeforeReturn adds statements in front of the last one of a function.
func (f *goFile) addBeforeReturn(function, statements string) error {
	fn, err := f.function(function)
	if err != nil {
		return err
	}
	last, ok := fn.Body.List[len(fn.Body.List)-1].(*ast.ReturnStmt)
	if !ok {
		return f.unknown("return at the end of " + function)
	}
	return f.insert(f.offset(last.Pos()), statements+"\n\t")
}

// methodCall returns the variable and the method that a statement calls, or "".
func methodCall(s ast.Stmt) (variable, method string) {
	expr, ok := s.(*ast.ExprStmt)
	if !ok {
		return "", ""
	}
	call, ok := expr.X.(*ast.CallExpr)
	if !ok {
		return "", ""
	}
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	id, ok := selector.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	return id.Name, selector.Sel.Name
}

// addImport adds an import beside the others of this module, if it is missing.
func (f *goFile) addImport(path string) error {
	var before, after *ast.ImportSpec
	for _, spec := range f.tree.Imports {
		p := strings.Trim(spec.Path.Value, `"`)
		if p == path {
			return f.keepImport(spec)
		}
		switch ours := strings.HasPrefix(p, path[:strings.LastIndex(path, "/")]); {
		case ours && p < path:
			after = spec
		case ours && before == nil:
			before = spec
		}
	}
	switch {
	case after != nil:
		return f.insert(f.offset(after.End()), "\n\t\""+path+"\"")
	case before != nil:
		return f.insert(f.offset(before.Pos()), "\""+path+"\"\n\t")
	}
	return f.unknown("import of this module")
}

// keepImport takes an import out of a region that goes with the sample.
func (f *goFile) keepImport(spec *ast.ImportSpec) error {
	begin := regexp.MustCompile(`\n[ \t]*// region sample\n[ \t]*$`).FindStringIndex(f.text[:f.offset(spec.Pos())])
	end := regexp.MustCompile(`^\n[ \t]*// endregion`).FindStringIndex(f.text[f.offset(spec.End()):])
	if begin == nil || end == nil {
		return nil
	}
	return f.replace(begin[0], f.offset(spec.End())+end[1], "\n\t"+spec.Path.Value)
}
