// Package stdlib stands in for tables that only interpreted plugins need.
package stdlib

import "reflect"

// Symbols has none.
var Symbols = map[string]map[string]reflect.Value{}
