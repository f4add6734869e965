// Package dns stands in for some 180 providers of DNS challenges and their SDKs: no certificate is asked for here.
package dns

import (
	"fmt"

	"github.com/go-acme/lego/v5/challenge"
)

// NewDNSChallengeProviderByName knows no provider.
func NewDNSChallengeProviderByName(name string) (challenge.Provider, error) {
	return nil, fmt.Errorf("built without DNS provider %s", name)
}
