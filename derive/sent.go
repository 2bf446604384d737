package derive

import (
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// endings are those that the name of an imported file may leave out, in esbuild's order.
var endings = []string{"", ".tsx", ".ts", ".jsx", ".js", ".json"}

// compiledFrom are endings of TypeScript files that are imported by what they are compiled to.
var compiledFrom = map[string][]string{".js": {".ts", ".tsx"}, ".jsx": {".ts", ".tsx"}, ".mjs": {".mts"}, ".cjs": {".cts"}}

// resolveSent finds what a module imports among the files that were sent with it, as esbuild would on disk.
func resolveSent(files map[string]string, a api.OnResolveArgs) (api.OnResolveResult, error) {
	if !isRelative(a.Path) {
		return refuse("cannot import " + quote(a.Path) + ": packages do not come with a catalog that is sent: import a relative file that holds it, or publish the catalog with `weir publish`")
	}
	path := filepath.Join(filepath.Dir(a.Importer), filepath.FromSlash(a.Path))
	for _, base := range []string{path, filepath.Join(path, "index")} {
		for _, candidate := range candidates(base) {
			if _, ok := files[candidate]; ok {
				return api.OnResolveResult{Path: candidate}, nil
			}
		}
	}
	return refuse("cannot import " + quote(a.Path) + ": it is not among the files that were sent")
}

func candidates(path string) []string {
	var all []string
	for _, ending := range endings {
		all = append(all, path+ending)
	}
	ending := filepath.Ext(path)
	for _, other := range compiledFrom[ending] {
		all = append(all, strings.TrimSuffix(path, ending)+other)
	}
	return all
}

// loadSent gives a file that was sent, and nothing of the machine's.
func loadSent(files map[string]string, a api.OnLoadArgs) (api.OnLoadResult, error) {
	text, ok := files[a.Path]
	if !ok {
		return api.OnLoadResult{Errors: []api.Message{{Text: "it is not among the files that were sent"}}}, nil
	}
	return api.OnLoadResult{Contents: &text, Loader: api.LoaderDefault}, nil
}
