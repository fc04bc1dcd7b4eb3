"""Every message of the compiler, worded here as a named function; the other rooms only say what happened and where.

All problems of a bundle are collected in one run and reported together, in the order of their places. One file of
messages per stage; codes are stable: E1xx what the sources declare, E2xx CEL text, E3xx rows, E4xx models, E5xx what
must hold of a whole bundle, E6xx what its rules can say. A `W` code is a warning: it does not stop a build.
"""

from compiler.diagnostics.problem import CompileError, Problem, Severity, Where, nearest, problem, render, warnings_of

__all__ = ["CompileError", "Problem", "Severity", "Where", "nearest", "problem", "render", "warnings_of"]
