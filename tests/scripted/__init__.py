"""Scripted models: control flow, lists, structures and writes, each run down every branch and for several trip counts."""
