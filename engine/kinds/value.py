"""One row of a declared table, such as a delivery promise: the best there is, never explored."""

from engine.kinds.kind import Kind, one, present_one

VALUE = Kind("value", is_drawn=False, positions=one, present=present_one)
