// Package ext stands in for the extension point of Traefik's dynamic configuration,
// which lives in Traefik's own repository outside of its published module.
package ext

// HTTP extends the HTTP configuration; there are no extensions here.
type HTTP struct{}

// Router extends the configuration of a router; there are no extensions here.
type Router struct{}
