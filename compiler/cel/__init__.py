"""CEL text -> checked expressions -> rule IR. The only room that knows a CEL library; none of it runs at the edge."""
