"""Sister questions: each group asks one thing in several structures, with a place for whom it is about."""

from __future__ import annotations

NAMES_OF_A_PERSON = (
    "What is my name?",
    "What am I called?",
    "Who am I?",
    "By what name do you know me?",
    "What should you call me?",
    "Which name do I go by?",
    "Do you know my name?",
)
NAMES = (
    "What is {} called?",
    "What's the name of {}?",
    "What is {}'s name?",
    "What name does {} have?",
    "Which name does {} go by?",
    "Do you know the name of {}?",
)
AGES = (
    "How old is {}?",
    "What age is {}?",
    "What is {}'s age?",
    "What's the age of {}?",
    "How many years old is {}?",
    "Do you know {}'s age?",
)
AGES_OF_ME = (
    "How old am I?",
    "What age am I?",
    "What is my age?",
    "How many years old am I?",
    "Do you know my age?",
)
JOBS = (
    "What is {}'s job?",
    "What does {} do for work?",
    "What does {} do for a living?",
    "What is {}'s profession?",
    "What does {} work as?",
    "What kind of work does {} do?",
    "Which job does {} have?",
    "What is {}'s occupation?",
)
JOBS_OF_ME = (
    "What is my job?",
    "What do I do for work?",
    "What do I do for a living?",
    "What is my profession?",
    "What do I work as?",
    "What kind of work do I do?",
    "Which job do I have?",
    "What is my occupation?",
)
ALLERGIES = (
    "What am I allergic to?",
    "Which allergy do I have?",
    "To what am I allergic?",
    "What do I have an allergy to?",
    "What is it that I'm allergic to?",
    "Do you know my allergies?",
)
HOMES = (
    "Where do I live?",
    "What place do I live in?",
    "Where is my home?",
    "In which place do I live?",
    "Where am I living?",
    "What is the place where I live?",
    "Where is it that I live?",
)
WORKPLACES = (
    "Where do I work?",
    "What is my workplace?",
    "In which place do I work?",
    "Where am I employed?",
    "What is the place where I work?",
    "Where is my job?",
    "At what place do I work?",
)
BIRTHPLACES = (
    "Where was I born?",
    "What is my birthplace?",
    "In which place was I born?",
    "What is my place of birth?",
    "What is the place where I was born?",
    "Where is my birthplace?",
)
BIRTHDAYS = (
    "When is {}'s birthday?",
    "On which day is {}'s birthday?",
    "What date is {}'s birthday?",
    "What day is {}'s birthday on?",
    "What is the date of {}'s birthday?",
    "When does {} have a birthday?",
    "When is the birthday of {}?",
)
MY_BIRTHDAY = (
    "When is my birthday?",
    "On which day is my birthday?",
    "What date is my birthday?",
    "What day is my birthday on?",
    "What is the date of my birthday?",
    "When do I have my birthday?",
    "When do I celebrate my birthday?",
)
