package services

import (
	"context"

	"example.com/prefab/services/passwords"
	"example.com/prefab/services/problem"
)

// ByEmail returns a user by address, or ErrNoUser.
func (s *Users) ByEmail(ctx context.Context, email string) (User, error) {
	if email = normalEmail(email); !validEmail(email) {
		return User{}, ErrNoUser
	}
	return s.store.ByEmail(ctx, email)
}

// List returns at most limit users with higher ids, in the order of the ids.
func (s *Users) List(ctx context.Context, afterID int64, limit int) ([]User, error) {
	return s.store.List(ctx, afterID, limit)
}

// SetRole gives a user another role. It holds from the next request.
func (s *Users) SetRole(ctx context.Context, id int64, role Role) (User, error) {
	var r problem.Rules
	checkRole(&r, role)
	if err := r.Err(); err != nil {
		return User{}, err
	}
	return s.store.SetRole(ctx, id, role)
}

// SetPassword replaces a user's password, which ends all sessions and tokens of the user.
func (s *Users) SetPassword(ctx context.Context, id int64, password string) (User, error) {
	return s.setPassword(ctx, id, 0, password)
}

func (s *Users) setPassword(ctx context.Context, id, version int64, password string) (User, error) {
	hash, err := s.hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	return s.store.SetPassword(ctx, id, version, hash)
}

// EndSessions signs a user out everywhere: all sessions and tokens end.
func (s *Users) EndSessions(ctx context.Context, id int64) (User, error) {
	return s.store.EndSessions(ctx, id)
}

// Remove deletes a user, with all that is the user's. All sessions and tokens end.
func (s *Users) Remove(ctx context.Context, id int64) error { return s.store.Delete(ctx, id, 0) }

// hash returns the hash of a new password, which must keep the rule.
func (s *Users) hash(ctx context.Context, password string) (string, error) {
	var r problem.Rules
	checkPassword(&r, password)
	if err := r.Err(); err != nil {
		return "", err
	}
	return s.passwords.Hash(ctx, password)
}

func checkPassword(r *problem.Rules, password string) {
	r.Text("password", password, passwords.MinLength, passwords.MaxLength)
}

func checkRole(r *problem.Rules, role Role) {
	r.Check(role == Member || role == Admin, "role", "must be member or admin")
}
