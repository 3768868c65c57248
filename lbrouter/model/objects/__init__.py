"""Kinds of kernel objects that have a file of their own."""
