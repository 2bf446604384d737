package derive

import (
	"errors"
	"path"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"

	"weir/catalog"
)

// globalName is the variable that holds a bundle's exports.
const globalName = "weirModule"

// flowNamespace marks imports of generated types (`flow/<collection>`) inside esbuild.
const flowNamespace = "weir-flow"

// flowTypes stands in for `flow/<collection>`: the base class is all that exists at run time, the types beside it
// are erased.
const flowTypes = `export class IDerivation {
	constructor(open) {}
	async flush() { return []; }
	async reset() {}
	startCommit() { return {}; }
}
`

const importHint = "a module can import relative files (./name.js, ./name.ts, ./name.json) and flow/<collection>, nothing else"

// Bundle gathers a module and what it imports into one script with an inline source map, fit for
// catalog.Module.Bundle. The script holds paths relative to the module's directory only; errors name files relative
// to the catalog's root. The error joins one
// *ModuleError for each thing that is wrong.
func Bundle(m *catalog.Module, typescript bool) (code string, err error) {
	result := api.Build(buildOptions(m, typescript))
	if len(result.Errors) > 0 {
		return "", moduleErrors(m, typescript, result.Errors)
	}
	if refused := refusedWarnings(result.Warnings); len(refused) > 0 {
		return "", moduleErrors(m, typescript, refused)
	}
	return string(result.OutputFiles[0].Contents), nil
}

// refusedWarnings picks what esbuild only warns of and what cannot work here.
func refusedWarnings(warnings []api.Message) []api.Message {
	var refused []api.Message
	for _, w := range warnings {
		switch w.ID {
		case "direct-eval":
			w.Text = "eval is not available: text cannot be run as code"
		case "import-is-undefined":
		default:
			continue
		}
		refused = append(refused, w)
	}
	return refused
}

// buildOptions lets nothing of the machine but the module's own files into the result: no tsconfig.json, no
// package.json settings, no environment.
func buildOptions(m *catalog.Module, typescript bool) api.BuildOptions {
	o := api.BuildOptions{
		Bundle:         true,
		Format:         api.FormatIIFE,
		GlobalName:     globalName,
		Platform:       api.PlatformNeutral,
		Target:         api.ES2022,
		Supported:      missingSyntax(),
		Sourcemap:      api.SourceMapInline,
		SourcesContent: api.SourcesContentExclude,
		Charset:        api.CharsetUTF8,
		TsconfigRaw:    "{}",
		LogLevel:       api.LogLevelSilent,
		TreeShaking:    api.TreeShakingTrue,
		Plugins:        []api.Plugin{imports(m.Path == "")},
	}
	if m.Path == "" {
		o.Stdin = &api.StdinOptions{Contents: m.Inline, Sourcefile: moduleName(m, typescript), Loader: api.LoaderJS}
		if typescript {
			o.Stdin.Loader = api.LoaderTS
		}
		return o
	}
	o.AbsWorkingDir = filepath.Dir(m.Path)
	o.EntryPoints = []string{"./" + filepath.Base(m.Path)}
	return o
}

// missingSyntax lists what the target allows and the engine does not parse; esbuild rewrites it.
func missingSyntax() map[string]bool {
	return map[string]bool{
		"async-generator":     false,
		"for-await":           false,
		"top-level-await":     false,
		"import-meta":         false,
		"dynamic-import":      false,
		"regexp-set-notation": false,
	}
}

// imports decides what a module may import.
func imports(inline bool) api.Plugin {
	resolve := func(a api.OnResolveArgs) (api.OnResolveResult, error) {
		relative := strings.HasPrefix(a.Path, "./") || strings.HasPrefix(a.Path, "../")
		switch {
		case a.Kind == api.ResolveEntryPoint:
			return api.OnResolveResult{}, nil
		case strings.HasPrefix(a.Path, "flow/"):
			return api.OnResolveResult{Path: a.Path, Namespace: flowNamespace}, nil
		case relative && !inline:
			return api.OnResolveResult{}, nil
		case relative:
			return refuse("cannot import " + quote(a.Path) + " from an inline module: put the module into a file of its own to import others")
		}
		return refuse("cannot import " + quote(a.Path) + ": " + importHint)
	}
	load := func(api.OnLoadArgs) (api.OnLoadResult, error) {
		types := flowTypes
		return api.OnLoadResult{Contents: &types, Loader: api.LoaderTS}, nil
	}
	return api.Plugin{Name: "weir", Setup: func(b api.PluginBuild) {
		b.OnResolve(api.OnResolveOptions{Filter: ".*"}, resolve)
		b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: flowNamespace}, load)
	}}
}

func refuse(text string) (api.OnResolveResult, error) {
	return api.OnResolveResult{Errors: []api.Message{{Text: text}}}, nil
}

func quote(s string) string { return `"` + s + `"` }

// moduleName is the file name that errors show.
func moduleName(m *catalog.Module, typescript bool) string {
	switch {
	case m.File != "":
		return m.File
	case m.Path != "":
		return filepath.Base(m.Path)
	case typescript:
		return "inline.ts"
	}
	return "inline.js"
}

func moduleErrors(m *catalog.Module, typescript bool, messages []api.Message) error {
	var all []error
	for _, msg := range messages {
		e := &ModuleError{File: moduleName(m, typescript), Message: withoutDir(m, msg.Text)}
		if l := msg.Location; l != nil {
			e.File, e.Line, e.Column = path.Join(path.Dir(m.File), l.File), l.Line, l.Column+1
		}
		all = append(all, e)
	}
	return errors.Join(all...)
}

// withoutDir takes the module's directory out of a message, for errors that name a file by its full path.
func withoutDir(m *catalog.Module, text string) string {
	if m.Path == "" {
		return text
	}
	dir := filepath.Dir(m.Path)
	return strings.ReplaceAll(strings.ReplaceAll(text, dir+string(filepath.Separator), ""), dir, ".")
}
