"""The cross-checks: what the sections of a file say of each other, a module for each subject.

Each is a generator of findings over a `Config`, pure, and short enough to be read aloud.
"""
