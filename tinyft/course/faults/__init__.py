"""`tinyft faults`: plant faults in a chapter's library and see which its notebook catches.

table.py     which files belong to a chapter, and the faults written by hand
plant.py     a file's possible faults: small changes of statements the notebook runs
trial.py     the child process: the notebook's code on one copy of the package
bench.py     copies of the package, and the processes that run on them
survey.py    every fault in its own trial, two side by side
screen.py    what the command prints and writes
"""
