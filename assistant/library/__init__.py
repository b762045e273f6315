"""The models one can have: a catalogue, downloads, files of one's own, and what switching does. No screen."""
