package templates

import (
	"fmt"
	"html/template"
	"text/template/parse"
)

// checkAssets returns an error where a page names a static file that is not there.
// Rendering would find out only where the data of the moment leads to the name.
func (v *Views) checkAssets(page *template.Template) error {
	var missing error
	for _, part := range page.Templates() {
		if part.Tree == nil {
			continue
		}
		eachCommand(part.Tree.Root, func(args []parse.Node) {
			if len(args) != 2 || args[0].String() != "asset" {
				return
			}
			name, ok := args[1].(*parse.StringNode)
			if !ok {
				return // known when it is rendered
			}
			if _, err := v.asset(name.Text); err != nil {
				missing = fmt.Errorf("{{asset %q}}: %w", name.Text, err)
			}
		})
	}
	return missing
}

// eachCommand calls do with the words of every command below a node.
func eachCommand(node parse.Node, do func(args []parse.Node)) {
	branch := func(b parse.BranchNode) {
		eachCommand(b.Pipe, do)
		eachCommand(b.List, do)
		if b.ElseList != nil {
			eachCommand(b.ElseList, do)
		}
	}
	switch n := node.(type) {
	case *parse.ListNode:
		for _, below := range n.Nodes {
			eachCommand(below, do)
		}
	case *parse.IfNode:
		branch(n.BranchNode)
	case *parse.WithNode:
		branch(n.BranchNode)
	case *parse.RangeNode:
		branch(n.BranchNode)
	case *parse.ActionNode:
		eachCommand(n.Pipe, do)
	case *parse.TemplateNode:
		if n.Pipe != nil {
			eachCommand(n.Pipe, do)
		}
	case *parse.PipeNode:
		for _, command := range n.Cmds {
			eachCommand(command, do)
		}
	case *parse.CommandNode:
		do(n.Args)
		for _, arg := range n.Args {
			eachCommand(arg, do)
		}
	}
}
