package sqlite

import (
	"slices"
	"strings"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// mode is whose statements are prepared.
type mode uint8

const (
	trusted   mode = iota // Weir's own
	migrating             // a migration
	deriving              // a lambda
)

// guard says which statements may run. State must lie in the database and in
// nothing else: what a restart would lose, or what would leave the database,
// is refused when it is prepared.
type guard struct {
	mode       mode
	denied     string          // why the last statement was refused
	savepoints []savepointStep // of the statement that is prepared
}

// savepointStep is one SAVEPOINT, RELEASE or ROLLBACK TO.
type savepointStep struct{ operation, name string }

// ownTable is where the applied migrations stand.
const ownTable = "weir_migrations"

// readingPragmas change nothing.
var readingPragmas = []string{
	"collation_list", "compile_options", "foreign_key_check", "foreign_key_list", "function_list", "index_info", "index_list",
	"index_xinfo", "integrity_check", "quick_check", "table_info", "table_list", "table_xinfo",
}

// authorize is called by SQLite while it prepares a statement.
func authorize(_ *libc.TLS, self uintptr, action int32, first, second, _, _ uintptr) int32 {
	g := &at[conn](self).guard
	if g.mode == trusted {
		return lib.SQLITE_OK
	}
	if why := g.refuse(action, libc.GoString(first), libc.GoString(second)); why != "" {
		if g.denied == "" {
			g.denied = why
		}
		return lib.SQLITE_DENY
	}
	return lib.SQLITE_OK
}

// refuse says why an action is not allowed, "" when it is.
func (g *guard) refuse(action int32, first, second string) string {
	switch action {
	case lib.SQLITE_SELECT, lib.SQLITE_RECURSIVE, lib.SQLITE_READ:
		return ""
	case lib.SQLITE_INSERT, lib.SQLITE_UPDATE, lib.SQLITE_DELETE:
		if strings.EqualFold(first, ownTable) {
			return ownTable + " is Weir's own table: it cannot be written"
		}
		return ""
	case lib.SQLITE_FUNCTION:
		if strings.EqualFold(second, "load_extension") {
			return "load_extension is not allowed: a derivation sees its database and nothing else"
		}
		return ""
	case lib.SQLITE_SAVEPOINT:
		g.savepoints = append(g.savepoints, savepointStep{first, strings.ToLower(second)})
		return ""
	case lib.SQLITE_TRANSACTION:
		return first + " is not allowed: a document is processed within a transaction of Weir's; savepoints are allowed"
	case lib.SQLITE_ATTACH, lib.SQLITE_DETACH:
		return "other databases cannot be attached: a derivation sees its own and nothing else"
	case lib.SQLITE_PRAGMA:
		if slices.Contains(readingPragmas, strings.ToLower(first)) {
			return ""
		}
		return "PRAGMA " + first + " is not allowed: Weir sets the database up"
	case lib.SQLITE_CREATE_TEMP_TABLE, lib.SQLITE_CREATE_TEMP_VIEW, lib.SQLITE_CREATE_TEMP_INDEX, lib.SQLITE_CREATE_TEMP_TRIGGER,
		lib.SQLITE_DROP_TEMP_TABLE, lib.SQLITE_DROP_TEMP_VIEW, lib.SQLITE_DROP_TEMP_INDEX, lib.SQLITE_DROP_TEMP_TRIGGER:
		return "what is temporary does not survive a restart: make a table with a migration"
	}
	if g.mode == migrating {
		if strings.EqualFold(first, ownTable) || strings.EqualFold(second, ownTable) {
			return ownTable + " is Weir's own table"
		}
		return ""
	}
	return "a lambda cannot change the tables themselves: write it as a migration"
}
