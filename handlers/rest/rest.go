// Package rest holds what handlers of a JSON API have in common. It promises that no
// wrong input reaches a service unnoticed: a body, a query and an id are read whole
// or refused by an error that names every wrong field; and that every error becomes an
// RFC 9457 problem that shows nothing of the inside.
//
//	app := fiber.New(fiber.Config{ErrorHandler: rest.ErrorHandler(log, nil, rest.ErrorFormat{})})
//	app.Patch("/lamps/:id", rest.ByID(func(c *fiber.Ctx, id int64) error {
//		version, err := rest.IfMatch(c, errStaleLamp) // of the ETag that the client has read
//		if err != nil {
//			return err
//		}
//		var fields LampFields
//		if err := rest.DecodePatch(c, &fields, "note"); err != nil { // only the note may be null
//			return err
//		}
//		lamp, err := lamps.Update(c.UserContext(), id, version, fields)
//		if err != nil {
//			return err
//		}
//		return rest.SendVersioned(c, lamp.Version, lamp)
//	}))
package rest
