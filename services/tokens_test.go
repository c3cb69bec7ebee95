package services_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"example.com/prefab/services"
	"example.com/prefab/services/problem"
)

// keptTokens is a store of one token.
type keptTokens struct {
	services.TokenStore
	token services.Token
	asked int
	used  [][]int64
}

func (k *keptTokens) Create(_ context.Context, t services.Token) (services.Token, error) {
	t.ID = 7
	k.token = t
	return t, nil
}

func (k *keptTokens) Find(_ context.Context, hash string) (services.Token, error) {
	if k.asked++; k.token.Hash != hash {
		return services.Token{}, services.ErrNoToken
	}
	return k.token, nil
}

func (k *keptTokens) SetUsed(_ context.Context, ids []int64, _ time.Time) error {
	k.used = append(k.used, ids)
	return nil
}

// owners is a store of one user.
type owners struct {
	services.UserStore
	user services.User
	err  error
}

func (o *owners) Get(context.Context, int64) (services.User, error) { return o.user, o.err }

func newTokens() (*keptTokens, *owners, *services.Tokens) {
	store := new(keptTokens)
	users := &owners{user: services.User{ID: 1, Role: services.Admin, CredentialsVersion: 3}}
	return store, users, services.NewTokens(store, services.NewUsers(users, nil, nil))
}

func tokenFields(scope services.Scope, days int64) services.TokenFields {
	return services.TokenFields{Name: new("import"), Scope: new(string(scope)), ExpiresInDays: &days}
}

func TestTokens_EndAtTheirExpiryToTheMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, users, tokens := newTokens()
		made, err := tokens.Create(t.Context(), users.user, tokenFields(services.ScopeRead, 1))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(made.ExpiresAt) - time.Nanosecond)
		if _, token, err := tokens.Authenticate(t.Context(), made.Secret); err != nil || token.ID != made.ID {
			t.Errorf("just before: %+v, error %v", token, err)
		}
		time.Sleep(time.Nanosecond)
		if _, _, err := tokens.Authenticate(t.Context(), made.Secret); !errors.Is(err, services.ErrBadToken) {
			t.Errorf("at its end: error %v", err)
		}
	})
}

func TestTokens_EndWithTheirUsersCredentials(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*owners)
		want   error
	}{
		"a new password":       {func(o *owners) { o.user.CredentialsVersion++ }, services.ErrBadToken},
		"the user was removed": {func(o *owners) { o.err = services.ErrNoUser }, services.ErrBadToken},
		"the store is away":    {func(o *owners) { o.err = problem.ErrUnavailable }, problem.ErrUnavailable},
		"nothing happened":     {func(*owners) {}, nil},
	} {
		_, users, tokens := newTokens()
		made, err := tokens.Create(t.Context(), users.user, tokenFields(services.ScopeRead, 365))
		if err != nil {
			t.Fatal(err)
		}
		c.change(users)
		if user, _, err := tokens.Authenticate(t.Context(), made.Secret); !errors.Is(err, c.want) || err != nil && user.ID != 0 {
			t.Errorf("%s: %+v, error %v", what, user, err)
		}
	}
}

func TestTokens_GarbageCostsNoLookUpAndAnUnknownOneJustOne(t *testing.T) {
	store, users, tokens := newTokens()
	made, err := tokens.Create(t.Context(), users.user, tokenFields(services.ScopeRead, 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{
		"", "prefab_", made.Secret[:len(made.Secret)-1], made.Secret + "A", strings.ToLower(made.Secret), "_" + made.Secret[1:],
		made.Secret[:20] + "!" + made.Secret[21:], strings.Repeat("A", 100_000), "prefab_" + strings.Repeat("\xff", 26), made.Hash,
	} {
		if _, _, err := tokens.Authenticate(t.Context(), secret); !errors.Is(err, services.ErrBadToken) {
			t.Errorf("%.50q: %v", secret, err)
		}
	}
	if store.asked != 0 {
		t.Errorf("the store was asked %d times", store.asked)
	}
	_, _, err = tokens.Authenticate(t.Context(), "prefab_ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	if !errors.Is(err, services.ErrBadToken) || store.asked != 1 {
		t.Errorf("error %v, %d look-ups", err, store.asked)
	}
}

func TestTokens_AreMadeByRule(t *testing.T) {
	store, users, tokens := newTokens()
	made, err := tokens.Create(t.Context(), users.user, tokenFields(services.ScopeAdmin, 90))
	if err != nil || made.UserID != 1 || made.CredentialsVersion != 3 || made.Scope != services.ScopeAdmin ||
		!strings.HasPrefix(made.Secret, "prefab_") || strings.Contains(store.token.Hash, made.Secret) || len(store.token.Hash) != 64 {
		t.Errorf("got %+v, error %v", made, err)
	}
	if left := time.Until(made.ExpiresAt); left > 90*24*time.Hour || left < 90*24*time.Hour-time.Minute {
		t.Errorf("it expires in %v", left)
	}
	other, _ := tokens.Create(t.Context(), users.user, tokenFields(services.ScopeAdmin, 90))
	if other.Secret == made.Secret {
		t.Error("two tokens are equal")
	}
	member := services.User{ID: 2, Role: services.Member}
	for field, f := range map[string]services.TokenFields{
		"scope":         tokenFields(services.ScopeAdmin, 1),
		"expiresInDays": tokenFields(services.ScopeRead, 366),
		"name":          {Name: new(""), Scope: new("read"), ExpiresInDays: new(int64(1))},
	} {
		_, err := tokens.Create(t.Context(), member, f)
		if e, ok := errors.AsType[*problem.Error](err); !ok || len(e.Fields) != 1 || e.Fields[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	_, err = tokens.Create(t.Context(), member, services.TokenFields{})
	if e, ok := errors.AsType[*problem.Error](err); !ok || len(e.Fields) != 3 {
		t.Errorf("nothing given: %v", err)
	}
}

func TestScope_IncludesNarrowerOnes(t *testing.T) {
	all := []services.Scope{services.ScopeRead, services.ScopeWrite, services.ScopeAdmin}
	for i, scope := range all {
		for j, needed := range all {
			if scope.Includes(needed) != (i >= j) {
				t.Errorf("%s includes %s: %v", scope, needed, scope.Includes(needed))
			}
		}
		if services.Scope("").Includes(scope) || services.Scope("root").Includes(scope) {
			t.Errorf("an unknown scope includes %s", scope)
		}
	}
}

func TestTokens_UsesAreStoredTogetherAndLater(t *testing.T) {
	store, users, tokens := newTokens()
	made, err := tokens.Create(t.Context(), users.user, tokenFields(services.ScopeRead, 1))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, _, err := tokens.Authenticate(t.Context(), made.Secret); err != nil {
			t.Fatal(err)
		}
	}
	if len(store.used) > 0 {
		t.Errorf("a request stored %v", store.used)
	}
	for range 2 {
		if err := tokens.StoreUses(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(store.used) != 1 || !slices.Equal(store.used[0], []int64{7}) {
		t.Errorf("stored are %v", store.used)
	}
}
