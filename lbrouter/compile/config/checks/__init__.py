"""The cross-checks: whether the sections of a file fit together, a module for each subject.

Each check is a pure generator of diagnostics over a `Config`.
"""
