package services_test

import (
	"testing"

	"example.com/prefab/services"
)

func TestUserFrom_TellsNobodyFromSomebody(t *testing.T) {
	if u, ok := services.UserFrom(t.Context()); ok || u != (services.User{}) || u.IsAdmin() {
		t.Errorf("nobody is %+v", u)
	}
	admin := services.User{ID: 1, Role: services.Admin}
	if u, ok := services.UserFrom(services.WithUser(t.Context(), admin)); !ok || u != admin || !u.IsAdmin() {
		t.Errorf("the admin is %+v", u)
	}
}
