package fingerprint

import "strings"

// words are of four letters or more, mostly things that can be seen or touched. No two begin with
// the same four letters, and no two differ in one letter only: what was misheard is no other word.
// The order is part of the protocol.
var words = strings.Fields(`
	abbey accent acid acorn acrobat actor adapter address admiral advice affair agent airport alarm
	album alert algebra alloy almond alpine amateur amber anchor ancient android angle animal antenna
	anthem antique antler anvil apology apple apricot apron aqua arcade archer arctic arena argon
	aroma arrow artist aspen athlete atlas atom atrium attic audio aurora author autumn avenue
	aviator avocado award baboon bacon badger bagel bakery balcony ballet bamboo banana bandage banjo
	banner barber bargain barley barrel basil basket bassoon bathtub battery beach beagle beaver
	bedroom beehive bellows benefit bicycle bingo birch biscuit bishop bison blade blanket blazer
	blender blister blossom blouse boat bobcat bonfire bonnet bonus boots botany bottle bouquet
	bowling boxer branch brass bravo bread breeze brick bridge brief broker bronze broom brother
	brush bubble bucket budget buffalo buggy bugle bulb bumper bundle bunker burger butter buzzard
	cabbage cabin cable cactus cadet cage camel campus canal candle canoe canyon captain caramel
	carbon cargo carpet carrot cartoon cascade castle caution cavalry cavern cedar celery cello
	cement century ceramic chalk chamber channel chapel cheddar cheese cherry chess chicken chief
	chimney china chorus chrome chunk cider cinema circle citrus city civic classic clay clever
	client cliff climate clinic cloak cloth clown club cluster coach coast cobalt cobbler cobra
	cockpit coconut code coffee collar colony column comet comic common compass concert condor convoy
	cookie copper coral corner cosmos costume cottage county courage cousin cover cowboy coyote
	cracker cradle crane crater crayon creek crew cricket crimson cross crouton cruise crumb crust
	crystal cube cuckoo cuff cuisine culture curler curry curtain cushion custard cyclone cypress
	dancer dawn debate decade decimal deck decor deer degree delta deluxe demand denim dentist
	deposit derby design detail device diagram dial diamond diary diesel digital dinner diploma
	direct disco dish diver doctor dogwood dolphin dome domino donkey donor double dough dragon drama
	drawer dream dress drift drizzle drone drum dugout durable dustpan dynamo earring earth easel
	east echo eclipse ecology editor eight elastic elbow elder elegant elephant elite emblem emerald
	emperor encore endless energy engine enough epic episode eraser errand escape estate eternal
	event example exhibit exotic expert extra eyebrow eyelid fabric facade factory falcon family
	famous fanfare farmer fashion faucet feather fellow fence ferry fever fiction fiddle field fiesta
	figure filter finger fire flag flannel flask fleece flex flight flint float flood fluid flute
	foam focus folder forest fork formula fortune forum fossil frame freckle freezer friend frog
	frost frozen fruit fudge fuel fungus funnel furnace fusion future gadget galaxy gallery game
	gamma garage garden garlic garment gauge gazelle gecko general genius genre gentle geyser giant
	gift giraffe girder glacier glass glider glitter globe glue goblet goggles golden gondola goose
	gopher grain grammar granite grape gravel green griffin grill grocery grotto grove guava guest
	guide guild guitar gulf gymnast habit haddock halibut hamlet hammer hamster hangar happy harmony
	harness harp harvest hatchet hawk hazel hedge helmet helper hemlock herald herbal hermit heron
	hexagon hiccup hickory hidden highway hiker hinge hippo history hobby hockey holiday hollow honey
	hood horizon hornet horse hostel hound hubcap human hummus hunter hurdle husky hybrid iceberg
	icicle icon igloo image impala indigo inlet insect island ivory jacket jaguar jasmine javelin
	jazz jelly jersey jewel jigsaw jogger joker journal judo juggler juice jumbo jungle junior
	jupiter justice kayak kebab kelp kennel kettle kidney kimono kingdom kiosk kitchen kitten kiwi
	knee knight knot koala label ladder lagoon lake lamp lantern laptop laser lasso laundry leaf
	lecture ledger legend lemon lentil leopard letter library lichen lighter lilac linen lion liquid
	lizard llama lobster locker lodge logic lotus lounge lucky luggage lumber lunch machine magenta
	magic magnet magpie mailbox mammoth manager mango mansion maple marble margin marina market
	mascot maximum meadow melody member memory mentor menu mermaid method metro milk millet mimosa
	mineral minnow mirror mission mixture mobile model molar moment monarch month morning mortar
	mosaic mother motor mouse movie muffin museum music muskrat mystery napkin nature navy nectar
	needle neptune network newborn nickel nimble ninja noble noodle north nougat novel nugget nurse
	nutmeg nylon oasis oatmeal object oboe ocean octopus office olive omelet onion onyx opal opera
	orange orbit orchard organ origami osprey ostrich otter outfit outlaw oven oxygen oyster ozone
	pacific package paddle pagoda painter palace palm pancake panda panel panther papaya parade
	parcel parking parsley pasta patio patrol peanut pebble pecan pelican pencil penguin pepper
	perfume person phoenix photo piano pickle picnic pigeon pilgrim pillow pilot pinball pioneer
	pirate pitcher pixel pizza planet plaza plenty pliers plum plywood pocket podium poet polo pond
	popcorn poplar porch portal postage potato pottery powder prairie pretzel prince prism private
	profile project promise proton pudding pulley pumpkin puppet purple puzzle pyramid python quarry
	quaver queen query quilt quince quiz rabbit radar radio raft rainbow raisin random rapid raven
	razor recipe record redwood referee region reindeer relay relic remote rescue resort reward rhino
	ribbon rice robin robot rodeo roller romance roof rooster rope router royal rubber ruby rudder
	ruffle ruler rumble runway rustic safari saffron sailor salad salmon salsa sample sandal sardine
	satin saturn sauna sausage sawmill scale scene school science scooter scout screen script scuba
	season second secret seesaw select seven shadow shampoo shark shawl sheep shelf sheriff shield
	shop shovel shrimp shuttle sidecar signal silence silver siphon sister skate sketch skill skunk
	sled sleeve slipper smile smoke sneaker snow soap soccer soda soil soldier sorbet space spaniel
	sparrow spider spinach sponge spoon spring sprout spruce stadium stamp star statue steam stereo
	stick stone storm street studio sturdy subway sugar summer sunset super surf sushi swallow
	sweater swing switch syrup tablet tadpole target taxi teacher teapot temple tender tennis textile
	thimble thistle thorn thread thumb thunder tiger timber tinsel tiptoe tomato tongue tonic topaz
	tornado toucan tourist towel tractor traffic trapeze tribute triple trophy trumpet trunk tuba
	tugboat tulip turkey turnip turtle tuxedo tweed twelve twig typhoon ultra umbrella umpire uncle
	unicorn uniform unique unity upgrade upper valley vanilla vase vault velvet viaduct victory video
	village vinegar vintage violet viper vista vitamin vivid vocal volcano voyage waffle wagon waiter
	walnut walrus waltz warrior wedding weekend welcome western wheat whisper widget wigwam wild
	winter wisdom wolf wombat wool yacht yard year yeti zebra zero zigzag zinc
`)
