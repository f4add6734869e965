// Package syscall stands in for tables that only interpreted plugins need.
package syscall

import "reflect"

// Symbols has none.
var Symbols = map[string]map[string]reflect.Value{}
