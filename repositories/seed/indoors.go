package seed

var indoors = []department{
	{
		name: "Stationery",
		items: []item{
			{"Notebook", 6, 29}, {"Sketchbook", 8, 36}, {"Desk Planner", 12, 38}, {"Journal", 11, 39},
			{"Weekly Diary", 12, 34}, {"Letter Pad", 6, 24}, {"Guest Book", 16, 58}, {"Scrapbook", 13, 45},
			{"Field Book", 7, 27}, {"Recipe Book", 14, 42}, {"Music Book", 8, 26},
		},
		traits:   []string{"Pocket", "Studio", "Bureau", "Traveller's", "Architect's", "Library", "Classic"},
		variants: []string{"Navy", "Mustard", "Forest", "Burgundy", "Pearl Grey", "Black", "Kraft"},
		about: []string{
			"A {item} that makes you want to write things down.",
			"This {item} is made to be carried about and good enough to keep.",
			"A {item} for lists, letters and the odd great idea.",
			"Made in a family bindery, this {item} is sewn, not glued.",
			"A {item} in which nothing is there for show.",
		},
		detail: []string{
			"Kind to fountain pen ink: no bleeding, no feathering.", "It lies flat on the desk.",
			"The cover takes on a fine patina.", "The paper is heavy and a little off white.",
			"Printed and packed without plastic.", "A ribbon marks the place.",
		},
		care: []string{
			"Keep it dry, and it will outlast the year.", "A soft cloth removes finger marks.",
			"Matching pens are in our range.", "Can be embossed with initials on request.",
		},
	},
	{
		name: "Tools",
		items: []item{
			{"Claw Hammer", 16, 58}, {"Block Plane", 45, 190}, {"Chisel Set", 39, 210}, {"Tenon Saw", 29, 95},
			{"Socket Set", 35, 180}, {"Tape Measure", 7, 28}, {"Screwdriver Set", 19, 85}, {"Spirit Level", 15, 70},
			{"Combination Square", 18, 80}, {"Bar Clamp", 12, 55}, {"Marking Gauge", 17, 65}, {"Mallet", 14, 48},
		},
		traits:   []string{"Workshop", "Joiner's", "Cabinetmaker's", "Site", "Precision", "Heavy-Duty", "Bench"},
		variants: []string{"Small", "Medium", "Large", "Hardwood Handle", "Soft Grip", "In Canvas Roll"},
		about: []string{
			"A {item} that is ready to work when you take it out of the box.",
			"This {item} feels right in the hand and true on the bench.",
			"A {item} for people who measure twice.",
			"No gimmicks: a {item} that does one thing very well.",
			"This {item} is made for the trade and priced for the hobby.",
		},
		detail: []string{
			"The steel is hardened all the way through.", "Each one is checked against a master before it ships.",
			"The markings are engraved, not printed.", "It comes with a guard for the toolbox.",
			"The grip does not slip, even in wet gloves.",
		},
		care: []string{
			"A thin film of oil keeps rust away.", "Any part can be replaced.",
			"Lifetime guarantee against faults in the material.", "Store it in a dry place.",
		},
	},
	{
		name: "Audio & Computing",
		items: []item{
			{"Headset", 39, 280}, {"Bookshelf Speaker", 89, 590}, {"Mechanical Keyboard", 69, 230}, {"Webcam", 35, 160},
			{"Docking Hub", 29, 190}, {"Soundbar", 99, 640}, {"Wireless Mouse", 19, 110}, {"Graphics Tablet", 45, 320},
			{"Microphone", 55, 260}, {"Travel Charger", 18, 75}, {"Kitchen Radio", 49, 210}, {"Record Player", 130, 690},
		},
		traits:   []string{"Compact", "Studio", "Quiet", "Slim", "Portable", "Everyday", "Signature"},
		variants: []string{"Graphite", "Silver", "Chalk White", "Midnight", "Sand", "Second Generation"},
		about: []string{
			"A {item} that works the moment you plug it in.",
			"This {item} looks and feels like twice its price.",
			"A {item} for long days of calls and long evenings of music.",
			"Small on the desk, this {item} is big where it matters.",
			"A {item} without an account, an app or a subscription.",
		},
		detail: []string{
			"It connects by cable or wireless, as you like.", "One cable for power and data is included.",
			"The buttons can be told apart by touch.", "It needs no driver on any common system.",
			"Whatever wears out can be replaced.", "It wakes at once and sleeps by itself.",
		},
		care: []string{
			"Clean with a dry microfibre cloth.", "Updates are offered for at least five years.",
			"Two years of guarantee with exchange on the next working day.", "Comes in a box made of paper only.",
		},
	},
	{
		name: "Toys & Games",
		items: []item{
			{"Train Set", 35, 160}, {"Marble Run", 29, 120}, {"Jigsaw Puzzle", 11, 38}, {"Board Game", 19, 65},
			{"Card Game", 8, 26}, {"Stacking Tower", 12, 40}, {"Building Block Set", 24, 95}, {"Dice Game", 9, 24},
			{"Doll's House", 69, 290}, {"Domino Set", 14, 60}, {"Memory Game", 10, 28},
		},
		traits:   []string{"Woodland", "Harbour", "Mountain", "Circus", "Moonlight", "Seaside", "Meadow"},
		variants: []string{"Starter", "Deluxe", "Mini", "Family Edition", "Travel Edition", "Anniversary Edition"},
		about: []string{
			"A {item} that grown-ups borrow when the children are asleep.",
			"This {item} is explained in two minutes and played for years.",
			"A {item} for rainy Sundays.",
			"Bright, sturdy and full of small surprises: a {item} to grow up with.",
			"This {item} was tried out by three kindergartens before we made it.",
		},
		detail: []string{
			"The paints are water-based and safe to chew.", "Needs no batteries.",
			"All parts fit back into the box.", "The instructions come in six languages.",
			"It can be combined with the rest of the series.", "Drawn by an illustrator of picture books.",
		},
		care: []string{
			"Suitable from three years.", "Lost pieces are replaced free of charge.",
			"Wipe with a damp cloth.", "Suitable from six years, and for up to five players.",
		},
	},
}
