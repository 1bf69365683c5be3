package rpc

import typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"

// PlantRule gives a method a rule that its proto does not have, to see the tests bite.
func (s *Server) PlantRule(method string, public bool, roles []typev1.Role, services []string) {
	s.methods[method].rule = rule{public: public, roles: roles, services: services}
}

// HandOver is what gives a handler's response to a caller in the same process.
var HandOver = handOver
