package derive

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir/catalog"
	"weir/fault"
)

// CheckerVariable names the environment variable that may say where the TypeScript compiler is.
const CheckerVariable = "WEIR_TSC"

const (
	checkerMajor   = 5               // the first version that knows all options that are used
	checkerTimeout = 2 * time.Minute // of one check
	maxTypeErrors  = 100             // that one check reports
)

// CheckTypes has a TypeScript compiler check the modules of a catalog in the directory root, with the types of its
// collections: those in TypeScript, and those in JavaScript that say `// @ts-check`. The error is catalog.Errors with
// every fault, at the author's lines. Where there is no compiler nothing is checked, and notice says so.
//
// The compiler is the one that WEIR_TSC names, one in a node_modules directory beside the catalog or above it, or one on
// the PATH.
func CheckTypes(ctx context.Context, c *catalog.Catalog, root string) (notice string, err error) {
	modules, err := checkedModules(c)
	if err != nil || len(modules) == 0 {
		return "", err
	}
	k, why, err := findChecker(ctx, root)
	if err != nil || k == nil {
		return why, err
	}
	return "", k.check(ctx, c, modules)
}

// checker is a TypeScript compiler: tsgo, or tsc of the npm package typescript.
type checker struct{ path, version string }

// findChecker finds the compiler. It is nil when there is none, and why says what was looked for. A compiler that the
// environment names and that does not run is an error.
func findChecker(ctx context.Context, root string) (k *checker, why string, err error) {
	if named := os.Getenv(CheckerVariable); named != "" {
		if k, err = newChecker(ctx, named); err != nil {
			return nil, "", fmt.Errorf("%s: %w", CheckerVariable, err)
		}
		return k, "", nil
	}
	reasons := []string{"types of modules are not checked: there is no tsgo or tsc in a node_modules directory beside the catalog or on the PATH, and " + CheckerVariable + " names none"}
	for _, candidate := range checkerCandidates(root) {
		k, err := newChecker(ctx, candidate)
		if err == nil {
			return k, "", nil
		}
		if ctx.Err() != nil {
			return nil, "", ctx.Err()
		}
		reasons = append(reasons, err.Error())
	}
	return nil, strings.Join(reasons, "; "), nil
}

func checkerCandidates(root string) []string {
	var all []string
	for dir := root; ; dir = filepath.Dir(dir) {
		for _, name := range []string{"tsgo", "tsc"} {
			file := filepath.Join(dir, "node_modules", ".bin", name)
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
				all = append(all, file)
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	for _, name := range []string{"tsgo", "tsc"} {
		if file, err := exec.LookPath(name); err == nil {
			all = append(all, file)
		}
	}
	return all
}

var checkerVersion = regexp.MustCompile(`^Version (\d+)\.\S+`)

func newChecker(ctx context.Context, file string) (*checker, error) {
	ctx, cancel := context.WithTimeout(ctx, checkerTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, file, "--version").Output() //nolint:gosec // the user's own compiler
	if err != nil {
		return nil, fmt.Errorf("%s --version: %w", file, err)
	}
	version := strings.TrimSpace(string(out))
	m := checkerVersion.FindStringSubmatch(version)
	if m == nil {
		return nil, fmt.Errorf("%s is no TypeScript compiler: its version is %s", file, excerpt(oneLine(version), 100))
	}
	if major, err := strconv.Atoi(m[1]); err != nil || major < checkerMajor {
		return nil, fmt.Errorf("%s is of %s: version %d or newer is needed", file, strings.ToLower(version), checkerMajor)
	}
	return &checker{path: file, version: strings.TrimPrefix(m[0], "Version ")}, nil
}

// checkedModule is a module as the compiler sees it.
type checkedModule struct {
	file       string // absolute
	module     *catalog.Module
	name       string // of the file, in messages
	collection string
}

// check runs the compiler on a project in a directory of its own, so that neither the author's files nor their
// settings are touched.
func (k *checker) check(ctx context.Context, c *catalog.Catalog, modules []checkedModule) error {
	dir, err := os.MkdirTemp("", "weir-types-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	if err := writeProject(dir, c, modules); err != nil {
		return err
	}
	return k.run(ctx, dir, modules)
}

// run has the compiler check the project in a directory.
func (k *checker) run(ctx context.Context, dir string, modules []checkedModule) error {
	ctx, cancel := context.WithTimeout(ctx, checkerTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, k.path, "--project", filepath.Join(dir, ProjectFile), "--pretty", "false") //nolint:gosec // the user's own compiler
	command.Dir = dir
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if ctx.Err() != nil {
		return fmt.Errorf("type check by %s: %w", k.path, ctx.Err())
	}
	faults := parseDiagnostics(stdout.Bytes(), dir, modules)
	var exit *exec.ExitError
	switch {
	case len(faults) > 0:
		return faults
	case errors.As(err, &exit):
		return fmt.Errorf("type check by %s: %w: %s", k.path, err, excerpt(oneLine(stdout.String()+" "+stderr.String()), maxMessage))
	case err != nil:
		return fmt.Errorf("type check by %s: %w", k.path, err)
	}
	return nil
}

// checkedModules are the modules of a catalog that ask to be checked.
func checkedModules(c *catalog.Catalog) ([]checkedModule, error) {
	var modules []checkedModule
	for _, name := range slices.Sorted(maps.Keys(c.Collections)) {
		m, typescript := moduleOf(c.Collections[name])
		if m == nil {
			continue
		}
		checked := checkedModule{module: m, name: moduleName(m, typescript), collection: name}
		text := []byte(m.Inline)
		if m.Path != "" {
			var err error
			if checked.file, err = filepath.EvalSymlinks(m.Path); err != nil {
				return nil, err
			}
			if text, err = os.ReadFile(checked.file); err != nil {
				return nil, err
			}
		}
		if typescript || bytes.Contains(text, []byte("@ts-check")) {
			modules = append(modules, checked)
		}
	}
	return modules, nil
}

// writeProject writes a project of the modules and the catalog's types, and gives inline modules files there.
func writeProject(dir string, c *catalog.Catalog, modules []checkedModule) error {
	files, err := Declarations(c)
	if err != nil {
		return err
	}
	project := typeScriptProject{Options: compilerOptions(), Files: []string{globalTypes}}
	for i := range modules {
		m := &modules[i]
		if m.module.Path == "" {
			inline := fmt.Sprintf("inline/%d%s", i, path.Ext(m.name))
			files[inline] = m.module.Inline
			m.file = filepath.Join(dir, filepath.FromSlash(inline))
		}
		project.Files = append(project.Files, m.file)
	}
	config, err := json.Marshal(project)
	if err != nil {
		return err
	}
	files[ProjectFile] = string(config)
	return WriteDeclarations(dir, files)
}

// moduleOf is the module of a derivation, nil when it has none.
func moduleOf(spec *catalog.Collection) (m *catalog.Module, typescript bool) {
	if spec.Derive == nil {
		return nil, false
	}
	if m := spec.Derive.Using.TypeScript; m != nil {
		return m, true
	}
	return spec.Derive.Using.JavaScript, false
}

// WriteDeclarations writes files by their names with slashes below a directory.
func WriteDeclarations(dir string, files map[string]string) error {
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // sources, for whoever reads the catalog
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // the same
			return err
		}
	}
	return nil
}

// diagnostic matches a message of the compiler, after which lines of detail are indented.
var diagnostic = regexp.MustCompile(`^(.+)\((\d+),(\d+)\): error (TS\d+: .*)$`)

// parseDiagnostics makes errors of what the compiler prints. File names are relative to dir.
func parseDiagnostics(output []byte, dir string, modules []checkedModule) catalog.Errors {
	var faults catalog.Errors
	lines := bufio.NewScanner(bytes.NewReader(output))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if strings.HasPrefix(line, "  ") && len(faults) > 0 {
			last := &faults[len(faults)-1]
			last.Message = excerpt(last.Message+" "+strings.TrimSpace(line), maxMessage)
			continue
		}
		m := diagnostic.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if len(faults) == maxTypeErrors {
			return append(faults, catalog.Error{Code: fault.TooManyFaults, File: faults[0].File, Line: 1, Column: 1, Message: fmt.Sprintf("there are more type errors than these %d", maxTypeErrors)})
		}
		row, _ := strconv.Atoi(m[2])
		column, _ := strconv.Atoi(m[3])
		file := filepath.FromSlash(m[1])
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		found := catalog.Error{Code: fault.TypeCheck, Line: row, Column: column, Message: m[4]}
		found.File, found.Hint = authorsFile(file, modules)
		faults = append(faults, found)
	}
	return faults
}

// authorsFile names a file as the catalog does, with a hint to whose module it is.
func authorsFile(file string, modules []checkedModule) (name, hint string) {
	for _, m := range modules {
		if m.file == file {
			return m.name, "module of " + m.collection
		}
	}
	for _, m := range modules {
		if m.module.Path == "" {
			continue
		}
		if relative, err := filepath.Rel(filepath.Dir(m.file), file); err == nil {
			return path.Join(path.Dir(m.module.File), filepath.ToSlash(relative)), ""
		}
	}
	return filepath.Base(file), ""
}
