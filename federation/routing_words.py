"""Word lists of `federation.routing`: English, lower case. Adding to the first three keeps more at home."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Whoever these are about, somebody is meant.
PERSONAL = _words("""
i me my mine myself i'm i've i'd i'll im ive we us our ours ourselves we're we've we'd we'll your yours
yourself he him his himself she her hers herself he's she's mother mum mom mommy mama dad daddy father papa
parent parents sister brother sibling siblings wife husband spouse partner girlfriend boyfriend fiancé
fiance fiancée fiancee son daughter stepson stepdaughter aunt uncle cousin niece nephew grandma grandpa
grandmother grandfather granny grandson granddaughter neighbour neighbor boss manager colleague coworker
landlord tenant roommate flatmate classmate
""")

# What people would not tell a stranger.
SENSITIVE = _words("""
password passwords passphrase passcode pin login credential credentials username wifi wi-fi wlan iban
account licence license passport address addresses postcode zip birthday birthdate anniversary born salary
wage income debt loan mortgage rent appointment appointments diagnosis diagnosed medication medications pill
pills prescription allergy allergies allergic asthma cancer diabetes diabetic depression depressed anxiety
therapy therapist doctor dentist surgery hospital pregnant pregnancy divorce divorced affair lawyer court
arrested religion vote voted gay lesbian diary secret secrets yesterday today tomorrow tonight monday
tuesday wednesday thursday friday saturday sunday january february april june july august september october
november december
""")

# Given names, for people who type without capitals; names with capitals are noticed by these.
NAMES = _words("""
adam alan alex alexander alice amanda amy andrea andrew angela anna anne anthony arthur barbara ben benjamin
beth bob brian carl carol caroline charles charlie chris christina christine christopher claire clara daniel
dave david deborah dennis diana donald dorothy ed edward elena elizabeth ella emily emma eric ethan eva
felix fiona frank fred gary george gina hannah harry heather helen henry ian isabella jack jacob jake james
jamie jane janet jason jean jeff jennifer jenny jeremy jessica jim joan joe john jonas jonathan jordan jose
joseph josh joshua juan julia julie karen kate katie keith kelly ken kevin kim larry laura lauren leah leo
leon leonard liam linda lisa liz louis louise lucas lucy luis luke maggie marc marco marcus margaret maria
marie martin mary matt matthew max megan melissa mia michael michelle mike miriam mohamed mohammed molly
monica nancy natalie nathan nicholas nick nicole nina noah nora oliver olivia oscar pamela patricia patrick
paul paula peter phil philip rachel ralph rebecca rex richard rob robert robin roger ron rosa ruth ryan
sally sam samantha samuel sandra sara sarah sean sharon simon sofia sophia sophie stella stephanie stephen
steve steven sue susan tara ted teresa thomas tim timothy tina tom tony tracy vera victor victoria walter
wendy william yusuf zoe
""")

# Capitals that name nobody.
PUBLIC_CAPITALS = _words("""
english french german spanish italian portuguese dutch latin greek chinese japanese korean arabic russian
turkish polish swedish hindi python java javascript typescript rust ruby go sql html css json xml yaml csv
pdf api http url bash linux unix git markdown latex excel regex ai ok faq
""")

# A request for one of these shows how something is done; what it says of the world is not the point.
SKILLS = _words("""
write rewrite rephrase paraphrase reword summarise summarize shorten condense expand simplify explain
describe define outline draft compose translate correct proofread edit improve polish fix format convert
list brainstorm suggest compare contrast classify categorise categorize sort order rank extract highlight
bullet title continue complete finish answer reply respond use keep avoid be speak sound start end generate
create invent imagine refactor debug implement count spell punctuate capitalise capitalize make turn give
show tell teach help
""")

# After "how do I" these ask for a skill; other verbs may ask for what only one household knows.
HOW_TO = _words("""
write rewrite rephrase summarise summarize shorten translate correct format convert sort reverse split join
filter merge loop iterate parse compute calculate solve spell pronounce cite quote structure phrase begin
end conclude sum round
""")

COUNTED = _words("""
word words sentence sentences line lines paragraph paragraphs point points bullet bullets step steps item
items idea ideas tip tips way ways example examples reason reasons synonym synonyms title titles stanza
stanzas
""")

NUMBERS = _words("""
two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion
dozen first second third fourth fifth half quarter
""")

# Words that carry nothing of their own: an answer made of them and of the question's words adds no fact.
COMMON = _words("""
a about above across actually add added adding additionally after again against ago ahead all almost along
already also although always am among an and another any anyone anything appear are area around as ask asked
asks at away back bad be became because become becomes been before began begin behind being below best
better between big both brief bright but by call called calls came can cannot carefully case certain change
changes clear clearly close closely cold come comes common completely concise consider contain contains
could create creates day days deep did different difficult do does doing done down during each early easily
easy either else end ends enough especially even ever every everyone everything exactly example exist fact
far fast feel feels felt few final finally find finds follow following follows for form found free from full
further gave general generally gently get gets give given gives giving go goes going gone good got great
group had happen happens hard has have having hello help helps here high hold holds hope how however idea if
important in include includes including indeed information instead into is it its itself just keep keeps
kept kind kindly know known knows large last late later learn least leave left less let like likely little
live lives long longer look looks lot low made main mainly make makes making many may maybe mean means
meaning might more most mostly move moves moving much must near nearly necessary need needed needs never new
next nice no not note nothing now of off often old on once one only open or other others otherwise out over
own part particular parts people perhaps person place places please point possible present problem put quick
quickly quite rather read ready real really reason right said same saw say saying says see seem seems seen
send set several shall short should show shown shows side similar simple simply since slow slowly small so
some someone something sometimes soon still stop strong such sure take taken takes taking tell than thank
thanks that the their them then there therefore these they thing things think this those though through thus
time times to together too took toward try trying turn under understand until up upon use used useful uses
using usually various very want wants was way ways well went were what when where whether which while who
whole why will with within without word words work works world would write writes writing wrong year years
yes yet you
""")
