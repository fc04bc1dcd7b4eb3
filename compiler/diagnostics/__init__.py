"""Every message of the compiler, worded here as a named function; the other rooms only say what happened and where.

All problems of a bundle are collected in one run and reported together, in the order of their places. One file of
messages per stage; codes are stable: E1xx what the sources declare, E2xx CEL text.
"""

from compiler.diagnostics.problem import CompileError, Problem, Where, nearest, problem, render

__all__ = ["CompileError", "Problem", "Where", "nearest", "problem", "render"]
