"""One arm of a few: a story, an incentive or none, a question or none."""

from engine.kinds.kind import Kind, one, present_one

CHOICE = Kind("choice", is_drawn=True, positions=one, present=present_one)
