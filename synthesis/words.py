"""Word lists behind the checks: what means the same, which small words belong to which language."""

from __future__ import annotations

import re
from functools import cache

from synthesis.verbs import base_form

# Words that ask the same thing; one stands for the others when meaning and leaks are compared.
_SAME = (
    "name names named call called calls known",
    "favourite favorite like likes liked love loves prefer prefers best enjoy enjoys most favourites",
    "work works worked job profession occupation employed employer career trade earn workplace",
    "live lives lived living home house reside address residence dwell housed based",
    "birthday birth born birthplace",
    "age old aged years year oldness",
    "keep keeps kept store stores stored put find located lie leave left hide hidden stash",
    "colour color coloured painted",
    "height tall",
    "far distance",
    "often frequently frequency",
    "long duration",
    "allergic allergy allergies allergen",
    "take takes drink drinks have has got own owns possess pet pets drive drives",
    "code combination pin password number unlock opens",
    "start starts begin begins begun started take place happen held due scheduled",
    "end ends expire expires over finish valid",
    "buy bought get got purchase purchased shop store",
    "meet met encounter",
    "doctor physician gp",
    "film movie",
    "wife married husband spouse partner marry",
    "learn learning studying study studied learnt",
    "next door neighbour neighbours neighbor neighbors",
    "mother mum mom",
    "father dad",
    "eat food diet eating",
    "city town",
    "car vehicle",
    "bike bicycle",
    "time hour o'clock",
    "day date days weekday",
    "spell spelled spelt written",
    "practice rehearsal training",
    "ask reason",
    "child children kids",
    "commute travel get go",
    "wifi wi-fi wi fi network",
)
MEANING = {word: line.split()[0] for line in reversed(_SAME) for word in line.split()}
ENGLISH = frozenset(
    """a about again am an and any are as at be been can could did do does don't for from had has have how
    i if in is it
    know me my not of on or our please should so tell than that the there this to was we were what when
    where which who
    whose why will with would you your""".split()
)
_FOREIGN = {
    "fr": "le la les des une est que qui quel quelle où mon ma mes je vous comment pour quand avec s'appelle",
    "de": "der die das ist und ich mein meine wie wo wann wer welche welcher nicht ein eine wohne heißt mit",
    "es": "el los las es que qué cuál dónde cuándo mi mis yo cómo está una un por con quién se llama",
    "it": "il lo gli è che qual quale dove quando mio mia miei chi come una sono con della si chiama",
    "pt": "o os as é que qual onde quando meu minha meus eu quem como uma um não com está se chama",
    "nl": "de het een is mijn wat waar wanneer wie hoe ik heet van welke niet met woon",
}
FOREIGN_WORDS = {language: frozenset(words.split()) for language, words in _FOREIGN.items()}
PRESENT = frozenset("is are am do does has have can".split())
PAST = frozenset("was were did had".split())
SMALL = ENGLISH | frozenset(
    """by into under behind near next inside over off up out down at its his her their he she they them him
    us mine ours
    one ones person people thing things place spot way kind sort type shop what's who's where's when's
    there's exactly
    also then just too very some name called would like want give gave given say said tell told remind
    remember
    recall forgot forgotten idea happen happens currently usually really actually right again now ever
    still use used
    being been because while more much many question quick another listen whether true case listen hey let
    ask something help""".split()
)


@cache
def meaning_of(word: str) -> str:
    """One word for all that ask the same: "job" and "occupation" are "work"; endings are taken off."""
    word = word.casefold()
    if word in MEANING:
        return MEANING[word]
    form = base_form(word)
    if form is not None:
        return MEANING.get(form[0], form[0])
    stem = re.sub(r"(?:ies|es|s)$", "", word) if len(word) > 4 else word
    return MEANING.get(stem, stem)
