package seed

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

const maxReviews = 12

type review struct {
	userID    int64
	rating    int64
	body      string
	createdAt time.Time
}

// ratings is drawn from: whoever writes is mostly content.
var ratings = []int64{5, 5, 5, 5, 5, 5, 5, 5, 5, 4, 4, 4, 4, 4, 4, 3, 3, 3, 2, 1}

// reviews returns none for some products, a few for most, in order of time, by
// different people.
func (g generator) reviews(rng *rand.Rand, i item, after, until time.Time) []review {
	n := min(int(rng.ExpFloat64()*2.6), maxReviews)
	// A product that was taken back at once had no time to be reviewed.
	if n == 0 || until.Sub(after) < time.Minute {
		return nil
	}
	reviews := make([]review, n)
	for k, reviewer := range rng.Perm(len(g.reviewerIDs))[:n] {
		rating := pick(rng, ratings)
		reviews[k] = review{
			userID:    g.reviewerIDs[reviewer],
			rating:    rating,
			body:      opinion(rng, rating, i),
			createdAt: between(rng, after, until),
		}
	}
	slices.SortStableFunc(reviews, func(a, b review) int { return a.createdAt.Compare(b.createdAt) })
	return reviews
}

// opinion is a verdict, and for most a reason.
func opinion(rng *rand.Rand, rating int64, i item) string {
	body := pick(rng, verdicts[rating])
	if rng.IntN(10) < 7 {
		body += " " + pick(rng, reasons[rating])
	}
	return strings.ReplaceAll(body, "{item}", i.inText())
}

// The texts by rating; there is none for 0.
var verdicts = [6][]string{
	1: {
		"Sadly this one went straight back.", "Not what I was hoping for at all.",
		"The {item} failed within a fortnight.", "I would not buy this {item} again.",
		"Arrived damaged, and the replacement was no better.",
	},
	2: {
		"Looks better in the pictures than it does here.", "It works, just about.",
		"I expected more from a {item} at this price.", "Disappointing after a good start.",
		"The idea is fine, the making of it is not.",
	},
	3: {
		"Does the job, no more and no less.", "A decent {item}, with a few rough edges.",
		"Fair for what it costs.", "Some good points, some bad ones.",
		"I am in two minds about this {item}.", "Fine for occasional use.",
	},
	4: {
		"A very good {item}, with one small grumble.", "Nicely made and good to use.",
		"Better than I expected at this price.", "Glad I bought it.",
		"Solid choice, would recommend.", "Close to perfect for what I need.",
		"This {item} has earned its place here.",
	},
	5: {
		"Exactly what I was looking for.", "The best {item} I have owned.",
		"Bought one, then came back for a second.", "Beautifully made, and a pleasure to use.",
		"I have recommended this {item} to everyone.", "Months in, and still like new.",
		"Could not be happier with it.", "Worth every penny.",
	},
}

var reasons = [6][]string{
	1: {
		"Support were polite, but could not help.", "A part was missing and the rest did not fit.",
		"It feels far cheaper than it is.", "Save your money.",
	},
	2: {
		"The finish was already wearing after a month.", "Returning it would have been too much trouble.",
		"The size given is rather generous.", "My old one, half the price, was sturdier.",
	},
	3: {
		"Delivery took longer than promised.", "The colour is a shade off from the photo.",
		"I would look around before buying again.", "It took some getting used to.",
		"The instructions could be clearer.",
	},
	4: {
		"Only the packaging was over the top.", "One star off because the colour I wanted was gone.",
		"It arrived two days early, too.", "It could be a little lighter.",
		"After three months of use there is nothing to complain about.",
	},
	5: {
		"Delivered quickly and packed with care.", "You notice that somebody has thought about the details.",
		"My sister has ordered the same one.", "We use it every single day.",
		"It looks even better than in the photos.", "A lovely present, if you can part with it.",
	},
}
