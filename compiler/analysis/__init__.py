"""What rules can never say and what sources never use: found by reasoning over lowered rules, not by running them.

`checks` names every check. `values`, `relations` and `functions` know what may come out of an expression, `ranges`
reasons about a whole rule with them, and the other modules ask one question each. Every claim is sound: what is
called always or never true is so for each request, each item and each bundle of data; doubt is silence.
"""
