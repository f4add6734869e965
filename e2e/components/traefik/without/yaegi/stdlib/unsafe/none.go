// Package unsafe stands in for tables that only interpreted plugins need.
package unsafe

import "reflect"

// Symbols has none.
var Symbols = map[string]map[string]reflect.Value{}
