"""Explanations: one recorded decision in full, with what each input of a tree model added."""
