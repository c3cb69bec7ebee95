package seed

var home = []department{
	{
		name: "Furniture",
		items: []item{
			{"Side Table", 79, 260}, {"Bookcase", 190, 720}, {"Dining Chair", 95, 320}, {"Writing Desk", 260, 980},
			{"Bedside Cabinet", 110, 380}, {"Coffee Table", 150, 590}, {"Bar Stool", 85, 240}, {"Hallway Bench", 130, 440},
			{"Sideboard", 390, 1400}, {"Coat Stand", 60, 180}, {"Dining Table", 420, 1900}, {"Wall Shelf", 35, 140},
		},
		traits:   []string{"Oak", "Walnut", "Ash", "Beech", "Birch", "Cherry", "Maple", "Reclaimed Pine"},
		variants: []string{"Natural", "Oiled", "White-Washed", "Smoked", "Black Stain", "Clear Lacquer"},
		about: []string{
			"A {item} with quiet lines that fits old rooms and new ones.",
			"This {item} is cut from solid timber and joined without visible screws.",
			"We wanted a {item} that outlives a few moves, so every joint is glued and pegged.",
			"Slim from the front, sturdy from the side: a {item} for everyday life.",
			"Drawn by a small workshop, this {item} leaves out all that it does not need.",
		},
		detail: []string{
			"The edges are rounded by hand.", "Adjustable feet make up for uneven floors.",
			"The grain differs from piece to piece.", "It comes in one parcel and goes together in a quarter of an hour.",
			"The timber is from managed forests.", "Felt pads for the floor are in the box.",
		},
		care: []string{
			"Wipe with a damp cloth and oil it once a year.", "Keep it out of strong sun for the first weeks.",
			"Spare fittings can be ordered for ten years.", "A coaster under hot cups keeps the surface fresh.",
		},
	},
	{
		name: "Lighting",
		items: []item{
			{"Table Lamp", 39, 190}, {"Floor Lamp", 89, 420}, {"Pendant Light", 55, 340}, {"Wall Light", 45, 210},
			{"Reading Lamp", 49, 180}, {"Desk Lamp", 42, 220}, {"Bedside Lamp", 29, 120}, {"Ceiling Light", 60, 360},
			{"Picture Light", 48, 160}, {"Clip Lamp", 19, 60}, {"Lantern", 25, 110},
		},
		traits:   []string{"Brass", "Opal Glass", "Smoked Glass", "Copper", "Brushed Steel", "Ceramic", "Ribbed Glass"},
		variants: []string{"Small", "Large", "Matt Black", "Ivory", "Sage Green", "Terracotta", "Ink Blue"},
		about: []string{
			"A {item} that gives warm light without dazzling anyone.",
			"This {item} throws a soft circle exactly where you need it.",
			"Switched off it is a fine object; switched on, this {item} changes the room.",
			"A {item} for long evenings and early mornings.",
			"Based on a workshop lamp of the fifties, this {item} suits a modern home.",
		},
		detail: []string{
			"The fabric cable is two metres long.", "It takes a standard screw-in bulb, which is included.",
			"It dims smoothly with any common dimmer.", "The shade turns and tilts.",
			"A weighted base keeps it upright.", "The switch is large enough to find in the dark.",
		},
		care: []string{
			"Dust with a dry cloth.", "Cable, socket and shade can each be replaced.",
			"For indoor use only.", "Two years of guarantee, five on the metal parts.",
		},
	},
	{
		name: "Kitchen",
		items: []item{
			{"Saucepan", 29, 140}, {"Frying Pan", 25, 130}, {"Sauté Pan", 45, 180}, {"Casserole", 59, 280},
			{"Stockpot", 49, 190}, {"Griddle", 32, 110}, {"Wok", 35, 120}, {"Roasting Pan", 30, 120},
			{"Milk Pan", 19, 70}, {"Crêpe Pan", 22, 75}, {"Paella Pan", 28, 95},
		},
		traits:   []string{"Cast Iron", "Enamelled", "Stainless Steel", "Carbon Steel", "Copper-Core", "Hammered"},
		variants: []string{"20 cm", "24 cm", "26 cm", "28 cm", "30 cm", "32 cm", "Two-Handled"},
		about: []string{
			"A {item} that heats evenly right up to the rim.",
			"The {item} that stays on the hob because you use it daily.",
			"Heavy enough to hold its heat, this {item} is light enough to lift.",
			"A {item} for cooks who would rather own one good thing.",
			"This {item} goes from the hob to the oven to the table.",
		},
		detail: []string{
			"Works on gas, electric and induction hobs.", "The handle stays cool and is riveted, not glued.",
			"The rim pours without a drip.", "Measuring marks are stamped on the inside.",
			"It is safe in the oven up to 250 °C.", "Stacks neatly with the rest of the range.",
		},
		care: []string{
			"Wash by hand and dry at once.", "Gets better the more it is used.",
			"Soak rather than scour when something has burnt.", "Guaranteed for twenty-five years in a home kitchen.",
		},
	},
	{
		name: "Bed & Bath",
		items: []item{
			{"Bath Towel", 18, 60}, {"Hand Towel", 9, 28}, {"Duvet Cover", 55, 220}, {"Pillowcase", 14, 48},
			{"Fitted Sheet", 32, 120}, {"Bathrobe", 59, 170}, {"Bedspread", 75, 260}, {"Bath Mat", 19, 60},
			{"Throw", 39, 150}, {"Cushion Cover", 15, 50},
		},
		traits:   []string{"Linen", "Washed Cotton", "Organic Cotton", "Waffle", "Cotton Muslin", "Linen-Blend", "Striped"},
		variants: []string{"White", "Oat", "Stone Grey", "Sea Blue", "Moss", "Rust", "Blush", "Charcoal"},
		about: []string{
			"A soft {item} that feels as if you had owned it for years.",
			"This {item} is woven slowly, on looms older than most of us.",
			"A {item} that dries fast and stays soft.",
			"Plain and generous in size: the {item} we missed everywhere else.",
			"This {item} keeps its colour through hundreds of washes.",
		},
		detail: []string{
			"The yarn is dyed before it is woven.", "Pre-washed, so it will not shrink.",
			"Double-stitched hems keep their shape.", "Certified free of harmful substances.",
			"The weave lets air through on warm nights.", "Each colour matches the others of the range.",
		},
		care: []string{
			"Machine wash at 40 °C and line dry.", "Wash before first use, apart from other colours.",
			"No ironing needed; it is meant to crease a little.", "Tumble dry on low for extra softness.",
		},
	},
}
