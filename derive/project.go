package derive

import (
	"encoding/json"
	"strings"
)

// typeScriptProject is a tsconfig.json.
type typeScriptProject struct {
	Options options  `json:"compilerOptions"`
	Files   []string `json:"files"`
	Include []string `json:"include,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
}

// options are what modules are checked with: what the bundler and the engine take.
type options struct {
	Target                     string   `json:"target"`
	Lib                        []string `json:"lib"`
	Module                     string   `json:"module"`
	ModuleResolution           string   `json:"moduleResolution"`
	Types                      []string `json:"types"` // none: nothing of Node.js is there
	Paths                      paths    `json:"paths"`
	Strict                     bool     `json:"strict"`
	NoImplicitAny              bool     `json:"noImplicitAny"` // false: what is not annotated is not checked
	AllowJS                    bool     `json:"allowJs"`       // those with `// @ts-check` are checked
	CheckJS                    bool     `json:"checkJs"`
	ResolveJSONModule          bool     `json:"resolveJsonModule"`
	AllowImportingTSExtensions bool     `json:"allowImportingTsExtensions"`
	SkipLibCheck               bool     `json:"skipLibCheck"`
	NoEmit                     bool     `json:"noEmit"`
}

// paths say where the modules of types lie. Of two patterns that fit the first one counts.
type paths struct {
	WithExtension []string `json:"flow/*.ts"`
	Without       []string `json:"flow/*"`
}

func compilerOptions() options {
	declarations := []string{"./" + typesDir + "/*.d.ts"}
	return options{
		Target: "es2022", Lib: []string{"es2023"}, Module: "esnext", ModuleResolution: "bundler", Types: []string{},
		Paths:  paths{declarations, declarations},
		Strict: true, AllowJS: true, ResolveJSONModule: true, AllowImportingTSExtensions: true, SkipLibCheck: true, NoEmit: true,
	}
}

// ProjectFile is the name of the settings for editors, in the directory of declarations: a project of all modules
// beside and below that directory, which a tsconfig.json there extends.
const ProjectFile = "tsconfig.json"

// EditorProject is the text of ProjectFile.
func EditorProject() (string, error) {
	p := typeScriptProject{Options: compilerOptions(), Files: []string{globalTypes}, Include: []string{"../**/*"}, Exclude: []string{"../**/node_modules"}}
	var b strings.Builder
	b.WriteString(Generated)
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(p)
	return b.String(), err
}
