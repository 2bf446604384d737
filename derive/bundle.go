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
const globalName = catalog.BundleVariable

// flowNamespace marks imports of generated types (`flow/<collection>`) inside esbuild.
const flowNamespace = "weir-flow"

// flowTypes stands in for `flow/<collection>`: the base class is all that exists at run time, the types beside it
// are erased.
const flowTypes = `export class IDerivation {
	constructor(open) {}
	flush() { return []; }
	reset() {}
	startCommit() { return {}; }
}
`

const importHint = "a module can import relative files (./name.js, ./name.ts, ./name.json), packages of a node_modules directory and flow/<collection>"

// nodeParts are the modules that Node.js itself brings. Derivations run without it.
var nodeParts = map[string]bool{
	"assert": true, "async_hooks": true, "buffer": true, "child_process": true, "cluster": true, "console": true, "constants": true,
	"crypto": true, "dgram": true, "diagnostics_channel": true, "dns": true, "domain": true, "events": true, "fs": true, "http": true,
	"http2": true, "https": true, "inspector": true, "module": true, "net": true, "os": true, "path": true, "perf_hooks": true,
	"process": true, "punycode": true, "querystring": true, "readline": true, "repl": true, "stream": true, "string_decoder": true,
	"sys": true, "timers": true, "tls": true, "trace_events": true, "tty": true, "url": true, "util": true, "v8": true, "vm": true,
	"wasi": true, "worker_threads": true, "zlib": true,
}

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

// buildOptions lets nothing of the machine but the module's own files and the packages that it names into the
// result: no tsconfig.json, no environment.
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
		Plugins:        []api.Plugin{imports(m)},
		// What a package offers to a program that runs neither in a browser nor in Node.js, and what it asks its
		// surroundings for.
		MainFields: []string{"module", "main"},
		Conditions: []string{"module"},
		Define:     map[string]string{"process.env.NODE_ENV": `"production"`, "global": "globalThis"},
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
func imports(m *catalog.Module) api.Plugin {
	inline := m.Path == ""
	load := func(api.OnLoadArgs) (api.OnLoadResult, error) {
		types := flowTypes
		return api.OnLoadResult{Contents: &types, Loader: api.LoaderTS}, nil
	}
	return api.Plugin{Name: "weir", Setup: func(b api.PluginBuild) {
		resolve := func(a api.OnResolveArgs) (api.OnResolveResult, error) {
			switch {
			case a.Kind == api.ResolveEntryPoint && m.Sent != nil:
				return api.OnResolveResult{Path: m.Path}, nil
			case a.Kind == api.ResolveEntryPoint || a.PluginData == ownResolver:
				return api.OnResolveResult{}, nil
			case strings.HasPrefix(a.Path, "flow/"):
				return api.OnResolveResult{Path: a.Path, Namespace: flowNamespace}, nil
			case inline && (isRelative(a.Path) || isPackage(a.Path) && !isNodePart(a.Path)):
				return refuse("cannot import " + quote(a.Path) + " from an inline module: put the module into a file of its own to import others")
			case m.Sent != nil && (isRelative(a.Path) || isPackage(a.Path) && !isNodePart(a.Path)):
				return resolveSent(m.Sent, a)
			case isRelative(a.Path):
				return api.OnResolveResult{}, nil
			case isPackage(a.Path):
				return resolvePackage(b, a)
			}
			if name, ok := strings.CutPrefix(a.Path, "npm:"); ok {
				return refuse("cannot import " + quote(a.Path) + ": install the package into a node_modules directory and import it by its name, without npm: and version, as in " + quote(withoutVersion(name)))
			}
			return refuse("cannot import " + quote(a.Path) + ": " + importHint)
		}
		b.OnResolve(api.OnResolveOptions{Filter: ".*"}, resolve)
		b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: flowNamespace}, load)
		if m.Sent != nil {
			b.OnLoad(api.OnLoadOptions{Filter: ".*", Namespace: "file"}, func(a api.OnLoadArgs) (api.OnLoadResult, error) { return loadSent(m.Sent, a) })
		}
	}}
}

// ownResolver marks what the plugin asks esbuild to resolve.
const ownResolver = "esbuild's own"

func isRelative(path string) bool {
	return path == "." || path == ".." || strings.HasPrefix(path, "./") || strings.HasPrefix(path, "../")
}

// isPackage says whether a path names a package, or Node.js' own: no file, no URL. A package imports parts of its own
// by names that begin with a hash sign.
func isPackage(path string) bool {
	return path != "" && !strings.HasPrefix(path, "/") && !isRelative(path) && (strings.HasPrefix(path, nodePrefix) || !strings.ContainsAny(path, `:\`))
}

const nodePrefix = "node:"

// isNodePart says whether a path names what Node.js brings, with or without its prefix.
func isNodePart(path string) bool {
	name, _, _ := strings.Cut(strings.TrimPrefix(path, nodePrefix), "/")
	return strings.HasPrefix(path, nodePrefix) || nodeParts[name] && !strings.HasSuffix(path, "/")
}

// resolvePackage looks for a package in the node_modules directories beside the importing file and above it. A name
// that is also a part of Node.js may be a package that stands in for it.
func resolvePackage(b api.PluginBuild, a api.OnResolveArgs) (api.OnResolveResult, error) {
	if !strings.HasPrefix(a.Path, nodePrefix) {
		found := b.Resolve(a.Path, api.ResolveOptions{
			Importer: a.Importer, Namespace: a.Namespace, ResolveDir: a.ResolveDir, Kind: a.Kind, PluginData: ownResolver, With: a.With,
		})
		if len(found.Errors) == 0 {
			return api.OnResolveResult{
				Path: found.Path, Namespace: found.Namespace, Suffix: found.Suffix, SideEffects: sideEffects(found.SideEffects),
			}, nil
		}
	}
	if isNodePart(a.Path) {
		return refuse("cannot import " + quote(a.Path) + ", a part of Node.js: derivations run without it, they have neither files nor network nor timers")
	}
	return refuse("cannot import " + quote(a.Path) + ": no node_modules directory beside the module or above it holds it, or the package does not export it; " + importHint)
}

// withoutVersion takes the version out of a package's name, which may be followed by a path.
func withoutVersion(name string) string {
	at := strings.Index(strings.TrimPrefix(name, "@"), "@")
	if at < 0 {
		return name
	}
	at += len(name) - len(strings.TrimPrefix(name, "@"))
	rest := ""
	if i := strings.Index(name[at:], "/"); i >= 0 {
		rest = name[at+i:]
	}
	return name[:at] + rest
}

func sideEffects(has bool) api.SideEffects {
	if has {
		return api.SideEffectsTrue
	}
	return api.SideEffectsFalse
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
