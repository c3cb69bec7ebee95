package handlers

import (
	"github.com/gofiber/fiber/v2"

	"example.com/prefab/handlers/openapi"
	"example.com/prefab/services"
)

func accountsAPI() openapi.Group {
	const (
		path  = "/api/v1/account"
		later = "A mail follows. The answer is the same whether the address is known or not."
	)
	email, name := new("ada@example.com"), new("Ada")
	password, token := new("a long enough password"), new("TOKENOFTHELINKINTHEMAIL234")
	user := services.User{ID: 1, Email: *email, Name: *name, Role: services.Member}
	return openapi.Group{Tag: "account", Description: "The signed-in user's account.", Operations: []openapi.Operation{
		{
			ID: "signUp", Method: "POST", Path: path, Summary: "Ask for an account", Status: fiber.StatusAccepted, Says: later,
			Description: "The link in the mail leads to a form for the password, which makes the account. 403 if the service " +
				"takes no new users by itself.",
			Body: services.SignUpFields{Email: email, Name: name}, Errors: map[int]string{429: ""},
		},
		{
			ID: "requestReset", Method: "POST", Path: path + "/reset", Summary: "Ask for a link to reset the password",
			Status: fiber.StatusAccepted, Says: later, Body: services.EmailFields{Email: email}, Errors: map[int]string{429: ""},
		},
		{
			ID: "completeAccount", Method: "POST", Path: path + "/password", Summary: "Set the password by a link",
			Description: "Completes a sign-up or a reset, and signs in. A link works once; after a reset all other sessions " +
				"end.",
			Body: completion{token, password}, Status: fiber.StatusOK, Answer: user,
			Says:    "The user; the session is in the cookie.",
			Headers: []string{"Set-Cookie"},
			Errors: map[int]string{
				404: "The link was used, or is over.", 409: "There is a user with that e-mail address already.",
			},
		},
		{
			ID: "changePassword", Method: "PUT", Path: path + "/password", Summary: "Change the password",
			Guard:       openapi.Session,
			Description: "All sessions and tokens end, except the session of this request.", Headers: []string{"Set-Cookie"},
			Body: services.PasswordChange{CurrentPassword: password, Password: password}, Answer: user, Says: "The user.",
			Errors: map[int]string{429: ""},
		},
		{
			ID: "requestEmail", Method: "POST", Path: path + "/email", Summary: "Ask for another e-mail address",
			Guard: openapi.Session, Status: fiber.StatusAccepted, Says: later,
			Body: services.EmailChange{CurrentPassword: password, Email: email}, Errors: map[int]string{429: ""},
		},
		{
			ID: "confirmEmail", Method: "PUT", Path: path + "/email", Summary: "Change the e-mail address by a link",
			Description: "All sessions and tokens end, except the session of this request. The old address gets a mail.",
			Body:        linkToken{token}, Answer: user, Says: "The user.",
			Errors: map[int]string{
				404: "The link was used, or is over.", 409: "There is a user with that e-mail address already.",
			},
		},
		{
			ID: "deleteAccount", Method: "DELETE", Path: path, Summary: "Delete the account", Guard: openapi.Session,
			Description: "With all that is the user's.", Body: services.Deletion{CurrentPassword: password},
			Errors: map[int]string{429: ""},
		},
		{
			ID: "endSessions", Method: "DELETE", Path: "/api/v1/sessions", Summary: "Sign out everywhere",
			Guard:       openapi.Session,
			Description: "All sessions and tokens end.",
		},
	}}
}
