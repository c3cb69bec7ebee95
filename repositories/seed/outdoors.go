package seed

var outdoors = []department{
	{
		name: "Garden",
		items: []item{
			{"Hand Trowel", 9, 32}, {"Border Fork", 29, 75}, {"Digging Spade", 32, 85}, {"Dutch Hoe", 24, 60},
			{"Leaf Rake", 19, 48}, {"Bulb Planter", 14, 38}, {"Lawn Edger", 27, 64}, {"Weeding Knife", 11, 30},
			{"Pruning Saw", 22, 58}, {"Hedge Shear", 34, 95}, {"Potting Scoop", 8, 24},
		},
		traits:   []string{"Forged", "Stainless", "Ash-Handled", "Carbon Steel", "Long-Reach", "Heritage", "Lightweight"},
		variants: []string{"Green", "Natural", "Left-Handed", "Small Grip", "Large Grip", "Gift Boxed"},
		about: []string{
			"A {item} that takes stony ground in its stride.",
			"This {item} is balanced so that the tool does the work, not the wrist.",
			"A {item} to hand on, made the way it was a century ago.",
			"For beds, borders and pots: a {item} that lives by the back door.",
			"This {item} keeps a keen edge from spring to the last leaves.",
		},
		detail: []string{
			"The head is made from a single piece of steel.", "A leather loop hangs it up out of the wet.",
			"The handle is turned from coppiced ash.", "The steel comes away clean from heavy clay.",
			"Tested by allotment gardeners for two seasons.",
		},
		care: []string{
			"Brush off soil and wipe with linseed oil before winter.", "Touch up the edge with a file once a season.",
			"Handles are sold separately, should one ever break.", "Guaranteed for ten years of ordinary digging.",
		},
	},
	{
		name: "Camping & Hiking",
		items: []item{
			{"Tent", 120, 620}, {"Sleeping Bag", 79, 390}, {"Rucksack", 65, 280}, {"Rain Jacket", 75, 320},
			{"Dry Bag", 12, 48}, {"Sleeping Mat", 35, 190}, {"Tarp", 39, 160}, {"Hammock", 32, 120},
			{"Day Pack", 40, 130}, {"Bivvy Bag", 55, 210}, {"Poncho", 24, 90},
		},
		traits:   []string{"Ultralight", "Ripstop", "All-Weather", "Packable", "Recycled", "Alpine", "Trail"},
		variants: []string{"Moss Green", "Slate", "Sunset Orange", "Sand", "Lake Blue", "Night Black"},
		about: []string{
			"A {item} for trips on which every gram counts.",
			"This {item} has been rained on in four countries and never let us down.",
			"From a weekend in the woods to a month on the trail: one {item} for both.",
			"A {item} that packs down smaller than you would think.",
			"Made for bad weather, this {item} is no burden in good.",
		},
		detail: []string{
			"All seams are taped.", "The fabric is woven from recycled bottles.",
			"The zips can be worked with gloves on.", "Reflective loops show up by torchlight.",
			"It comes with a stuff sack and a repair patch.", "The buckles can be swapped without sewing.",
		},
		care: []string{
			"Dry it well before you put it away.", "Hand wash with mild soap and renew the proofing yearly.",
			"We mend what we sell, for as long as we can get the fabric.", "Store it loosely, not compressed.",
		},
	},
	{
		name: "Cycling",
		items: []item{
			{"Helmet", 39, 180}, {"Pannier", 35, 130}, {"Front Light", 19, 110}, {"Rear Light", 14, 70},
			{"Track Pump", 25, 80}, {"Saddle", 32, 150}, {"Handlebar Bag", 28, 110}, {"Chain Lock", 29, 120},
			{"Bottle Cage", 7, 35}, {"Luggage Rack", 24, 95}, {"Multi-Tool", 15, 60},
		},
		traits:   []string{"Commuter", "Touring", "Gravel", "City", "All-Road", "Winter", "Classic"},
		variants: []string{"Black", "Silver", "Racing Green", "Signal Red", "Reflective", "Tan"},
		about: []string{
			"A {item} for people who ride every day, not only on Sundays.",
			"This {item} goes on in a minute and stays put over cobbles.",
			"A {item} that makes the ride to work the best part of the day.",
			"Light, tough and easy to live with: a {item} without fuss.",
			"This {item} was tried out over a whole winter of commuting.",
		},
		detail: []string{
			"It suits most bikes and most riders.", "What can be adjusted adjusts without tools.",
			"It shrugs off rain and road salt.", "The finish will not rub off on clothes.",
			"Small parts can be bought singly.", "It weighs less than a full bottle.",
		},
		care: []string{
			"Rinse off grit and let it dry.", "Look it over after the first hundred kilometres.",
			"Three years of guarantee, crashes included.", "A drop of oil in spring is all that it asks for.",
		},
	},
	{
		name: "Sport & Fitness",
		items: []item{
			{"Yoga Mat", 19, 90}, {"Kettlebell", 24, 110}, {"Resistance Band", 7, 30}, {"Skipping Rope", 8, 35},
			{"Foam Roller", 14, 48}, {"Dumbbell Pair", 29, 160}, {"Balance Board", 35, 130}, {"Pull-Up Bar", 27, 90},
			{"Medicine Ball", 25, 80}, {"Gym Bag", 29, 95},
		},
		traits:   []string{"Studio", "Home", "Training", "Compact", "Pro", "Everyday", "Travel"},
		variants: []string{"Graphite", "Teal", "Plum", "Coral", "Light", "Medium", "Heavy"},
		about: []string{
			"A {item} that makes ten minutes at home worth while.",
			"This {item} is what our trainers use themselves.",
			"A {item} for beginners that you will not grow out of.",
			"Quiet enough for a flat with thin floors, this {item} needs little room.",
			"A plain, solid {item}, and nothing that could come loose.",
		},
		detail: []string{
			"The surface stays grippy when hands get damp.", "A printed card shows twelve exercises.",
			"No smell of rubber out of the box.", "It stows away under a bed.",
			"Tested to three times the load it is sold for.",
		},
		care: []string{
			"Wipe down with water and a little soap.", "Keep it away from radiators.",
			"Two years of guarantee, in a gym as well.", "Inspect it for wear now and then.",
		},
	},
}
